"""Reading: the bytes of one state of a file, of the range that was asked for, or an error."""

import re
from collections.abc import AsyncIterator

from backends.errors import Damaged, NotFound, Unavailable
from backends.http.client import Answer
from backends.http.content import ContentAtHand, NoContent
from backends.http.dates import seconds_of
from backends.interface import Content, Fingerprint, Stored
from backends.webdav.asking import Dav
from backends.webdav.describing import Descriptions
from backends.webdav.dialect import Dialect, Validator
from backends.webdav.multistatus import Resource, opaque
from backends.webdav.refusals import refusal
from backends.webdav.states import state_of, stored_as, told_state

MOST_SKIPPED = 16 * 1024 * 1024
"""Bytes in front of a range that are read for nothing from a server that does not answer ranges."""

_TRIES = 4
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.ASCII)
_SETTLED_S = 2
"""After so long the state of a file that only seconds tell apart is another if it changes."""


class WebDavContent(Content):
    """``length`` bytes of a body of ``whole``, behind ``skipped`` that nobody asked for."""

    def __init__(
        self, answer: Answer, stored: Stored, first: int, length: int, *, skipped: int, whole: int
    ) -> None:
        self.stored = stored
        self.first = first
        self.length = length
        self._answer = answer
        self._skipped = skipped
        self._whole = whole

    async def chunks(self) -> AsyncIterator[bytes]:
        begin, end = self._skipped, self._skipped + self.length
        at = 0
        async for piece in self._answer.pieces(self._whole):
            wanted = piece[max(0, begin - at) : max(0, end - at)]
            at += len(piece)
            if wanted:
                yield wanted
            if at >= end and end < self._whole:
                return  # what follows is not waited for

    def can_splice(self) -> bool:
        return self.length == self._whole and self._answer.can_splice(self._whole)

    def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        return self._answer.spliced(self._whole, pipe)

    async def aclose(self) -> None:
        await self._answer.aclose()


