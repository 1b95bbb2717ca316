"""The directory of a cache: where what is, and what nobody accounts for."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import apsw

from backends.cache.index import Displaced, Index

INDEX = "index.db"
LOCK = "lock"
_FOLDERS = tuple(f"{first:02x}" for first in range(256))
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MADE = ".new"
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def file_of(directory: Path, name: bytes) -> Path:
    """The file of a block."""
    text = name.hex()
    return directory / text[:2] / text


def made_of(directory: Path, name: bytes) -> Path:
    """The same while it is made."""
    return file_of(directory, name).with_suffix(_MADE)


def lock_of(directory: Path) -> int:
    """A descriptor of the file that all who use the directory lock. The directory is made; OSError if it
    is not ours alone."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = directory / LOCK
    found = _own(directory)
    if not lock.exists() and any(directory.iterdir()):
        raise FileExistsError(errno.EEXIST, "other things are in it", str(directory))
    directory.chmod(0o700)
    if found.st_mode & _WRITABLE and any(directory.iterdir()):  # nobody can put more there by now
        directory.chmod(stat.S_IMODE(found.st_mode))
        raise PermissionError(
            errno.EPERM, "others may write there: empty it, or take that from them", str(directory)
        )
    return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _own(directory: Path) -> os.stat_result:
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise NotADirectoryError(errno.ENOTDIR, "it is no directory of our own", str(directory))
    return found


def opened_alone(directory: Path, *, anew: bool) -> tuple[Index, bool]:
    """The index, made if there is none that can be used or if it is to be ``anew``, and whether files may
    be in the directory that it does not account for. The caller is alone there.

    They may be after a start of the system, which may have lost what was written last, and where the
    index is new. Raises apsw.Error, OSError.
    """
    is_new = _made_folders(directory) and not (directory / INDEX).exists()
    if anew:
        _remove_index(directory)
    try:
        index = Index(directory / INDEX)
    except (apsw.NotADBError, apsw.CorruptError, apsw.SQLError, Displaced):
        _remove_index(directory)
        index = Index(directory / INDEX)
    try:
        _free_unfinished(directory, index)
        with index.transaction():
            boot, known = _boot(), index.boot()
            if is_new:
                index.set_boot(boot)
    except BaseException:
        index.close()
        raise
    return index, not is_new and (not boot or known != boot)


def swept(directory: Path, index: Index, given_up: Callable[[], bool]) -> bool:
    """Remove the files that have no row. False if it was given up before all were looked at."""
    for folder in _FOLDERS:
        if given_up():
            return False
        with index.transaction():
            for file in (directory / folder).iterdir():
                if not _is_known(index, file.name):
                    file.unlink(missing_ok=True)
    with index.transaction():
        index.set_boot(_boot())
    return True


def _made_folders(directory: Path) -> bool:
    """Make those of the blocks. Whether none was there."""
    there = sum((directory / folder).is_dir() for folder in _FOLDERS)
    for folder in _FOLDERS:
        (directory / folder).mkdir(mode=0o700, exist_ok=True)
        _own(directory / folder)
    return not there


def _remove_index(directory: Path) -> None:
    for name in (INDEX, f"{INDEX}-wal", f"{INDEX}-shm"):
        (directory / name).unlink(missing_ok=True)


def _free_unfinished(directory: Path, index: Index) -> None:
    """Whoever made these has died."""
    with index.transaction():
        for name in index.unfinished():
            made_of(directory, name).unlink(missing_ok=True)
            file_of(directory, name).unlink(missing_ok=True)
            index.free(name)


def _is_known(index: Index, file: str) -> bool:
    try:
        return index.state(bytes.fromhex(file)) is not None
    except ValueError:
        return False


def _boot() -> str:
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return ""
