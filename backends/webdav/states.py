"""What tells the bytes under a path from others: the fingerprint of a file on a WebDAV server."""

from dataclasses import dataclass

from backends.errors import Unavailable
from backends.interface import Fingerprint, Stored
from backends.webdav.dialect import Dialect, Validator
from backends.webdav.multistatus import Resource

STAMP = "stamp"
"""The property that holds a token of its own for each write of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A file as it is. ``token`` is empty where none of ours is kept with it."""

    size: int
    validator: str
    token: str = ""

    @property
    def fingerprint(self) -> Fingerprint:
        stamp = f"{self.validator}+{self.token}" if self.token else self.validator
        return Fingerprint(size=self.size, stamp=stamp)


def state_of(resource: Resource, validator: Validator) -> State:
    """Of a file. Unavailable if the server does not tell enough."""
    if resource.size is None:
        raise Unavailable(f"the server does not tell the size of {resource.href[:200]!r}")
    told = told_state(resource.etag, resource.modified_s, validator)
    if told is None:
        raise Unavailable(f"the server tells neither ETag nor time of {resource.href[:200]!r}")
    return State(size=resource.size, validator=told, token=resource.kept.get(STAMP, ""))


def told_state(etag: str | None, modified_s: int | None, validator: Validator) -> str | None:
    """The ``validator`` of a State, of what a server tells; None if that is too little."""
    if etag is not None and validator is not Validator.MODIFIED:
        return f"e{etag}"
    return None if modified_s is None else f"m{modified_s}"


def is_the_moved(found: State, before: State, dialect: Dialect) -> bool:
    """Whether ``found`` can be what was ``before`` a MOVE."""
    if (found.size, found.token) != (before.size, before.token):
        return False
    return found.validator == before.validator or not dialect.renames


def stored_as(path: str, resource: Resource, validator: Validator) -> Stored:
    """What is stored, without a description."""
    return Stored(
        path=path,
        fingerprint=state_of(resource, validator).fingerprint,
        modified_ns=(resource.modified_s or 0) * 1_000_000_000,
    )
