"""Millions of keys: what the catalog and the disk need for them: ``python -m bench.keys``.

The objects are rows of the catalog without files, for listings and HEAD look at rows alone.
"""
