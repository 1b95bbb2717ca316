"""Paths on storages that cannot rename inside a commit (without Can.STAGE): being written, or to be
removed.

There the path is chosen before the bytes are written, and from then on it is owned by an *intent*: a
row that says who writes there. In the transaction that makes the bytes an object the intent becomes
the version's location. One that is given up, or whose process is dead, is doomed: its path is owned
until the bytes have been seen gone.
"""

from dataclasses import dataclass

from backends.interface import Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Where ``process`` is going to write bytes of a key, and nobody else.

    ``name`` is unique and gives the shadow path. ``aside``: a second path, written first, whose bytes
    are moved to ``path``. ``upload``: of which upload it is the object, or a part. ``begins_ns``: if the
    storage may begin something in parts there, the time now (Unix nanoseconds).
    """

    name: str
    process: str
    storage: str
    path: str
    natural: bool
    aside: str | None = None
    size: int | None = None
    upload: str | None = None
    begins_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What is under a path of an intent that is given up."""

    path: str
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A doomed path. ``size`` and ``stamp`` of the bytes there, as far as they are known.

    ``parts``: the storage's own id of what was begun there in parts. ``process``: who alone removes
    it; empty: the janitor, since what was asked of the storage before may still be on its way.
    """

    storage: str
    claim: str
    path: str
    process: str
    size: int | None
    stamp: str | None
    parts: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What came of a removal: whether nothing of ours is under the path."""

    removal: Removal
    gone: bool
