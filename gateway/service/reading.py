"""Finding and opening the bytes of a current object."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from backends.errors import Damaged, NotFound
from backends.interface import Can, Content, Storage
from gateway.catalog.records import Bucket, Location, Version
from gateway.s3.errors import S3Error
from gateway.s3.ranges import ByteRange
from gateway.service.beginning import begun
from gateway.service.context import Context
from gateway.service.looking import as_it_is
from gateway.service.outside import unknown, unlike

_LOOKS = 5
_log = structlog.get_logger("s3front.reading")

Chosen = TypeVar("Chosen")


@dataclass(slots=True, kw_only=True)
class Opened(Generic[Chosen]):
    """A version, what was chosen of it, and the open bytes. ``content`` must be closed.

    Nobody changes one; not frozen only because each GET makes one.
    """

    version: Version
    chosen: Chosen
    content: Content


def whole(version: Version) -> ByteRange:
    """All bytes of a version."""
    return ByteRange(0, version.size - 1)


async def current(context: Context, bucket: Bucket, key: str) -> Version:
    """The current version. S3Error NoSuchKey.

    Of a key that has no row its natural path is looked at: somebody may just have put a file there.
    """
    version = await context.services.catalog.get(bucket, key)
    if version is None:
        version = await unknown(context.services, bucket, key)
    if version is None:
        raise S3Error("NoSuchKey", Key=key)
    return version


async def still_current(context: Context, bucket: Bucket, version: Version) -> Version:
    """That version, or the one that others made of it where only the storage can tell. S3Error NoSuchKey."""
    now = await as_it_is(context.services, bucket, version)
    if now is None:
        raise S3Error("NoSuchKey", Key=version.key)
    return now


def at_once(
    context: Context, bucket: Bucket, version: Version, span: ByteRange | None
) -> bytes | None:
    """The bytes, all without a span, of the current version of an object of ``bucket``, which
    ``context`` has just given: if they are few, at hand and where they belong. Else None, and
    ``open_current`` tells."""
    location = version.location
    if location.storage != bucket.storage:
        return None
    storage = _storage(context, bucket, location)
    first, last = (0, version.size - 1) if span is None else span
    try:
        return storage.read_at_once(
            location.path, first=first, last=last, only_if=location.fingerprint
        )
    except (NotFound, Damaged):
        return None


async def open_current(
    context: Context,
    bucket: Bucket,
    key: str,
    choose: Callable[[Version], Chosen],
    span: Callable[[Version, Chosen], ByteRange],
    *,
    found: Version | None = None,
) -> Opened[Chosen]:
    """Open the bytes that ``choose`` wants of the current version; ``found`` if ``current`` has just told
    it.

    Bytes are under their path or, until placed, under their staged name. When neither holds the
    version's bytes, a newer one has taken the path or the bytes have just been placed: the row is
    looked up again. If it has not changed others have changed the bytes, and the row follows them.
    ``choose`` may raise S3Error (conditions, ranges).
    """
    version = await current(context, bucket, key) if found is None else found
    doubtful = False
    for _ in range(_LOOKS):
        chosen = choose(version)
        content = await _open(context, bucket, version.location, span(version, chosen))
        if content is not None:
            return Opened(version=version, chosen=chosen, content=content)
        before = version
        version, doubtful = await _next(context, bucket, before)
        doubtful = doubtful or version != before
    if doubtful:
        raise S3Error(
            "ServiceUnavailable", "This object is changed so often that it cannot be read now."
        )
    _log.error(
        "stored bytes do not match the catalog",
        bucket=bucket.name,
        key=key,
        storage=version.location.storage,
        path=version.location.path,
    )
    raise S3Error(
        "InternalError", "The stored bytes of this object are not those that were written."
    )


async def _next(context: Context, bucket: Bucket, before: Version) -> tuple[Version, bool]:
    version, doubtful = await context.services.catalog.get(bucket, before.key), False
    if version == before:
        version, doubtful = await unlike(context.services, bucket, before)
    if version is None:
        raise S3Error("NoSuchKey", Key=before.key)
    return version, doubtful


def _storage(context: Context, bucket: Bucket, location: Location) -> Storage:
    """The storage of a location; itself where nobody looks later what others have changed."""
    storage = context.storage(location.storage)
    return storage if bucket.indexed else storage.itself()


async def _open(
    context: Context, bucket: Bucket, location: Location, span: ByteRange
) -> Content | None:
    storage = _storage(context, bucket, location)
    first, last = span
    try:
        content = await storage.read(
            location.path, first=first, last=last, only_if=location.fingerprint
        )
        return content if Can.OUTLIVE in storage.can else await begun(content)
    except (NotFound, Damaged):
        pass
    if location.staged is not None:
        try:
            return await storage.staged(
                location.staged, first=first, last=last, only_if=location.fingerprint
            )
        except (NotFound, Damaged):
            pass
    return None
