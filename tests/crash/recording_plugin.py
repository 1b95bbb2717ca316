# ruff: noqa: ARG001 - nbdkit calls these with all it has
"""A disk for nbdkit that notes every write and flush: ``nbdkit python recording_plugin.py …``.

``image`` holds what is on it at first; ``log`` gets a record for each: kind (``w`` or ``f``),
offset, length, then the bytes. What is in the log was seen by the disk in this order. Runs in
nbdkit's own Python: standard library only.
"""

import io
import os
import struct

API_VERSION = 2
HEAD = struct.Struct("<cQI")

_disk = bytearray()
_log = -1


def config(key: str, value: str) -> None:
    """``image=FILE`` and ``log=FILE``."""
    global _log  # noqa: PLW0603 - nbdkit's plugins are modules
    if key == "image":
        with io.open(value, "rb") as image:  # noqa: UP020 - open is the plugin's
            _disk[:] = image.read()
    elif key == "log":
        _log = os.open(value, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    else:
        raise ValueError(key)


def open(readonly: bool) -> int:
    """One disk for all connections."""
    return 1


def get_size(handle: int) -> int:
    """In bytes."""
    return len(_disk)


def pread(handle: int, buffer: bytearray, offset: int, flags: int) -> None:
    """Read what was written last, flushed or not."""
    buffer[:] = _disk[offset : offset + len(buffer)]


def pwrite(handle: int, buffer: bytes, offset: int, flags: int) -> None:
    """Write, and note it."""
    data = bytes(buffer)
    _disk[offset : offset + len(data)] = data
    os.write(_log, HEAD.pack(b"w", offset, len(data)) + data)


def flush(handle: int, flags: int) -> None:
    """All that was written before is on the medium now."""
    os.write(_log, HEAD.pack(b"f", 0, 0))
