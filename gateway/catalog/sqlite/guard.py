"""Comparing each page that SQLite reads from its write-ahead log with the checksum of its frame.

cksumvfs sees the pages of the file only. A layer of apsw's would see those of the log, but would make
every read and lock of the file itself a call of Python. So one method of one open file is replaced:
SQLite tells where the log's file is (SQLITE_FCNTL_JOURNAL_POINTER), and its methods are a public
structure (https://sqlite.org/c3ref/io_methods.html). Reads of the file and all writes are what they were.
"""

import contextlib
import ctypes
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from ctypes import c_int, c_int64, c_void_p
from pathlib import Path

import apsw
import structlog
from apsw import Connection

from gateway.catalog.sqlite import pages, wal

BytesAt = Callable[[int, int], bytes]
"""Offset and count."""

_Read = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_ReadAtOnce = ctypes.PYFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
"""Without letting another thread run: for the few bytes beside what has just been read."""
_METHODS_WORDS = {1: 13, 2: 17, 3: 19}
"""Length of the structure by its version, which is its first word; xRead is its third."""
_READ_AT = 2
_SMALLEST_PAGE = 512
_HEAD_SUM_AT = 24
_FIRST_PAGE_AT = wal.HEAD_BYTES + wal.FRAME_HEAD_BYTES

_log = structlog.get_logger("s3front.catalog")


class Guard:
    """What the connections of one process to one catalog know of its log. Any thread."""

    def __init__(self, catalog: Path) -> None:
        self.damage: str | None = None
        """Which frame that is in use was found not to be what was written."""
        self.log = wal.log_of(catalog)
        self._catalog = catalog
        self._sound: dict[int, int] = {}
        """CRC-32 of the page that was last found sound at each offset."""

    def watch(self, connection: Connection) -> None:
        """Have its reads of the log compared, where there is what compares (``pages.load``). What
        differs is SQLITE_IOERR_DATA to it. It is in WAL mode and has read no schema yet.
        Raises apsw.Error."""
        if not pages.load():
            return
        wal.open_log(connection)
        file = _log_file(connection)
        _guards[file] = self
        _methods_of(file).value = _guarded(_methods_of(file).value or 0)
        connection.release_memory()  # of the first page, which was read to open the log

    @contextlib.contextmanager
    def lifted(self, connection: Connection) -> Iterator[None]:
        """For a while its reads are not compared: what it will read just has been."""
        file = _log_file(connection)
        methods = _methods_of(file)
        guarded = methods.value
        methods.value = _originals.get(guarded or 0, guarded)
        try:
            yield
        finally:
            methods.value = guarded

    def judge(self, page: bytes, offset: int, bytes_at: BytesAt) -> bool:
        """Whether the page read at ``offset`` of the log is what was written, or of a transaction that
        is not yet committed. Raises apsw.Error, OSError."""
        digest = zlib.crc32(page)
        if self._sound.get(offset) == digest:
            return True
        if _is_sound(page, offset, bytes_at):
            self._sound[offset] = digest
            return True
        number = 1 + (offset - _FIRST_PAGE_AT) // (wal.FRAME_HEAD_BYTES + len(page))
        with contextlib.closing(_another(self._catalog)) as other:
            if number > wal.committed(other):
                # A page that one transaction writes twice has its checksum when that commits.
                return True
        self.found(number)
        return False

    def found(self, frame: int) -> None:
        """Remember that this frame, 0 for the head, is not what was written, and log it once."""
        if self.damage is None:
            what = f"frame {frame}" if frame else "the head"
            self.damage = f"{what} of the catalog's write-ahead log is not what was written"
            _log.error("not as it was written", kind="catalog", detail=self.damage)


_guards: dict[int, Guard] = {}
"""By the address of the open file of the log."""
_originals: dict[int, int] = {}
"""Addresses of methods as they were, by those of the methods with the replaced one."""
_kept: dict[int, tuple[int, object]] = {}
"""For good, since open files refer to them: replaced methods by the address of the original ones."""
_of_thread = threading.local()


def _log_file(connection: Connection) -> int:
    file = c_void_p()
    connection.file_control("main", apsw.SQLITE_FCNTL_JOURNAL_POINTER, ctypes.addressof(file))
    if not file.value or not _methods_of(file.value).value:
        raise apsw.CantOpenError("the write-ahead log is not open")
    return file.value


def _methods_of(file: int) -> c_void_p:
    """The pointer to its methods, with which the structure of an open file begins."""
    return c_void_p.from_address(file)


def _guarded(methods: int) -> int:
    if methods in _originals:
        return methods
    if methods not in _kept:
        words = _METHODS_WORDS[min(c_int.from_address(methods).value, max(_METHODS_WORDS))]
        table = (c_void_p * words)()
        ctypes.memmove(table, methods, ctypes.sizeof(table))
        replaced = _Read(_comparing(table[_READ_AT] or 0))
        table[_READ_AT] = ctypes.cast(replaced, c_void_p).value
        _originals[ctypes.addressof(table)] = methods
        _kept[methods] = ctypes.addressof(table), (table, replaced)
    return _kept[methods][0]


def _comparing(original: int) -> Callable[[int, int, int, int], int]:
    read, read_at_once = _Read(original), _ReadAtOnce(original)

    def compare(file: int, into: int, size: int, offset: int) -> int:
        code: int = read(file, into, size, offset)
        if (
            code
            or size < _SMALLEST_PAGE
            or (offset - _FIRST_PAGE_AT) % (wal.FRAME_HEAD_BYTES + size)
            or (guard := _guards.get(file)) is None
        ):
            return code

        def bytes_at(where: int, length: int) -> bytes:
            buffer = ctypes.create_string_buffer(length)
            if read_at_once(file, ctypes.addressof(buffer), length, where):
                raise OSError("it cannot be read")
            return buffer.raw

        try:
            sound = guard.judge(ctypes.string_at(into, size), offset, bytes_at)
        except Exception as error:  # noqa: BLE001 - SQLite takes codes only
            _log.warning("the write-ahead log cannot be compared", cause=str(error))
            return apsw.SQLITE_IOERR_READ
        return apsw.SQLITE_OK if sound else apsw.SQLITE_IOERR_DATA

    return compare


def _is_sound(page: bytes, offset: int, bytes_at: BytesAt) -> bool:
    frame_head = bytes_at(offset - wal.FRAME_HEAD_BYTES, wal.FRAME_HEAD_BYTES)
    first = offset == _FIRST_PAGE_AT
    before = bytes_at(_HEAD_SUM_AT if first else offset - len(page) - 32, 8)
    swapped = sys.byteorder == "big"
    return any(
        _comparer().execute("SELECT verify_checksum(?)", (blob,)).get == 1
        for blob in (
            b"".join(wal.proof(before, frame_head, page, swapped=order))
            for order in (swapped, not swapped)
        )
    )


def _another(catalog: Path) -> Connection:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_EXRESCODE
    return Connection(str(catalog), flags=flags)


def _comparer() -> Connection:
    found: Connection | None = getattr(_of_thread, "comparer", None)
    if found is None:
        found = _of_thread.comparer = Connection(":memory:")
    return found
