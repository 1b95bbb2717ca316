"""Storages around a storage: each does one thing more, and is a storage itself.

From the outside in: ``Metering(Retrying(Timing(Limiting(Prefixed(storage)))))``. Retrying is outside of
Timing, so that what took too long is tried again; the other way round, the time would be that of all
attempts. Metering is outside of both, so that it tells what a client waited for. Caching, where there is one, is
outside of all: what it has at hand is not asked of the storage.
``Unstaged`` stands alone, around a directory that is a member of a mirror.
"""
