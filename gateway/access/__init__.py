"""Who may: from a request's credentials to a principal. Nothing configured means denied.

``credentials.py`` knows the secrets, ``authentication.py`` proves signatures, ``doctor.py`` says for
the log why one failed.
"""
