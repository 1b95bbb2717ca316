"""A file layer for SQLite that notes who syncs, and fails on command."""

import functools
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import apsw
import pytest

from gateway.catalog.sqlite import connection

_names = itertools.count()


class Disk:
    """What was synced by which thread, and whether syncing and writing fail."""

    def __init__(self) -> None:
        self.synced_by: list[int] = []
        self.fails_to_sync = False
        self.is_full = False


@contextmanager
def disk_under(patch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """All catalogs opened meanwhile are on this disk."""
    disk = Disk()
    name = f"recording-{next(_names)}"

    class File(apsw.VFSFile):
        def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
            disk.synced_by.append(threading.get_ident())
            if disk.fails_to_sync:
                raise apsw.IOError("the medium is gone")
            super().xSync(flags)

        def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
            if disk.is_full:
                raise apsw.FullError("no space left")
            super().xWrite(data, offset)

    class Layer(apsw.VFS):
        def __init__(self) -> None:
            super().__init__(name, "unix")  # never above the layer of checksums

        def xOpen(  # noqa: N802 - SQLite's name
            self, filename: str | apsw.URIFilename | None, flags: list[int]
        ) -> apsw.VFSFile:
            return File("unix", filename, flags)

    layer = Layer()
    patch.setattr(connection, "Connection", functools.partial(apsw.Connection, vfs=name))
    try:
        yield disk
    finally:
        layer.unregister()