class Reader:
    """Opens readings."""

    def __init__(self, dav: Dav, dialect: Dialect, descriptions: Descriptions) -> None:
        self._dav = dav
        self._dialect = dialect
        self._descriptions = descriptions
        self._tells = not descriptions.marks
        """The answer to GET tells the state of a file, as far as is known, as PROPFIND does."""

    async def found(self, path: str) -> Resource:
        """The file under ``path``, as it is now. NotFound."""
        there = await self._dav.look(path, kept=self._descriptions.marks)
        if there is None or there.is_folder:
            raise NotFound(f"nothing is stored as {path!r}")
        return there

    async def open(
        self, path: str, first: int, last: int | None, only_if: Fingerprint | None
    ) -> Content:
        """As ``Storage.read``. Unavailable if the file changes too fast to be read."""
        asked = only_if is not None and self._tells
        if only_if is not None and self._tells:
            content = await self._of_that_state(path, first, last, only_if)
            if content is not None:
                return content
        for _ in range(_TRIES):
            there = await self.found(path)
            stored = stored_as(path, there, self._dialect.validator)
            if only_if is not None and stored.fingerprint != only_if:
                raise Damaged(f"{path!r} holds other bytes than those that were stored")
            # Had it told, it would have been believed: it is not asked again in vain.
            self._tells = self._tells and not asked
            size = stored.fingerprint.size
            end = size if last is None else min(size, last + 1)
            if first >= end:
                return NoContent(stored, first)
            # Servers compare strongly: a weak tag would never match.
            etag = None if there.is_weak else there.etag
            answer = await self._get(path, etag, first, end, size)
            try:
                content = await self._content(answer, stored, there, first, end)
            except BaseException:
                await answer.aclose()
                raise
            if content is not None:
                return content
            await answer.aclose()
        raise Unavailable(f"{path!r} changes while it is about to be read")

    async def _of_that_state(
        self, path: str, first: int, last: int | None, only_if: Fingerprint
    ) -> Content | None:
        """The reading, if the answer itself tells that it is of the state ``only_if``: nobody looks
        before. None if it does not, whatever it tells."""
        size = only_if.size
        end = size if last is None else min(size, last + 1)
        if first >= end:
            return None
        etag = None
        if self._dialect.validator is Validator.STRONG and only_if.stamp.startswith("e"):
            etag = only_if.stamp[1:]
        answer = await self._get(path, etag, first, end, size)
        try:
            content = self._told(answer, path, first, end, only_if)
        except BaseException:
            await answer.aclose()
            raise
        if content is None:
            await answer.aclose()
        return content

    def _told(
        self, answer: Answer, path: str, first: int, end: int, only_if: Fingerprint
    ) -> Content | None:
        if answer.status not in {200, 206}:
            return None
        headers = answer.headers
        modified_s = seconds_of(headers.get("last-modified", ""))
        etag = opaque(headers.get("etag", ""))
        if told_state(etag, modified_s, self._dialect.validator) != only_if.stamp:
            return None
        try:
            span = _span(answer, only_if.size)
        except Unavailable:
            return None
        if span is None:
            return None
        stored = Stored(
            path=path, fingerprint=only_if, modified_ns=(modified_s or 0) * 1_000_000_000
        )
        return _content(answer, stored, first, end, span)

    async def _get(self, path: str, etag: str | None, first: int, end: int, size: int) -> Answer:
        """The answer to GET, if that has the strong ``etag`` where one is given."""
        headers = {}
        if (first, end) != (0, size):
            headers["Range"] = f"bytes={first}-{end - 1}"
        if self._dialect.if_match and etag is not None:
            headers["If-Match"] = f'"{etag}"'
        return await self._dav.send("GET", path, headers)

    async def _content(
        self, answer: Answer, stored: Stored, there: Resource, first: int, end: int
    ) -> Content | None:
        """The reading that an answer begins; None if it is one of another state."""
        size = stored.fingerprint.size
        if answer.status in {404, 410, 412, 416} or not _is_of(answer, there):
            return None
        if answer.status not in {200, 206}:
            raise refusal(self._dav.where, f"GET {stored.path!r}", answer.status, answer.headers)
        span = _span(answer, size)
        if span is None:
            return None
        content = _content(answer, stored, first, end, span)
        if content is None:
            raise Unavailable(f"{self._dav.where}: answered a range with another")
        return content if await self._is_still(answer, stored, there) else None

    async def _is_still(self, answer: Answer, stored: Stored, there: Resource) -> bool:
        """Whether an answer is surely of the state that was seen before it.

        A server tells states within a second by one ETag; our token tells them apart, but is not in
        the answer. So what is younger is looked at again: the file was opened in between.
        """
        if there.modified_s is None or not self._descriptions.marks:
            return True
        now_s = seconds_of(answer.headers.get("Date", ""))
        if now_s is not None and now_s - there.modified_s > _SETTLED_S:
            return True
        again = await self.found(stored.path)
        return state_of(again, self._dialect.validator).fingerprint == stored.fingerprint


def _content(
    answer: Answer, stored: Stored, first: int, end: int, span: tuple[int, int]
) -> Content | None:
    """The reading of bytes up to ``end``; None if the answer does not hold them."""
    begin, whole = span
    if not begin <= first <= begin + MOST_SKIPPED or begin + whole < end:
        return None
    length = end - first
    data = answer.at_hand(length) if whole == length else None
    if data is not None:
        return ContentAtHand(stored, first, data)
    return WebDavContent(answer, stored, first, length, skipped=first - begin, whole=whole)


def _span(answer: Answer, size: int) -> tuple[int, int] | None:
    """Where the bytes of a 200 or 206 begin, and how many they are; None if the file has another
    size by now. They may be more than was asked for. Unavailable if it is not said which they are."""
    begin, end, told_size, length = 0, size - 1, size, answer.length
    if answer.status == 206:
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if found is None:
            raise Unavailable("a range was answered without saying which")
        begin, end, told_size = map(int, found.groups())
    elif length is not None:
        told_size = length
    if told_size != size:
        return None
    if not begin <= end < size or length not in {None, end - begin + 1}:
        raise Unavailable("a range was answered with one that cannot be")
    return begin, end - begin + 1


def _is_of(answer: Answer, there: Resource) -> bool:
    etag = opaque(answer.headers.get("ETag", ""))
    if etag is not None and there.etag is not None and etag != there.etag:
        return False
    modified_s = seconds_of(answer.headers.get("Last-Modified", ""))
    return modified_s is None or there.modified_s is None or modified_s == there.modified_s
