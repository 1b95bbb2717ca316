"""Computes the ETags of bytes that others wrote: S3's, or what the bucket has in their place."""

import asyncio
import itertools
import re

import structlog

from backends.errors import StorageError, Throttled, Unavailable
from backends.interface import Can
from gateway.catalog.errors import CatalogError
from gateway.catalog.outside import Digested, Undigested
from gateway.jobs.walking import Pace
from gateway.s3.checksums import hasher_of
from gateway.s3.etag import CRC, MD5, crc_of, etag_of_digest
from gateway.service.context import Services

_log = structlog.get_logger("s3front.digesting")
_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_POLL_S = 0.5
_ROUNDS_AWAY = 20
"""Before a storage that failed is asked again."""
_PAGE = 100
_INLINE = 16 * 1024
"""Bytes hashed on the loop's thread: a hop to another costs more."""
_SETTLED_NS = 100_000_000
"""Bytes changed within this time are read later: the kernel's clock may not tell a further change
from the last one."""


async def run(services: Services) -> None:
    """Round after round until cancelled; a failed one is logged and tried again."""
    away: set[str] = set()
    for number in itertools.count(1):
        try:
            await sweep(services, away)
        except (CatalogError, StorageError) as error:
            _log.warning("digests could not be computed", cause=str(error))
        await asyncio.sleep(_POLL_S)
        if number % _ROUNDS_AWAY == 0:
            away.clear()


async def sweep(services: Services, away: set[str] | None = None) -> int:
    """One round over all that waits, but for what is on storages that are ``away``: those that fail are
    added. Returns how many ETags were settled."""
    done, after = 0, (0, "")
    away = set() if away is None else away
    while True:
        page = await services.catalog.undigested(after=after, limit=_PAGE)
        if not page:
            return done
        digested = [
            one for each in page if (one := await _digested(services, each, away)) is not None
        ]
        await services.catalog.settle_digests(digested)
        done += len(digested)
        after = (page[-1].bucket_id, page[-1].key)


async def _digested(services: Services, each: Undigested, away: set[str]) -> Digested | None:
    version = each.version
    if version is None:
        return Digested(bucket_id=each.bucket_id, key=each.key)
    location = version.location
    storage = services.storages.get(location.storage)
    if storage is None or location.storage in away:
        return None
    if abs(services.now_ns() - version.modified_ns) < _SETTLED_NS:
        return None
    pace = Pace()
    made_of = _made_of(services, each)
    digest = hasher_of(made_of)
    try:
        content = await storage.itself().read(location.path, only_if=location.fingerprint)
        try:
            async for piece in content.chunks():
                if len(piece) > _INLINE:
                    await asyncio.to_thread(digest.update, piece)
                else:
                    digest.update(piece)
        finally:
            await content.aclose()
    except (Unavailable, Throttled):
        away.add(location.storage)
        return None
    except StorageError:  # changed or gone: whoever sees that queues it again
        return None
    if Can.STAGE not in storage.can:
        await pace.rest()
    return Digested(
        bucket_id=each.bucket_id,
        key=each.key,
        fingerprint=location.fingerprint,
        etag=etag_of_digest(made_of, digest.digest()),
    )


def _made_of(services: Services, each: Undigested) -> str:
    """What it was made of before, or it would never be found the same; else as of any new object."""
    if each.was is not None and crc_of(each.was) is not None:
        return CRC
    if each.bucket is None or (each.was is not None and _MD5.fullmatch(each.was)):
        return MD5
    return services.etag_algorithm(each.bucket)
