"""A bucket of any S3 service as a storage."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from backends import naming
from backends.errors import NameRefused, NotFound, StorageError, Unavailable, Unsupported
from backends.http.client import Answer, Client, Timeouts
from backends.http.content import NoContent, content_of
from backends.http.dates import seconds_of
from backends.http.outgoing import gathered
from backends.http.ranges import range_header, span_of
from backends.interface import (
    MAX_DESCRIPTION,
    PIECE,
    RESERVED,
    SERVED,
    Begun,
    Can,
    Content,
    Fingerprint,
    Limits,
    Storage,
    Stored,
)
from backends.s3 import listing, uploads
from backends.s3.bucket import Bucket
from backends.s3.describing import described, description_of, longest, sent, served
from backends.s3.documents import plain_etag
from backends.s3.refusals import OF_A_CREATION, Meaning, replaced
from backends.s3.settings import S3Settings
from sigv4.canonical import quoted_path

_PART = 1024**3
"""Bytes of a part of a copy that is too large for one request."""
_OF_NOTHING = hashlib.md5(usedforsecurity=False).hexdigest()
_ANY = Limits(max_path=2**16, max_segment=2**16)


class S3Storage(Storage):
    """What lies in a bucket, below the prefix of the settings; a path is a key as it is.

    A fingerprint is the size and the service's ETag, which is never held against an MD5: it may be
    anything. Equal bytes have equal fingerprints.
    """

    def __init__(
        self,
        settings: S3Settings,
        *,
        timeouts: Timeouts | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        profile = settings.profile
        self.can = Can.DESCRIBE | Can.HEADERS | Can.COPY | Can.PARTS | Can.COPY_PARTS
        self.can |= Can.LINK | Can.ETAGS
        if profile.creates:
            self.can |= Can.CREATE
        if profile.lists_uploads:
            self.can |= Can.OPEN_PARTS
        if profile.tree:
            self.can |= Can.TREE
        self.limits = Limits(
            max_segment=profile.max_segment,
            max_path=profile.max_key - len(settings.prefix.encode()),
            max_object=profile.max_object,
            max_write=profile.max_write,
            min_part=profile.min_part,
            max_description=min(longest(profile.metadata), MAX_DESCRIPTION),
        )
        self.settings = settings
        self._client = Client(
            settings.origin, allow_private=settings.allow_private, timeouts=timeouts
        )
        self._bucket = Bucket(settings, client=self._client, now=now)
        self._now = now

    @property
    def clock_ahead(self) -> timedelta | None:
        """How far the service's clock was ahead of ours in its last answer, if it said."""
        return self._bucket.clock_ahead

    async def open(self) -> None:
        """Asks nothing of the service: one that cannot be reached now may be later."""
        await self._client.open()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def stat(self, path: str) -> Stored:
        answer = await self._bucket.send("HEAD", self._key(path))
        await answer.aclose()
        if answer.length is None:
            raise Unavailable(f"{self._where(path)}: the answer does not say how long it is")
        description, damaged = description_of(answer.headers)
        return Stored(
            path=path,
            fingerprint=Fingerprint(size=answer.length, stamp=_etag(answer)),
            modified_ns=_time_ns(answer, "last-modified"),
            description=description,
            description_damaged=damaged,
            headers=served(answer.headers),
        )

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        if last is not None and last < first:
            return NoContent(await self._stat_if(path, only_if), first)
        headers = range_header(first, last)
        if only_if is not None:
            headers["if-match"] = f'"{only_if.stamp}"'
        try:
            answer = await self._bucket.send(
                "GET", self._key(path), headers=headers, meaning=_OF_A_READING
            )
        except _BeyondTheEnd:
            stored = await self._stat_if(path, only_if)
            if first < stored.fingerprint.size:
                raise Unavailable(f"{self._where(path)}: a range was refused") from None
            return NoContent(stored, first)
        try:
            span = span_of(answer, first, last)
            found = Fingerprint(size=span.size, stamp=_etag(answer))
            self._check_fingerprint(path, found, only_if)
            modified_ns = _time_ns(answer, "last-modified")
        except BaseException:
            await answer.aclose()
            raise
        stored = Stored(path=path, fingerprint=found, modified_ns=modified_ns)
        return content_of(answer, stored, span)

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        told = self._told(description, headers)
        if size is None or size > self.limits.max_write:
            raise Unsupported(f"a body of {'unknown size' if size is None else f'{size} bytes'}")
        sending = await gathered(body, size) if size <= PIECE else body
        return await self._put(path, sending, size, told, create=create)

    async def delete(self, path: str) -> None:
        try:
            answer = await self._bucket.send("DELETE", self._key(path))
        except NotFound:
            return
        await answer.aclose()

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        """Objects whose keys are no paths (with an empty segment, or ``.``) are passed over."""
        self._client.check()
        if not _can_begin_a_path(prefix) or len(prefix.encode()) > self.limits.max_path:
            return
        base = self.settings.prefix
        reserved = f"{RESERVED}/"
        entries = listing.entries(
            self._bucket,
            self.settings.profile,
            prefix=f"{base}{prefix}",
            after=f"{base}{after}" if after else "",
            leave_out=None if prefix.startswith(reserved) else f"{base}{reserved}",
        )
        async with aclosing(entries):
            async for entry in entries:
                path = entry.key[len(base) :]
                if self._is_path(path):
                    yield Stored(
                        path=path,
                        fingerprint=Fingerprint(size=entry.size, stamp=entry.etag),
                        modified_ns=entry.modified_ns,
                    )

    async def copy(
        self,
        source: str,
        path: str,
        *,
        only_if: Fingerprint,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        if create:
            self._check_create()
        key, source_key = self._key(path), self._key(source)
        told = self._told(description, headers)
        profile = self.settings.profile
        if create or only_if.size > profile.max_copy or not profile.copies_if:
            there = await self._stat_if(source, only_if)
            told = self._told_anew(there, description, headers)
            return await self._copy_in_parts(source, path, told, only_if, create=create)
        if description is not None or headers is not None:
            if description is None or headers is None:
                told = self._told_anew(await self.stat(source), description, headers)
            told["x-amz-metadata-directive"] = "REPLACE"
        etag = await uploads.copy(self._bucket, source_key, key, told, only_if=only_if)
        return self._copied(path, only_if.size, etag)

    async def begin_parts(
        self,
        path: str,
        *,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        return await uploads.begin(self._bucket, self._key(path), self._told(description, headers))

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        if size > self.limits.max_write:
            raise Unsupported(f"a part of {size} bytes")
        answer = await self._bucket.send(
            "PUT",
            self._key(path),
            query=uploads.part(upload, number),
            body=await gathered(body, size) if size <= PIECE else body,
            size=size,
        )
        await answer.aclose()
        return _etag_of_bytes(answer, size)

    async def copy_part(
        self,
        path: str,
        upload: str,
        number: int,
        source: str,
        *,
        first: int,
        last: int,
        only_if: Fingerprint,
    ) -> str:
        etag = await uploads.copy_part(
            self._bucket,
            self._key(source),
            self._key(path),
            uploads.part(upload, number),
            first=first,
            last=last,
            only_if=only_if,
        )
        await self._check_copied(source, only_if)
        return etag

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        if create:
            self._check_create()
        etag = await uploads.complete(self._bucket, self._key(path), upload, parts, create=create)
        stored = await self.stat(path)
        if stored.fingerprint.stamp != etag:
            # Some services say yes to an upload that they do not know.
            raise NotFound(f"{self._where(path)}: holds other bytes than those of the parts")
        return replace(stored, description=None, description_damaged=False)

    async def abort_parts(self, path: str, upload: str) -> None:
        await uploads.abort(self._bucket, self._key(path), upload)

    async def open_parts(self) -> AsyncGenerator[Begun, None]:
        """Those of keys that are no paths, which nobody here has begun, are passed over."""
        base, encoded = self.settings.prefix, self.settings.profile.encodes_listings
        found = uploads.pending(self._bucket, prefix=base, encoded=encoded)
        async with aclosing(found):
            async for one in found:
                path = one.key[len(base) :]
                if self._is_path(path):
                    yield Begun(path=path, upload=one.upload, begun_ns=one.begun_ns)

    def link(self, stored: Stored, *, seconds: int, answer_with: Mapping[str, str]) -> str:
        """The ``url`` of the settings if there is one and it is not to say anything of its own."""
        unknown = answer_with.keys() - SERVED
        if unknown:
            raise Unsupported(f"links whose answer says {', '.join(sorted(unknown))}")
        key = self._key(stored.path)
        if self.settings.url is not None and not answer_with:
            return f"{self.settings.url}/{quoted_path(key.encode())}"
        query = [(f"response-{name}", value) for name, value in sorted(answer_with.items())]
        return self._bucket.link(key, seconds=seconds, query=query)

    def check(self) -> None:
        self._client.check()

    def natural(self, bucket: str, key: str) -> str | None:
        path = naming.natural(bucket, key, self.limits)
        return (
            path if path is not None and self.settings.profile.can_hold(path.split("/")) else None
        )

    def _key(self, path: str) -> str:
        if not self.settings.profile.can_hold(naming.segments(path, self.limits)):
            raise NameRefused(f"the service cannot hold this name: {path[:200]!r}")
        return f"{self.settings.prefix}{path}"

    def _where(self, path: str) -> str:
        return self._bucket.where(self._key(path))

    def _check_create(self) -> None:
        if Can.CREATE not in self.can:
            raise Unsupported("conditions of a write")

    def _told(self, description: bytes | None, headers: Mapping[str, str] | None) -> dict[str, str]:
        if description is not None and len(description) > self.limits.max_description:
            raise Unsupported(f"a description of {len(description)} bytes")
        return {**sent(headers), **described(description)}

    def _told_anew(
        self, there: Stored, description: bytes | None, headers: Mapping[str, str] | None
    ) -> dict[str, str]:
        """What a copy of that is to be told, where not all of it is said."""
        return self._told(
            there.description if description is None else description,
            there.headers if headers is None else headers,
        )

    def _copied(self, path: str, size: int, etag: str) -> Stored:
        stored = Fingerprint(size=size, stamp=etag)
        return Stored(
            path=path, fingerprint=stored, modified_ns=int(self._now().timestamp()) * 1_000_000_000
        )

    async def _stat_if(self, path: str, only_if: Fingerprint | None) -> Stored:
        stored = await self.stat(path)
        self._check_fingerprint(path, stored.fingerprint, only_if)
        return stored

    def _check_fingerprint(self, path: str, found: Fingerprint, wanted: Fingerprint | None) -> None:
        if wanted is not None and found != wanted:
            raise replaced(self._where(path))

    async def _copy_in_parts(
        self,
        source: str,
        path: str,
        headers: dict[str, str],
        only_if: Fingerprint,
        *,
        create: bool,
    ) -> Stored:
        """A copy, of what was just looked at, that is too large for one request, that must not replace
        anything, or whose source must be looked at between copying and replacing."""
        if not only_if.size:
            return await self._put(path, b"", 0, headers, create=create)
        etag = await uploads.copy_in_parts(
            self._bucket,
            self._key(source),
            self._key(path),
            headers,
            only_if=only_if,
            size_of_parts=min(_PART, self.settings.profile.max_copy),
            check=lambda: self._check_copied(source, only_if),
            create=create,
        )
        return self._copied(path, only_if.size, etag)

    def _is_path(self, path: str) -> bool:
        try:
            self._key(path)
        except NameRefused:
            return False
        return True

    async def _check_copied(self, source: str, only_if: Fingerprint) -> None:
        """Where the service does not compare: that ``source`` is still what was to be copied."""
        if not self.settings.profile.copies_if:
            await self._stat_if(source, only_if)

    async def _put(
        self,
        path: str,
        body: bytes | AsyncIterator[bytes],
        size: int,
        headers: dict[str, str],
        *,
        create: bool,
    ) -> Stored:
        meaning: Meaning = {}
        if create:
            self._check_create()
            headers["if-none-match"] = "*"
            meaning = OF_A_CREATION
        answer = await self._bucket.send(
            "PUT", self._key(path), headers=headers, body=body, size=size, meaning=meaning
        )
        await answer.aclose()
        return Stored(
            path=path,
            fingerprint=Fingerprint(size=size, stamp=_etag_of_bytes(answer, size)),
            modified_ns=_time_ns(answer, "Date"),
        )


def _can_begin_a_path(prefix: str) -> bool:
    try:
        naming.segments(f"{prefix.removeprefix(f'{RESERVED}/')}x", _ANY)
    except NameRefused:
        return False
    return True


def _etag(answer: Answer) -> str:
    return plain_etag(answer.headers.get("etag", ""))


def _etag_of_bytes(answer: Answer, size: int) -> str:
    """Unavailable if it is that of no bytes: services built on a web framework may take a body for a form,
    by its Content-Type, and store what is left of it."""
    etag = _etag(answer)
    if size and etag == _OF_NOTHING:
        raise Unavailable(f"the service says that it has stored nothing of {size} bytes")
    return etag


def _time_ns(answer: Answer, name: str) -> int:
    return (seconds_of(answer.headers.get(name, "")) or 0) * 1_000_000_000


class _BeyondTheEnd(StorageError):
    """A range begins after the last byte."""


_OF_A_READING: Meaning = {412: replaced, 416: _BeyondTheEnd}
