"""What is said between a client and S3: by the model and by the server in the same words."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: status, error code (None for success, and where there is no body), and facts.

    Facts are headers by lower-case name, and what the document or the body says, by words of ours.
    Times, owners and ids of requests are left out.
    """

    status: int
    code: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a client wants kept with an object."""

    headers: dict[str, str] = field(default_factory=dict)
    """Standard headers by lower-case name."""
    metadata: dict[str, str] = field(default_factory=dict)
    tags: tuple[tuple[str, str], ...] = ()
    storage_class: str | None = None
    algorithm: str | None = None
    """Checksum algorithm: CRC32 or SHA256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """ETags without quotes, or ``*``. Dates are ``past``, ``future`` or ``exact``: the object's own."""

    if_match: str | None = None
    if_none_match: str | None = None
    modified_since: str | None = None
    unmodified_since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What of a listing is wanted."""

    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    """``marker``, ``start-after``, ``key-marker``."""
    limit: int | None = None
    encoded: bool = True


NOTHING_SENT = Sent()
NO_CONDITIONS = Conditions()
EVERYTHING = Wish()
