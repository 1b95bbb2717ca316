"""Hostile names to descriptors: beneath a directory, no link followed, regular files only.

All functions block briefly on purpose. Where Linux has ``openat2`` (5.6, seccomp permitting) the
kernel resolves a whole path in one call; elsewhere it is opened component by component. No
directory descriptor is cached: after a rename or rmdir it would name another place than its path.
"""

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backends.errors import NotFound
from backends.local.faults import translated

DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
"""Flags for a directory that is only passed through."""

READABLE_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags for a directory that is listed or synchronised."""

# O_NONBLOCK: a FIFO opens at once (and is then refused); O_NOCTTY: a terminal does not become ours.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER_MODE = 0o755

Open = Callable[[int, str, int], int]
"""(directory, path, flags) to a new descriptor. Raises OSError."""


def open_components(directory: int, path: str, flags: int) -> int:
    """Open ``path`` beneath ``directory`` component by component; flags hold O_NOFOLLOW."""
    head, _, last = path.rpartition("/")
    current = directory
    try:
        if head:
            for part in head.split("/"):
                below = os.open(part, DIRECTORY, dir_fd=current)
                if current != directory:
                    os.close(current)
                current = below
        return os.open(last, flags, dir_fd=current)
    finally:
        if current != directory:
            os.close(current)


class _How(ctypes.Structure):
    # struct open_how of linux/openat2.h
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


_OPENAT2 = 437  # the same number on all architectures but alpha
_BENEATH_NO_SYMLINKS = 0x08 | 0x04  # RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS


def _kernel_open() -> Open | None:
    if not sys.platform.startswith("linux"):
        return None
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.argtypes = [
        ctypes.c_long,
        ctypes.c_long,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
    ]
    syscall.restype = ctypes.c_long
    hows: dict[int, tuple[int, _How]] = {}
    # What os.fsencode does, without its call: half a microsecond of each GET.
    encoding, errors = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()

    def open_beneath(directory: int, path: str, flags: int) -> int:
        held = hows.get(flags)
        if held is None:
            how = _How(flags, 0, _BENEATH_NO_SYMLINKS)
            held = hows[flags] = ctypes.addressof(how), how
        name = path.encode(encoding, errors)
        while True:
            got: int = syscall(_OPENAT2, directory, name, held[0], 24)
            if got >= 0:
                return got
            code = ctypes.get_errno()
            if code == errno.EAGAIN:  # a rename elsewhere made the kernel unsure
                return open_components(directory, path, flags)
            if code != errno.EINTR:
                raise OSError(code, os.strerror(code), path)

    return open_beneath


def best_open(directory: int) -> Open:
    """``openat2`` if it works beneath ``directory``, else component by component."""
    kernel = _kernel_open()
    if kernel is None:
        return open_components
    try:
        os.close(kernel(directory, ".", DIRECTORY))
    except OSError:  # ENOSYS: an old kernel; EPERM: an old container's seccomp filter
        return open_components
    return kernel


class Beneath:
    """Names beneath one held directory. Paths must be sound (``backends.naming``)."""

    def __init__(self, directory: int, opened: Open) -> None:
        self.directory = directory
        self._open = opened

    def open_unseen(self, path: str) -> int:
        """Whatever is there, for reading; it may be no regular file. NotFound, StorageError."""
        try:
            return self._open(self.directory, path, _FILE)
        except OSError as error:
            # ENXIO: a socket; EINVAL: a name this file system has no way to spell
            if error.errno in {errno.ENXIO, errno.EINVAL}:
                raise NotFound(f"open {path!r}") from error
            raise translated(error, f"open {path!r}") from error

    def open_file(self, path: str) -> tuple[int, os.stat_result]:
        """A regular file, for reading. NotFound if it is none; StorageError otherwise."""
        file = self.open_unseen(path)
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            os.close(file)
            raise NotFound(f"{path!r} is not a regular file")
        return file, found

    def open_directory(self, path: str) -> int:
        """A directory for listing; "" is the held one itself. Raises OSError."""
        return self._open(self.directory, path or ".", READABLE_DIRECTORY)

    @contextmanager
    def parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The parent of ``path`` (made if wanted) and the last segment. Raises OSError."""
        head, _, last = path.rpartition("/")
        if not head:
            yield self.directory, last
            return
        try:
            parent = self._open(self.directory, head, DIRECTORY)
        except FileNotFoundError:
            if not make:
                raise
            parent = self._made(head)
        try:
            yield parent, last
        finally:
            os.close(parent)

    def drop_empty_parents(self, path: str, *, keep: int) -> None:
        """Remove parents of ``path`` that are empty, but for the first ``keep`` segments."""
        parts = path.split("/")[:-1]
        while len(parts) > keep:
            try:
                with self.parent("/".join(parts)) as (parent, last):
                    os.rmdir(last, dir_fd=parent)
            except OSError:  # not empty, or changed meanwhile: it is not ours to insist
                return
            parts.pop()

    def _made(self, head: str) -> int:
        current = self.directory
        try:
            for part in head.split("/"):
                try:
                    below = os.open(part, DIRECTORY, dir_fd=current)
                except FileNotFoundError:
                    make_directory(current, part, _FOLDER_MODE)
                    below = os.open(part, DIRECTORY, dir_fd=current)
                if current != self.directory:
                    os.close(current)
                current = below
        except BaseException:
            if current != self.directory:
                os.close(current)
            raise
        return current


def make_directory(parent: int, name: str, mode: int) -> None:
    """Make a directory; one that is there already is no error. Raises OSError."""
    try:
        os.mkdir(name, mode, dir_fd=parent)
    except FileExistsError:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name) from None


def names_in(directory: int) -> list[str]:
    """All names in an open directory. Blocks; raises OSError."""
    with os.scandir(directory) as entries:
        return [entry.name for entry in entries]
