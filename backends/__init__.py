"""Where the bytes are.

A backend is a driver (``local``, ``memory`` …); a storage is one configured use of it, with a name.
Every storage has five verbs (stat, read, write, delete, list) over *paths*; the rest is declared in
``Can`` and tested by one behaviour suite. What S3 promises (conditions, versions, ETags, listings
with delimiters, tags) lives in ``gateway.service`` and ``gateway.catalog``, never here.

``interface`` is the promise, ``errors.py`` all that may be raised, ``registry.py`` the only list.
"""
