"""Answers that send a client to where the bytes are, instead of passing them on.

Only where no client is harmed. An SDK takes a redirect for the news of another region, remembers it,
and asks the other host with a signature that was meant for us; so one is given only to a GET whose
right is in its URL (it is presigned) from what is no known SDK. What we alone can answer, a part, a
checksum or what If-Range asks, is answered here; so is what is not under its path any more, or what the storage would answer
with headers that the object has not.
"""

import re
from typing import Final

from backends.errors import NameRefused, Unsupported
from backends.interface import SERVED, Can, Stored
from gateway.catalog.records import Version
from gateway.s3.errors import S3Error
from gateway.s3.inputs.objects import GetObject
from gateway.s3.metadata import DEFAULT_CONTENT_TYPE
from gateway.service.context import Context
from gateway.service.told import told_headers

LONGEST_S: Final = 300
"""Seconds for which a link holds; less if the URL that asked for it holds for less."""
_SHORTEST_S: Final = 5

_SDKS: Final = re.compile(
    r"aws-sdk|aws-cli|aws-internal|boto|minio|s3transfer|rclone|restic|s3cmd|s5cmd|s3fs|goofys|"
    r"hadoop|arrow|obstore|object_store|opendal|smithy|cyberduck|terraform",
    re.IGNORECASE,
)


async def refer(context: Context, version: Version, input: GetObject) -> None:
    """Raise S3Error TemporaryRedirect if the client is to get the bytes from the storage itself."""
    link = await _link(context, version, input)
    if link is not None:
        # No cache may give it to others, or give it when it holds no more.
        raise S3Error("TemporaryRedirect", headers={"Location": link, "Cache-Control": "no-store"})


async def _link(context: Context, version: Version, input: GetObject) -> str | None:
    location = version.location
    if location.storage not in context.services.links.direct:
        return None
    seconds = _seconds(context)
    if seconds < _SHORTEST_S or input.part_number is not None or input.checksum_mode is not None:
        return None
    if "if-range" in context.headers:
        return None
    if _SDKS.search(context.headers.get("user-agent", "")):
        return None
    storage = context.storage(location.storage)
    if Can.LINK not in storage.can:
        return None
    stored = await context.services.links.seen.bytes_of(storage, version)
    if stored is None:
        return None
    if stored.holder and stored.holder not in context.services.links.direct:
        return None
    told = told_headers(context, version, input)
    answer_with = _unsaid({name: told[name] for name in told.keys() & SERVED}, stored)
    if answer_with is None:
        return None
    try:
        return storage.link(stored, seconds=seconds, answer_with=answer_with)
    except (Unsupported, NameRefused):
        return None


def _unsaid(told: dict[str, str], stored: Stored) -> dict[str, str] | None:
    """What the storage does not answer by itself; None if it answers more than that."""
    served = stored.headers
    if served is None:
        return told
    told.setdefault("content-type", DEFAULT_CONTENT_TYPE)
    if served.keys() - told.keys():
        return None
    return {name: value for name, value in told.items() if served.get(name) != value}


def _seconds(context: Context) -> int:
    """For how long the URL that asks holds, LONGEST_S at most; 0 if its right is not in the URL."""
    until_ns = context.presigned_until_ns
    if until_ns is None:
        return 0
    return min(LONGEST_S, (until_ns - context.services.now_ns()) // 1_000_000_000)
