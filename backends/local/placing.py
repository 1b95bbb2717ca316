"""Staged bytes to their paths, paths to nothing, and the folders of buckets.

Everything here blocks briefly on purpose, is called in any thread, and is kept apart from its like
only by the catalog's lock; changes made by others at any moment are met with an answer, not a crash.
"""

import errno
import os
import stat
from collections.abc import Iterable

from backends import naming
from backends.errors import NameRefused, StorageError, Unavailable
from backends.interface import Fingerprint, Limits
from backends.local.attributes import Attributes, fingerprint
from backends.local.durability import sync_directory
from backends.local.faults import ABSENT, translated
from backends.local.opening import Beneath, make_directory

_TRIES = 5  # parents may be removed by others between being made and being used
_FAILING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
_IN_THE_WAY = frozenset(
    {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP, errno.EXDEV}
)


class Places:
    """Everything that renames, makes or removes names under the root."""

    def __init__(self, paths: Beneath, staged: int, attributes: Attributes, limits: Limits) -> None:
        """``staged``: descriptor of the directory of staged names."""
        self._paths = paths
        self._staged = staged
        self._attributes = attributes
        self._limits = limits
        self._device = os.fstat(staged).st_dev

    def folders(self) -> list[str]:
        """As ``Storage.folders``; links and names that cannot be a bucket's folder are left out."""
        try:
            with os.scandir(self._paths.directory) as entries:
                names = [e.name for e in entries if e.is_dir(follow_symlinks=False)]
        except OSError as error:
            raise translated(error, "list folders") from error
        return sorted(n for n in names if self._can_be_folder(n))

    def make_folder(self, name: str) -> None:
        """As ``Storage.make_folder``. NameRefused if something else is there."""
        naming.folder_name(name, self._limits)
        try:
            make_directory(self._paths.directory, name, 0o755)
        except NotADirectoryError as error:
            raise NameRefused(f"{name!r} is there and no directory") from error
        except OSError as error:
            raise translated(error, f"make folder {name!r}") from error

    def drop_folder(self, name: str) -> None:
        """As ``Storage.drop_folder``."""
        naming.folder_name(name, self._limits)
        try:
            os.rmdir(name, dir_fd=self._paths.directory)
        except OSError as error:
            left = {errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY}
            if error.errno not in ABSENT | left:
                raise translated(error, f"remove folder {name!r}") from error

    def prepare(self, path: str) -> bool:
        """As ``Storage.prepare``. False also on another file system, where no rename leads."""
        try:
            with self._paths.parent(path, make=True) as (parent, last):
                if os.fstat(parent).st_dev != self._device:
                    return False
                found = _look(parent, last)
        except OSError as error:
            if error.errno in _FAILING:
                raise translated(error, f"make parents of {path!r}") from error
            return False
        return found is None

    def place(self, name: str, path: str) -> bool:
        """As ``Storage.place``. A link or a special file in the way is not replaced."""
        try:
            self._move(name, path)
        except OSError:
            return False
        return True

    def publish(self, name: str, path: str, *, durable: bool) -> None:
        """As ``place``, but says why it cannot, and makes the path durable. May take long."""
        try:
            self._move(name, path)
        except OSError as error:
            if error.errno in _IN_THE_WAY:
                reason = f"{error.strerror}: something that is no file is in the way of {path!r}"
                raise NameRefused(reason) from error
            raise translated(error, f"publish {path!r}") from error
        if durable:
            self._force(_folders_above([path]))

    def remove(self, path: str, *, only_if: Fingerprint | None) -> bool:
        """As ``Storage.remove``. A directory, a link or a special file is never removed."""
        try:
            with self._paths.parent(path) as (parent, last):
                found = os.stat(last, dir_fd=parent, follow_symlinks=False)
                of = fingerprint(found)
                if not stat.S_ISREG(found.st_mode) or (only_if is not None and of != only_if):
                    return False
                os.unlink(last, dir_fd=parent)
        except OSError as error:
            if error.errno not in ABSENT:
                raise translated(error, f"remove {path!r}") from error
        else:
            self._attributes.forget(of)
        if not naming.looks_reserved(path.partition("/")[0]):
            self._paths.drop_empty_parents(path, keep=1)
        return True

    def force_removed(self, paths: Iterable[str]) -> None:
        """As ``Storage.force_removed``: fsync of all folders that lead to them and are still there."""
        self._force(_folders_above(paths))

    def drop_staged(self, name: str) -> None:
        """As ``Storage.drop_staged``."""
        try:
            found = _look(self._staged, name)
            if found is None:
                return
            os.unlink(name, dir_fd=self._staged)
        except FileNotFoundError:
            return
        except OSError as error:
            raise translated(error, f"drop staged {name!r}") from error
        self._attributes.forget(fingerprint(found))

    def _move(self, name: str, path: str) -> None:
        for _ in range(_TRIES):
            with self._paths.parent(path, make=True) as (parent, last):
                replaced = _look(parent, last)
                if replaced is not None and not stat.S_ISREG(replaced.st_mode):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
                try:
                    os.rename(name, last, src_dir_fd=self._staged, dst_dir_fd=parent)
                except FileNotFoundError:
                    if _look(self._staged, name) is None:
                        raise
                    continue
            if replaced is not None:
                self._attributes.forget(fingerprint(replaced))
            return
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    def _force(self, folders: Iterable[str]) -> None:
        for folder in folders:
            try:
                if not folder:
                    sync_directory(self._paths.directory, ".")
                    continue
                with self._paths.parent(folder) as (parent, last):
                    sync_directory(parent, last)
            except OSError as error:
                if error.errno not in ABSENT:
                    raise Unavailable(f"fsync of {folder!r} failed: {error.strerror}") from error

    def _can_be_folder(self, name: str) -> bool:
        try:
            naming.folder_name(name, self._limits)
        except StorageError:
            return False
        return True


def _folders_above(paths: Iterable[str]) -> list[str]:
    """Each once, the deepest first; the last, "", is the root."""
    folders = {""}
    for path in paths:
        parts = path.split("/")[:-1]
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return sorted(folders, key=lambda folder: folder.count("/") + bool(folder), reverse=True)


def _look(parent: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
