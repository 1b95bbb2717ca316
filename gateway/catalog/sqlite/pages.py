"""Checksums of the file's pages: a flipped bit on the medium is an error, never another row.

They are those of SQLite's checksum layer (https://sqlite.org/cksumvfs.html), which apsw's packages on
PyPI bring: eight bytes at the end of each page, written with it and compared whenever it is read from
the file. A checksum of each row would cost more (measured: 1.6 µs a row in Python, this 1 µs a read
and nothing that can be told from noise a write) and find less: a bit that flips in a key, in the
tree that leads to a row or in an index makes a row vanish, and no row is left to be compared.
Frames of the WAL have checksums of SQLite's own, which ``wal`` and ``guard`` compare.
"""

import contextlib
import ctypes
from pathlib import Path

import apsw
import apsw.sqlite_extra
from apsw import Connection

CHECKING = "cksmvfs"
"""Name of the layer."""

RESERVED_BYTES = 8
_LIBRARY = "cksumvfs"
_RESERVED_AT = 20
_HEADER = 100


def load() -> bool:
    """Make CHECKING the layer of every connection that this process opens from now on and that names
    no other. False where apsw has none. May be called again.

    Nothing may lie above it but SQLite: a layer of one's own goes upon "unix".
    """
    if CHECKING not in apsw.vfs_names() and apsw.sqlite_extra.has(_LIBRARY):
        with contextlib.closing(Connection(":memory:")) as loader:
            apsw.sqlite_extra.load(loader, _LIBRARY)
    return CHECKING in apsw.vfs_names()


def reserved(path: Path) -> int | None:
    """Bytes at the end of each page that are not SQLite's, None if the file is empty or not there.

    Checksums are there if it is 8. Blocks. Raises OSError.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
    except FileNotFoundError:
        return None
    return header[_RESERVED_AT] if len(header) == _HEADER else None


def reserve(connection: Connection) -> None:
    """Let the pages of a file that is still empty have checksums."""
    size = ctypes.c_int(RESERVED_BYTES)
    connection.file_control("main", apsw.SQLITE_FCNTL_RESERVE_BYTES, ctypes.addressof(size))


def reserved_by(connection: Connection) -> int:
    """As ``reserved``, of the file that it has open and has read from."""
    size = ctypes.c_int(-1)
    connection.file_control("main", apsw.SQLITE_FCNTL_RESERVE_BYTES, ctypes.addressof(size))
    return size.value


def are_checked(connection: Connection) -> bool:
    """Whether pages that this connection reads are compared with their checksums."""
    return connection.execute("PRAGMA checksum_verification").fetchall() == [("1",)]
