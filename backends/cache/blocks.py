"""The file of one block: a head with checksums, and the bytes. Everything here blocks.

The head names the block, so that no file is ever taken for another one; each ``UNIT`` of bytes has a checksum
of its own, so that a few bytes of a block can be read and proven without the rest.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backends.cache.naming import Block

UNIT = 64 * 1024
_MAGIC = b"S3FBLK01"
_HEAD = struct.Struct("<8s16sIq")
_SUM = 8
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
AT_ONCE = UNIT if _NOWAIT else 0
"""Blocks of so many bytes can be read at once, where the kernel tells that a read would wait."""
_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe would be waited for


class Torn(Exception):
    """The file is not, or not wholly, what was written."""


def file_bytes(size: int) -> int:
    """Length of the file of a block of so many bytes."""
    return _head_bytes(size) + size


def read(path: Path, block: Block, first: int, end: int) -> tuple[bytes, int]:
    """Bytes ``first`` to ``end`` of the block, and when the object was changed last.

    FileNotFoundError if there is no such file, Torn if it is not what was written; OSError.
    """
    file = os.open(path, os.O_RDONLY | _FLAGS)
    try:
        head = os.pread(file, _head_bytes(block.size), 0)
        modified_ns, sums = _told(head, block)
        unit, stop = first // UNIT, -(-end // UNIT)
        until = min(stop * UNIT, block.size)
        data = os.pread(file, until - unit * UNIT, len(head) + unit * UNIT)
        if os.fstat(file).st_size != file_bytes(block.size):
            raise Torn("it has another length")
    finally:
        os.close(file)
    if len(data) != until - unit * UNIT or _sums(data) != sums[unit * _SUM : stop * _SUM]:
        raise Torn("its bytes are not those that were written")
    return data[first - unit * UNIT : end - unit * UNIT], modified_ns


def read_at_once(path: Path, block: Block) -> bytes | None:
    """All bytes of a block of one unit, if they are in memory. Raises as ``read``."""
    length = file_bytes(block.size)
    buffer = bytearray(length + 1)
    file = os.open(path, os.O_RDONLY | _FLAGS)
    try:
        count = os.preadv(file, (buffer,), 0, _NOWAIT)
    except BlockingIOError:
        return None
    finally:
        os.close(file)
    head, data = (
        bytes(buffer[: _head_bytes(block.size)]),
        bytes(buffer[length - block.size : length]),
    )
    if count != length or _sums(data) != _told(head, block)[1]:
        raise Torn("its bytes are not those that were written")
    return data


def write(path: Path, block: Block, data: bytes, modified_ns: int) -> int:
    """Make the file, which must not be there. The number that tells it from any other of that name.
    Raises OSError, FileExistsError among them."""
    head = _HEAD.pack(_MAGIC, block.name, block.size, modified_ns) + _sums(data)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
    try:
        rest = memoryview(head + _sum(head) + data)
        while rest:
            rest = rest[os.write(file, rest) :]
        return os.fstat(file).st_ino
    finally:
        os.close(file)


def _told(head: bytes, block: Block) -> tuple[int, bytes]:
    if len(head) != _head_bytes(block.size) or head[-_SUM:] != _sum(head[:-_SUM]):
        raise Torn("its head is not what was written")
    magic, name, size, modified_ns = _HEAD.unpack_from(head)
    if (magic, name, size) != (_MAGIC, block.name, block.size):
        raise Torn("it is another block")
    return modified_ns, head[_HEAD.size : -_SUM]


def _head_bytes(size: int) -> int:
    return _HEAD.size + _SUM * (-(-size // UNIT) + 1)


def _sums(data: bytes) -> bytes:
    """Of each unit, one behind the other."""
    view = memoryview(data)
    return b"".join([_sum(view[at : at + UNIT]) for at in range(0, len(data), UNIT)])


def _sum(data: bytes | memoryview) -> bytes:
    checksum: Callable[[Any], int] = _crt().crc64nvme
    return checksum(data).to_bytes(_SUM, "little")


def _crt() -> Any:
    # Whoever has no cache need not wait 40 ms for it.
    from awscrt import checksums  # type: ignore[import-untyped]  # noqa: PLC0415 - no type hints

    return checksums
