"""Answers that send a client to where the bytes are, instead of passing them on.

Only where no client is harmed. An SDK takes a redirect for the news of another region, remembers it,
and asks the other host with a signature that was meant for us; so one is given only to a GET whose
right is in its URL (it is presigned) from what is no known SDK. What we alone can answer, a part or a
checksum, is answered here.
"""

import re
from typing import Final

from backends.errors import NameRefused, Unsupported
from backends.interface import Can
from gateway.catalog.records import Version
from gateway.s3.errors import S3Error
from gateway.s3.inputs.objects import GetObject
from gateway.service.context import Context
from gateway.service.told import told_headers

LONGEST_S: Final = 300
"""Seconds for which a link holds; less if the URL that asked for it holds for less."""
_SHORTEST_S: Final = 5

_TOLD: Final = frozenset(
    {
        *("content-type", "content-language", "expires", "cache-control"),
        *("content-disposition", "content-encoding"),
    }
)
_SDKS: Final = re.compile(
    r"aws-sdk|aws-cli|aws-internal|boto|minio|s3transfer|rclone|restic|s3cmd|s5cmd|s3fs|goofys|"
    r"hadoop|arrow|obstore|object_store|opendal|smithy|cyberduck|terraform",
    re.IGNORECASE,
)


def refer(context: Context, version: Version, input: GetObject) -> None:
    """Raise S3Error TemporaryRedirect if the client is to get the bytes from the storage itself."""
    link = _link(context, version, input)
    if link is not None:
        # No cache may give it to others, or give it when it holds no more.
        raise S3Error("TemporaryRedirect", headers={"Location": link, "Cache-Control": "no-store"})


def _link(context: Context, version: Version, input: GetObject) -> str | None:
    location = version.location
    if location.storage not in context.services.links.direct:
        return None
    seconds = _seconds(context)
    if seconds < _SHORTEST_S or input.part_number is not None or input.checksum_mode is not None:
        return None
    if _SDKS.search(context.headers.get("user-agent", "")):
        return None
    storage = context.storage(location.storage)
    if Can.LINK not in storage.can:
        return None
    told = told_headers(context, version, input)
    answer_with = {name: value for name, value in told.items() if name in _TOLD}
    try:
        return storage.link(location.path, seconds=seconds, answer_with=answer_with)
    except (Unsupported, NameRefused):
        return None


def _seconds(context: Context) -> int:
    """For how long the URL that asks holds, LONGEST_S at most; 0 if its right is not in the URL."""
    until_ns = context.presigned_until_ns
    if until_ns is None:
        return 0
    return min(LONGEST_S, (until_ns - context.services.now_ns()) // 1_000_000_000)
