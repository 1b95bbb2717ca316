"""The ledger of a mirror (``backends.mirror.ledger``) in a file of its own beside the catalog, or in memory.

It is no part of the catalog: what it holds is of storages, and it changes while none of the catalog's
transactions is open. It has the same guards: turns between processes, no network file system, WAL.

One file each: ``tables`` the tables, ``file`` how they are opened, read and changed, ``change`` what one
transaction has, ``entries`` rows to entries, ``members`` who is one, ``calls`` what changes a path of a member,
``looks`` what is found on members, ``queue`` what waits for repair, ``ledger`` the interface.
"""

from gateway.catalog.sqlite.mirrors.ledger import SqliteMirrorLedger

__all__ = ["SqliteMirrorLedger"]
