"""What is stored, as a storage tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Tells whether the bytes under a path are still those we stored.

    ``stamp`` is opaque to all but the storage that made it (local: modification time in
    nanoseconds, unique for each sealing). Equal fingerprints mean the same bytes.
    """

    size: int
    stamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One stored thing: its path, fingerprint and time of last change (Unix nanoseconds)."""

    path: str
    fingerprint: Fingerprint
    modified_ns: int
    description: bytes | None = None
    """The self-description given when it was sealed; None if it has none or it is void.

    Told by ``stat`` (and ``Storage.staged_description``) only: a listing or an open reading, where
    asking would cost as much as the rest, leaves it None.
    """
    description_damaged: bool = False
    """There is a self-description, but it is not what was written (told where ``description`` is)."""
    headers: Mapping[str, str] | None = None
    """What of SERVED others are answered with (told where ``description`` is); None if nobody knows."""
    holder: str = ""
    """Which of the storages that this one is made of has told it (told where ``description`` is)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What was begun in parts under ``path``, an id by which ``abort_parts`` drops it, and when (Unix
    nanoseconds, by the storage's clock)."""

    path: str
    upload: str
    begun_ns: int
