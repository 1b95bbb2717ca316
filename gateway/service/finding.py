"""What bytes that others wrote are to the catalog, and what became of them."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from backends.interface import Can, Fingerprint, Storage, Stored
from gateway.catalog.outside import UNDIGESTED, Adoption, Found, Standing
from gateway.catalog.records import Bucket, Location
from gateway.s3.content_types import guessed
from gateway.s3.metadata import DEFAULT_CONTENT_TYPE
from gateway.service.description import Description, decode

_ETAG = re.compile(r"[0-9a-f]{32}(-[1-9][0-9]{0,4})?", re.ASCII)
GENERIC_TYPES = frozenset({DEFAULT_CONTENT_TYPE, "application/octet-stream"})
"""Content types that say nothing."""
_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What was found and done. Counts, and the keys to be looked at again."""

    adopted: int = 0
    changed: int = 0
    restored: int = 0
    missing: int = 0
    refused: int = 0
    """Lies where an object would, but is none: in the way of one, a link, a pipe, not ours to read."""
    busy: list[str] = field(default_factory=list)
    """Still being written."""
    again: list[str] = field(default_factory=list)
    """Changed while it was looked at."""
    left: list[str] = field(default_factory=list)
    """Those that were found and refused, of one piece of work only."""

    def add(self, other: "Outcome") -> None:
        """Take in what another piece of the same work did."""
        self.adopted += other.adopted
        self.changed += other.changed
        self.restored += other.restored
        self.missing += other.missing
        self.refused += other.refused
        self.busy += other.busy
        self.again += other.again

    def count(self, key: str, adoption: Adoption) -> None:
        """Take in what became of one that was found."""
        match adoption:
            case Adoption.NEW:
                self.adopted += 1
            case Adoption.CHANGED:
                self.changed += 1
            case Adoption.RESTORED:
                self.restored += 1
            case Adoption.IN_THE_WAY | Adoption.OWNED:
                self.refused += 1
                self.left.append(key)
            case Adoption.GONE:
                self.again.append(key)
            case Adoption.SAME | Adoption.OURS:
                pass

    @property
    def anything(self) -> bool:
        """Whether any row was changed."""
        return bool(self.adopted or self.changed or self.restored or self.missing)


def found(
    bucket: Bucket,
    key: str,
    stored: Stored,
    *,
    etag: str,
    description: Description | None,
    stale: bool,
    standing: Standing | None = None,
) -> Found:
    """Bytes under the natural path of a key. ``etag``: if they do not tell theirs."""
    modified_ns = max(0, stored.modified_ns)
    was = None if description is None else (description.bucket, description.key)
    described = None
    if description is not None:
        location = Location(
            storage="", path=stored.path, staged=None, fingerprint=stored.fingerprint
        )
        described = description.version(location, modified_ns=modified_ns)
        # What was described before it was written tells less.
        described.size = stored.fingerprint.size
        described.etag = etag = description.etag or etag
    return Found(
        key=key,
        path=stored.path,
        fingerprint=stored.fingerprint,
        modified_ns=modified_ns,
        etag=etag,
        headers=_headers(key, stored),
        stale=stale,
        was=None if was == (bucket.name, key) else was,
        described=described,
        standing=standing,
    )


def _headers(key: str, stored: Stored) -> Mapping[str, str]:
    """Those that the storage answers with; the type as the name says if nobody else has said it."""
    headers = {} if stored.headers is None else {n: v for n, v in stored.headers.items() if v}
    type = guessed(key)
    if type is not None and headers.get("content-type", DEFAULT_CONTENT_TYPE) in GENERIC_TYPES:
        headers["content-type"] = type
    return headers


def described(stored: Stored) -> Description | None:
    """What the bytes say of themselves, if it is of them."""
    if stored.description is None:
        return None
    description = decode(stored.description)
    return description if description and description.size == stored.fingerprint.size else None


def described_before(storage: Storage, stored: Stored) -> Description | None:
    """The same where it is written before the bytes: the size and the ETag may not have been known.

    What somebody else wrote with the words of another object is told by an ETag that is not its own.
    """
    if stored.description is None:
        return None
    description = decode(stored.description)
    if description is None:
        return None
    size, stamp = stored.fingerprint.size, stored.fingerprint.stamp
    if not description.etag:
        return description if description.size in {0, size} else None
    tells = Can.ETAGS in storage.can and _MD5.fullmatch(stamp) and _MD5.fullmatch(description.etag)
    if description.size != size or (tells and description.etag != stamp):
        return None
    return description


def etag_of(storage: Storage, path: str, of: Fingerprint) -> str:
    """The storage's own where clients can take that for S3's, else a provisional one."""
    if Can.ETAGS in storage.can and _ETAG.fullmatch(of.stamp):
        return of.stamp
    return provisional(path, of)


def provisional(path: str, of: Fingerprint) -> str:
    """An ETag for bytes that nobody has read yet: another one whenever they are changed."""
    text = f"{path}\0{of.size}\0{of.stamp}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + UNDIGESTED
