"""The access key of the owner: given, or generated at first start and kept."""

import configparser
import contextlib
import hashlib
import os
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path

OWNER_ID = hashlib.sha256(b"s3front owner").hexdigest()
"""Canonical user id of the one account: 64 hexadecimal digits as Amazon's, the same everywhere and
for ever, so that it survives a change of keys."""
OWNER_NAME = "s3front"

FILE_NAME = "credentials"
_SECTION = "default"
_LARGEST = 64 * 1024


class CredentialsError(Exception):
    """The kept credentials cannot be used. The text names the file and the fix, never a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What is known about who may sign."""

    root_access_key: str
    root_secret_key: str = field(repr=False)
    owner_id: str = OWNER_ID
    owner_name: str = OWNER_NAME

    def secret(self, access_key: str) -> str | None:
        """The secret of that access key, None if there is no such key."""
        return self.root_secret_key if access_key == self.root_access_key else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Credentials of a file, and how they came to be in it."""

    credentials: Credentials
    file: Path
    generated: bool
    """They were made just now."""
    tightened: bool = False
    """Others could read the file; now they cannot."""


def keep(folder: Path) -> Kept:
    """The credentials kept in ``folder``; generated and written, mode 0600, if there are none.

    The file has the form of AWS's shared credentials file, so that
    ``AWS_SHARED_CREDENTIALS_FILE`` can point at it. Of two processes that start at once, both get
    the same. Raises CredentialsError for a file without a usable pair, OSError for one that cannot
    be read or written.
    """
    file = folder / FILE_NAME
    generated = False
    if not file.exists():
        generated = _write_new(file, _generate())
    credentials, tightened = _read(file)
    return Kept(credentials=credentials, file=file, generated=generated, tightened=tightened)


def _generate() -> Credentials:
    upper = string.ascii_uppercase + string.digits
    letters = string.ascii_letters + string.digits
    return Credentials(
        root_access_key="".join(secrets.choice(upper) for _ in range(20)),
        root_secret_key="".join(secrets.choice(letters) for _ in range(40)),
    )


def _write_new(file: Path, credentials: Credentials) -> bool:
    """Whether this call made the file: whole and durable, or not at all."""
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    text = (
        f"[{_SECTION}]\n"
        f"aws_access_key_id = {credentials.root_access_key}\n"
        f"aws_secret_access_key = {credentials.root_secret_key}\n"
    )
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            # A hard link, unlike a rename, replaces nothing.
            os.link(temporary, file)
            return True
        return False
    finally:
        temporary.unlink()
        _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(file: Path) -> tuple[Credentials, bool]:
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as stream:
        tightened = bool(os.fstat(stream.fileno()).st_mode & 0o077)
        if tightened:
            os.fchmod(stream.fileno(), 0o600)
        text = stream.read(_LARGEST)
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
        access_key = parser.get(_SECTION, "aws_access_key_id", fallback="")
        secret_key = parser.get(_SECTION, "aws_secret_access_key", fallback="")
    except configparser.Error:
        access_key = secret_key = ""
    if len(access_key) < 3 or len(secret_key) < 8:
        raise CredentialsError(
            f"{file} holds no usable pair of keys (aws_access_key_id, aws_secret_access_key). "
            "Correct it, or move it away: then new keys are generated."
        )
    return Credentials(root_access_key=access_key, root_secret_key=secret_key), tightened
