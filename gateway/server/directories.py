"""The data directories: made, probed and locked before anything runs."""

import errno
import fcntl
import os
import shlex
import stat
import tempfile
from pathlib import Path

from backends.interface import RESERVED
from gateway.server.failure import Exit, StartError
from gateway.server.minio_directory import refuse_minio_directory
from gateway.settings.model import Settings

LOCK_NAME = "s3front.lock"
_CATALOG = "catalog.db"


class Directories:
    """Where the state is and what of it is ours alone, until ``close``.

    ``state`` holds catalog and credentials, mode 0700; ``locks`` are descriptors of locked files,
    to be inherited by workers: flock belongs to the open file, so a second server stays out until
    the last worker is gone, even if the parent was killed.
    """

    def __init__(self, settings: Settings) -> None:
        self.locks: list[int] = []
        self._locked: list[tuple[Path, int]] = []
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        try:
            self.catalog, self.state = self._prepare(settings)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the locks and remove what was temporary."""
        for descriptor in self.locks:
            os.close(descriptor)
        self.locks.clear()
        self._locked.clear()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _prepare(self, settings: Settings) -> tuple[Path, Path]:
        for storage in settings.storages.values():
            if storage.type == "local":
                root = Path(str(storage.options["root"]))
                refuse_minio_directory(root)
                _make(root, 0o755)
                _writable(root)
                self._lock(_private(root / RESERVED))
        if settings.catalog is not None:
            catalog = Path(settings.catalog)
            state = catalog.parent
            if state.name == RESERVED:
                _private(state)
            _make(state, 0o700)
            _writable(state)
            self._lock(state)
            return catalog, state
        if settings.storages[settings.home].type == "memory":
            # Nothing outlives the process: neither should what is known about it.
            self._temporary = tempfile.TemporaryDirectory(prefix="s3front-")
            state = Path(self._temporary.name)
            return state / _CATALOG, state
        catalog = catalog_of(settings, purpose="serve")
        return catalog, catalog.parent

    def _lock(self, folder: Path) -> None:
        path = folder / LOCK_NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _refused(path, error) from None
        held = [os.fstat(one) for one in self.locks]
        if any(os.path.samestat(os.fstat(descriptor), one) for one in held):
            os.close(descriptor)
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise StartError(
                f"Another S3front (pid {holder or 'unknown'}) uses {folder.parent}. "
                "Stop it, or serve another directory.",
                exit=Exit.FAILED,
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise StartError(
                f"{path} cannot be locked: {error.strerror}. Put the data on a file system that "
                "knows locks (flock).",
                exit=Exit.STORAGE_FAILED,
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self.locks.append(descriptor)
        self._locked.append((path, descriptor))

    def check(self) -> None:
        """OSError, with cause and fix, if a directory is not the one that was locked: its file system
        was unmounted, or another mounted over it. Whoever starts there would find nothing."""
        for path, descriptor in self._locked:
            try:
                same = os.path.samestat(path.lstat(), os.fstat(descriptor))
            except OSError:
                same = False
            if not same:
                raise OSError(
                    errno.ESTALE,
                    f"{path.parent} is not the directory that was opened; mount that one again",
                )


def catalog_of(settings: Settings, *, purpose: str) -> Path:
    """Where the catalog of these settings is, or is to be. StartError if there is none for ``purpose``."""
    if settings.catalog is not None:
        return Path(settings.catalog)
    home = settings.storages[settings.home]
    if home.type == "local":
        return Path(str(home.options["root"])) / RESERVED / _CATALOG
    if home.type == "memory":
        raise StartError(
            f"storages.{settings.home}: it outlives no server: there is nothing to {purpose}.",
            exit=Exit.BAD_CONFIGURATION,
        )
    raise StartError(
        f"catalog: it is not set, and the default storage {settings.home!r} is behind a network. "
        'Name a file on a local disk: catalog = "sqlite:///var/lib/s3front/catalog.db".',
        exit=Exit.BAD_CONFIGURATION,
    )


def existing_catalog(settings: Settings, *, purpose: str) -> Path:
    """The same of one that is there."""
    catalog = catalog_of(settings, purpose=purpose)
    if not catalog.is_file():
        raise StartError(
            f"There is no catalog at {catalog}. Name what `s3front serve` was given; if the "
            "catalog is lost, make it anew: s3front rebuild.",
            exit=Exit.STORAGE_FAILED,
        )
    return catalog


def snapshot_folder(settings: Settings, catalog: Path) -> Path:
    """Where snapshots of the catalog are kept: with the bytes they tell of, if those are local."""
    # The parent of the workers never asks, and need not import the catalog.
    from gateway.jobs.snapshots import FOLDER  # noqa: PLC0415

    home = settings.storages[settings.home]
    if home.type == "local":
        return Path(str(home.options["root"])) / RESERVED / FOLDER
    return catalog.parent / FOLDER


def _make(folder: Path, mode: int) -> None:
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except FileExistsError:
        raise StartError(
            f"{folder} is not a directory. Name a directory, or move that file away.",
            exit=Exit.STORAGE_FAILED,
        ) from None
    except OSError as error:
        raise _refused(folder, error) from None


def _private(folder: Path) -> Path:
    _make(folder, 0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise StartError(
            f"{folder} is a link, not a directory of its own. Remove it.", exit=Exit.STORAGE_FAILED
        )
    if status.st_mode & 0o077:
        try:
            folder.chmod(0o700)
        except OSError as error:
            raise _refused(folder, error) from None
    return folder


def _writable(folder: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _refused(folder, error) from None


def _nearest(path: Path) -> tuple[Path, int | None]:
    """The lowest directory of the path that is there, with its owner; or, without an owner, the one
    that may not be passed through."""
    barred = None
    for there in (path, *path.parents):
        try:
            owner = there.stat().st_uid
        except PermissionError:
            barred = there.parent
        except OSError:
            continue
        else:
            return (there, owner) if barred is None else (barred, None)
    return path, None


def _refused(path: Path, error: OSError) -> StartError:
    """What cannot be written, as whom, and the one line that puts it right."""
    uid, gid = os.geteuid(), os.getegid()
    if error.errno in {errno.EACCES, errno.EPERM}:
        there, owner = _nearest(path)
        fix = f"Fix: chown -R {uid}:{gid} {shlex.quote(str(there))}"
        if owner == uid:
            fix = f"{there} is owned by it: look at its mode, its access list and its mount."
        elif owner is None:
            fix = f"Let it pass through {there}, or choose another directory."
    elif error.errno == errno.EROFS:
        fix = "It is mounted read-only: mount it writable."
    elif error.errno in {errno.ENOSPC, errno.EDQUOT}:
        fix = "Free some space."
    else:
        fix = "Check that path."
    return StartError(
        f"{path} is not writable for uid {uid} (gid {gid}): {error.strerror}. {fix}",
        exit=Exit.STORAGE_FAILED,
    )
