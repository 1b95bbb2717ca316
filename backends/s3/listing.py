"""Listings of a bucket, page by page, each held against what was asked for."""

from collections.abc import AsyncGenerator

from backends.errors import Unavailable
from backends.s3.bucket import Bucket
from backends.s3.documents import MAX_PAGE, Entry, Page, read_page
from backends.s3.profiles import Profile

PAGE_KEYS = 1000
MOST_EMPTY = 1000
"""Pages without a key that may follow each other."""
REPLACED = "\ufffd"
_LAST = "\U0010ffff"
"""Follows whatever else may stand in its place."""


async def entries(
    bucket: Bucket, profile: Profile, *, prefix: str, after: str, leave_out: str | None
) -> AsyncGenerator[Entry, None]:
    """Every object whose key starts with ``prefix`` and is greater than ``after``, in byte order.

    None below the prefix ``leave_out``: pages of those are not asked for. Unavailable if a page is
    not what was asked for: keys out of order, of another prefix, or the same page again.
    """
    asked = _askable(profile, prefix)
    least = after if asked == prefix else max(after, prefix, key=_bytes)
    order = _Order(asked, _askable(profile, least))
    token: str | None = ""
    empty = 0
    while token is not None:
        begun = order.last
        page = await _page(bucket, profile, asked, begun, token)
        empty = 0 if page.entries else empty + 1
        if empty > MOST_EMPTY or (page.token is not None and page.token == token != ""):
            raise _in_circles(bucket)
        token = page.token
        for entry in page.entries:
            if not profile.encodes_listings and REPLACED in entry.key:
                continue  # what its key is, only the service knows
            order.check(entry.key, bucket)
            if leave_out is not None and entry.key.startswith(leave_out):
                order.last, token = f"{leave_out}{_LAST}", ""
                break
            if _bytes(entry.key) <= _bytes(least):
                continue
            if not entry.key.startswith(prefix):
                return
            yield entry
        if token == "" and order.last == begun:
            raise _in_circles(bucket)


def _askable(profile: Profile, text: str) -> str:
    """``text``, or so much of it as the service takes for the beginning of a key."""
    if profile.can_hold(text.split("/")):
        return text
    head, slash, _ = text.rpartition("/")
    return _askable(profile, f"{head}{slash}" if text != f"{head}{slash}" else head)


def _in_circles(bucket: Bucket) -> Unavailable:
    return Unavailable(f"{bucket.where(None)}: the listing goes round in circles")


class _Order:
    def __init__(self, prefix: str, after: str) -> None:
        self.last = after
        self._prefix = prefix

    def check(self, key: str, bucket: Bucket) -> None:
        """Take the next key."""
        if not key.startswith(self._prefix) or _bytes(key) <= _bytes(self.last):
            raise Unavailable(
                f"{bucket.where(None)}: the listing is not the one that was asked for"
            )
        self.last = key


async def _page(bucket: Bucket, profile: Profile, prefix: str, after: str, token: str) -> Page:
    query = [("max-keys", str(PAGE_KEYS)), ("prefix", prefix)]
    if profile.encodes_listings:
        query.append(("encoding-type", "url"))
    if profile.list_version == 2:
        query.append(("list-type", "2"))
        if token:
            query.append(("continuation-token", token))
        elif after:
            query.append(("start-after", after))
    elif after:
        query.append(("marker", after))
    answer = await bucket.send("GET", None, query=query)
    page = read_page(await answer.document(MAX_PAGE))
    if page.token is not None and profile.list_version == 1:
        return Page(entries=page.entries, token="")
    return page


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
