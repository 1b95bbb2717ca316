"""Every call by which this process changes its data directory: counted, and failed on command.

``os``'s functions are replaced for as long as ``Calls`` is entered, and SQLite gets a file layer.
Calls that touch other directories pass uncounted. That no other kind of call changes anything is
shown with strace (``test_calls_are_all.py``).
"""

import contextlib
import errno
import functools
import itertools
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import apsw
import pytest

from backends.local import staging
from backends.local.making_room import make_room
from gateway.catalog.sqlite import connection

EIO = "EIO"
ENOSPC = "ENOSPC"
KILL = "KILL"
KINDS = (EIO, ENOSPC, KILL)

_BY_DESCRIPTOR = ("pwrite", "write", "ftruncate", "fsync", "fdatasync", "utime", "setxattr")
_BY_NAME = ("open", "mkdir", "rmdir", "unlink")
_BY_TWO_NAMES = ("rename", "link")
OF_OS = (*_BY_DESCRIPTOR, *_BY_NAME, *_BY_TWO_NAMES, "copy_file_range")
OF_SQLITE = ("xOpen", "xDelete", "xWrite", "xSync", "xTruncate")
SYNCS = frozenset({"fsync", "fdatasync", "xSync"})
_NEED_SPACE = frozenset(
    {"open", "mkdir", "pwrite", "fallocate", "write", "copy_file_range", "setxattr", "link"}
    | {"rename", "xOpen", "xWrite", "fsync", "fdatasync", "xSync", "ftruncate"}
)
"""What may say ENOSPC. fsync: where space is allotted late (NFS, quotas, thin volumes)."""

_BELOW = "unix"
"""Never above the layer of checksums: catalogs that are made under this one have none."""

_layers = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What becomes of the ``at``-th call, counted from 1: EIO fails it alone, ENOSPC it and all
    later ones that need space, KILL ends the process before it."""

    kind: str
    at: int


class Calls:
    """The calls made while armed, and the fault among them."""

    def __init__(self, root: Path, fault: Fault | None) -> None:
        self.made: list[str] = []
        """``name path``, in order, paths relative to the root."""
        self.hit: str | None = None
        """The first call that was failed."""
        self.synced_again: list[str] = []
        """Files of which a failed fsync was tried again."""
        self.armed = False
        self._root = f"{root}/"
        self._fault = fault
        self._lost: set[tuple[int, int]] = set()
        self._lock = threading.Lock()
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Self:
        patch = self._undo.enter_context(pytest.MonkeyPatch.context())
        for name in OF_OS:
            patch.setattr(os, name, self._counting(name, getattr(os, name)))
        patch.setattr(staging, "make_room", self._counting("fallocate", make_room))
        layer = _sqlite_layer(self)
        self._undo.callback(layer.unregister)
        vfs = functools.partial(apsw.Connection, vfs=layer.name)
        patch.setattr(connection, "Connection", vfs)
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _counting(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not self.armed:
                return real(*args, **kwargs)
            path = f"{_path_of(name, args, kwargs)}/"
            if path.startswith(self._root):
                file = args[0] if name in SYNCS else None
                self.count(name, path.removeprefix(self._root).rstrip("/") or ".", file)
            return real(*args, **kwargs)

        return call

    def count(self, name: str, path: str, file: int | None = None) -> None:
        """Note the call, and raise or die if it is its turn."""
        if not self.armed:
            return
        with self._lock:
            self.made.append(f"{name} {path}")
            number = len(self.made)
            fault = self._fault
            strikes = fault is not None and (
                number == fault.at
                if fault.kind != ENOSPC
                else number >= fault.at and name in _NEED_SPACE
            )
            if strikes and self.hit is None:
                self.hit = self.made[-1]
            if file is not None:
                self._watch_sync(file, path, failing=strikes)
        if fault is None or not strikes:
            return
        if fault.kind == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        _fail(name, fault.kind)

    def _watch_sync(self, file: int, path: str, *, failing: bool) -> None:
        found = os.fstat(file)
        if stat.S_ISDIR(found.st_mode):
            return  # later files need it again
        if (found.st_dev, found.st_ino) in self._lost:
            self.synced_again.append(path)
        if failing:
            self._lost.add((found.st_dev, found.st_ino))


def _fail(name: str, kind: str) -> None:
    if name not in OF_SQLITE:
        number = errno.EIO if kind == EIO else errno.ENOSPC
        raise OSError(number, os.strerror(number))
    if kind == ENOSPC and name == "xWrite":
        raise apsw.FullError("no space left on device")
    raise apsw.IOError("input/output error")


def _path_of(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    if name == "copy_file_range":
        return _of_descriptor(args[1])
    target, folder = args[0], kwargs.get("dir_fd")
    if name in _BY_TWO_NAMES:
        target, folder = args[1], kwargs.get("dst_dir_fd")
    if isinstance(target, int):
        return _of_descriptor(target)
    below = Path.cwd() if folder is None else Path(_of_descriptor(folder))
    return str(below / os.fsdecode(target))


def _of_descriptor(number: int) -> str:
    try:
        return str(Path(f"/proc/self/fd/{number}").readlink())
    except OSError:
        return ""


def _sqlite_layer(calls: Calls) -> "_Layer":
    return _Layer(f"counting-{next(_layers)}", calls)


class _Layer(apsw.VFS):
    def __init__(self, name: str, calls: Calls) -> None:
        self.name = name
        self._calls = calls
        super().__init__(name, _BELOW)

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        short = f".s3front/{Path(path).name}"
        self._calls.count("xOpen", short)
        return _File(name, flags, short, self._calls)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self._calls.count("xDelete", f".s3front/{Path(filename).name}")
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    def __init__(
        self, name: str | apsw.URIFilename | None, flags: list[int], short: str, calls: Calls
    ) -> None:
        self._calls = calls
        self._short = short
        super().__init__(_BELOW, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._calls.count("xWrite", self._short)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._calls.count("xSync", self._short)
        super().xSync(flags)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._calls.count("xTruncate", self._short)
        super().xTruncate(newsize)


@contextlib.contextmanager
def armed(calls: Calls) -> Iterator[None]:
    """Count, and fail, what is done meanwhile."""
    calls.armed = True
    try:
        yield
    finally:
        calls.armed = False
