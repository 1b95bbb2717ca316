"""All that a storage may raise on purpose.

StorageError
├── NotFound          nothing is stored under that path
├── NameRefused       the storage cannot hold that path (too long, reserved, a parent is a file …)
├── Exists            something is there already, and was not to be replaced
├── Unsupported       a verb or an argument this storage does not declare in ``Can``
├── Denied            the storage refuses us (permission, read-only mount)
├── Full              no space or quota left
├── Damaged           what is stored is not what was written there (size or fingerprint differs)
├── Throttled         the storage asks for a pause (``after_s``)
│   └── Displaced     others needed the place of a body whose client was slow; nothing is wrong with the storage
└── Unavailable       the storage cannot be reached or failed; the outcome of a write is unknown
"""

from typing import ClassVar


class StorageError(Exception):
    """Base of the closed set. ``retryable`` is the only thing a retry looks at."""

    retryable: ClassVar[bool] = False


class NotFound(StorageError):
    """Nothing is stored under the path."""


class NameRefused(StorageError):
    """This storage cannot hold the path; another name is needed."""


class Exists(StorageError):
    """Something is stored under the path, and was not to be replaced."""


class Unsupported(StorageError):
    """The verb or argument is not among what the storage declares."""


class Denied(StorageError):
    """The storage refuses us."""


class Full(StorageError):
    """No space or quota is left."""


class Damaged(StorageError):
    """The stored bytes are not those that were described."""


class Throttled(StorageError):
    """The storage asks for a pause of ``after_s`` seconds."""

    retryable: ClassVar[bool] = True

    def __init__(self, message: str, *, after_s: float = 1.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Displaced(Throttled):
    """A body was given up to make room: its client was slow, and nothing is wrong with the storage."""


class Unavailable(StorageError):
    """The storage cannot be reached or failed."""

    retryable: ClassVar[bool] = True
