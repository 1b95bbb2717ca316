"""What a directory and its file system can do, found out before it is used. Everything blocks."""

import errno
import os
import secrets
import stat
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backends.errors import Denied, NameRefused, Unavailable
from backends.interface import RESERVED, Limits
from backends.local.attributes import ATTRIBUTE
from backends.local.folding import Folding
from backends.local.opening import READABLE_DIRECTORY, make_directory, names_in
from backends.naming import OWN, looks_reserved

IDENTITY = "storage-id"
"""File under RESERVED with the name of the storage for life."""

_ODD_NS = 1_795_706_895_123_456_789
_FOLDERS = ("staged", OWN, "about", "writers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """Facts of a root. The caller owns the three descriptors."""

    root: int
    reserved: int
    staged: int
    identity: str
    folding: Folding
    extended: bool
    """Extended attributes work."""
    exact_times: bool
    """Modification times are kept to the nanosecond."""
    limits: Limits


def probe(root: Path, *, durable: bool) -> Probed:
    """Make ready and probe ``root``. Denied, NameRefused or Unavailable, with cause and remedy."""
    if sys.getfilesystemencoding() != "utf-8":
        raise Unavailable(
            f"file names would be encoded as {sys.getfilesystemencoding()}; set PYTHONUTF8=1"
        )
    opened: list[int] = []
    try:
        facts = _probe(root, opened)
        if durable:
            os.fsync(facts.reserved)
            os.fsync(facts.root)
    except BaseException as error:
        for descriptor in opened:
            os.close(descriptor)
        if isinstance(error, OSError):
            raise _refusal(root, error) from error
        raise
    return facts


def _probe(root: Path, opened: list[int]) -> Probed:
    def kept(descriptor: int) -> int:
        opened.append(descriptor)
        return descriptor

    root.mkdir(parents=True, exist_ok=True)
    for part in root.resolve(strict=True).parts:
        if looks_reserved(part):
            raise NameRefused(
                f"{root} lies in the reserved directory of another storage; "
                f"choose a directory outside of any {RESERVED}"
            )
    root_fd = kept(os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    make_directory(root_fd, RESERVED, 0o700)
    reserved = kept(os.open(RESERVED, READABLE_DIRECTORY, dir_fd=root_fd))
    if stat.S_IMODE(os.fstat(reserved).st_mode) != 0o700:
        os.fchmod(reserved, 0o700)
    for folder in _FOLDERS:
        make_directory(reserved, folder, 0o700)
    staged = kept(os.open("staged", READABLE_DIRECTORY, dir_fd=reserved))
    folding, extended, exact_times = _behaviour(reserved)
    return Probed(
        root=root_fd,
        reserved=reserved,
        staged=staged,
        identity=_identity(reserved),
        folding=folding,
        extended=extended,
        exact_times=exact_times,
        limits=Limits(max_segment=min(255, os.fpathconf(root_fd, "PC_NAME_MAX")), max_path=4095),
    )


def _refusal(root: Path, error: OSError) -> Exception:
    reason = f"{root}: {error.strerror}"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return Denied(
            f"{reason}; user {os.geteuid()} must be able to write there, and {RESERVED} must be "
            "its own (chown)"
        )
    if error.errno == errno.EROFS:
        return Denied(f"{reason}; mount it writable or choose another root")
    if error.errno in {errno.ENOTDIR, errno.EEXIST, errno.ELOOP}:
        return NameRefused(
            f"{reason}; the root and {RESERVED} in it must be directories, and {RESERVED} and what "
            "is in it no symbolic links"
        )
    if error.errno == errno.ENOSPC:
        return Unavailable(f"{reason}; make room or choose another root")
    return Unavailable(f"{reason}; choose a root where files can be made, renamed and locked")


def _behaviour(reserved: int) -> tuple[Folding, bool, bool]:
    name = f"probe-{secrets.token_hex(8)}"
    os.mkdir(name, 0o700, dir_fd=reserved)
    try:
        folder = os.open(name, READABLE_DIRECTORY, dir_fd=reserved)
        try:
            return _folding(folder), _extended(folder), _exact_times(folder)
        finally:
            for left in names_in(folder):
                os.unlink(left, dir_fd=folder)
            os.close(folder)
    finally:
        os.rmdir(name, dir_fd=reserved)


def _folding(folder: int) -> Folding:
    composed = "\u00e9"
    decomposed = unicodedata.normalize("NFD", composed)
    case = _confuses(folder, "Case", "cASE")
    unicode = _confuses(folder, composed, decomposed)
    names = set(names_in(folder))
    return Folding(
        case=case,
        unicode=unicode,
        stores=None if composed in names else "NFD" if decomposed in names else "NFC",
        lowers="Case" not in names,
    )


def _confuses(folder: int, made: str, asked: str) -> bool:
    file = os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=folder)
    os.close(file)
    try:
        os.stat(asked, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def _extended(folder: int) -> bool:
    set_attribute: Callable[[int, str, bytes], None] | None = getattr(os, "setxattr", None)
    if set_attribute is None:
        return False
    file = os.open("attribute", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        set_attribute(file, ATTRIBUTE, b"probe")
        return os.getxattr(file, ATTRIBUTE) == b"probe"
    except OSError:
        return False
    finally:
        os.close(file)


def _exact_times(folder: int) -> bool:
    file = os.open("time", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        os.utime(file, ns=(_ODD_NS, _ODD_NS))
        return os.fstat(file).st_mtime_ns == _ODD_NS
    finally:
        os.close(file)


def _identity(reserved: int) -> str:
    """The storage's name for life, made by whichever process comes first."""
    if IDENTITY not in names_in(reserved):
        draft = f"{IDENTITY}.{secrets.token_hex(8)}"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        file = os.open(draft, flags, 0o600, dir_fd=reserved)
        try:
            os.write(file, f"{secrets.token_hex(16)}\n".encode())
            os.fsync(file)
        finally:
            os.close(file)
        try:
            os.link(draft, IDENTITY, src_dir_fd=reserved, dst_dir_fd=reserved)
            os.unlink(draft, dir_fd=reserved)
        except FileExistsError:
            os.unlink(draft, dir_fd=reserved)
        except OSError:  # no hard links here (FAT): the last of two at the same instant wins
            os.rename(draft, IDENTITY, src_dir_fd=reserved, dst_dir_fd=reserved)
    file = os.open(IDENTITY, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=reserved)
    try:
        return os.read(file, 64).decode("ascii", "replace").strip()
    finally:
        os.close(file)
