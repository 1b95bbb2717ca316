"""The only place that knows an HTTP server.

``listener.py`` owns the connections; ``receiving.py`` turns what arrived into a ``Request``;
``sending.py`` turns a ``Response`` into bytes. Nothing above this package knows which server runs.
"""
