"""The catalog in one SQLite file, for one machine with one or several worker processes.

Reads run on the event loop's thread over one connection, statement by statement: each sees all that
was committed before it, in any process, and costs microseconds. Writes go through one committer
for each process: jobs in batches, one transaction a batch under a fair lock between processes, then
the renames and removals that the rows promise. It has a thread; what is brief and waits for no disk
it does on the loop.

One file each: ``schema`` the tables, ``connection`` how they are opened, ``filesystem`` where they
may lie, ``lock`` turns between processes, ``generation`` the counter that caches are held against,
``ledger`` what a transaction can do, ``committer`` who writes when, ``attempting`` one job of a
transaction, ``encoding`` rows to records,
``locations`` who owns which path, ``buckets``, ``objects``, ``listing``, ``uploads``, ``parts`` the
statements, ``findings`` what verification found, ``copying`` the whole file, ``opening`` what is
refused, ``catalog`` the interface, ``pages`` the checksums of the file, ``wal`` those of its
write-ahead log, ``guard`` comparing them at each read, ``writing_back`` before they are copied,
``checking`` reading all, ``failures`` SQLite's errors as ours. ``mirrors`` is a folder of its own: the
ledgers of mirrors, which are no part of the catalog.
"""

from gateway.catalog.sqlite import pages
from gateway.catalog.sqlite.catalog import SqliteCatalog

# Before anything in this process opens a catalog: pages written past the layer have wrong checksums.
pages.load()

__all__ = ["SqliteCatalog"]
