"""Multipart uploads of the model. Their ids are numbers in the order in which they began."""

import itertools
from collections.abc import Sequence
from hashlib import md5
from typing import Any

from tests.model.conditions import check_write
from tests.model.listings import MOST, page
from tests.model.refusal import Refusal, operation
from tests.model.state import State
from tests.model.told import EVERYTHING, NO_CONDITIONS, NOTHING_SENT, Conditions, Sent, Told, Wish
from tests.model.values import (
    DEFAULT_ALGORITHM,
    Bucket,
    Checksum,
    Thing,
    Upload,
    checksum_of,
    composite_of,
    etag_of,
)

Parts = Sequence[tuple[int, str]]
"""Numbers and ETags, as completing asks for them."""


class Multipart(State):
    """Begin, put and copy parts, list, complete, abort."""

    @operation
    def begin(self, bucket: str, key: str, sent: Sent = NOTHING_SENT) -> Told:
        """The upload's number is ``uploads_begun`` afterwards, if it succeeds."""
        uploads = self.bucket(bucket).uploads
        self.uploads_begun += 1
        uploads[self.uploads_begun] = Upload(key=key, sent=sent)
        return Told(200, facts={"algorithm": sent.algorithm})

    @operation
    def put_part(self, bucket: str, key: str, upload: int, number: int, body: bytes) -> Told:
        """A part of that number is replaced."""
        found = self._upload(bucket, key, upload)
        found.parts[number] = body
        return _told_part(found, body)

    @operation
    def copy_part(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        upload: int,
        number: int,
        span: tuple[int, int] | None,
    ) -> Told:
        """``span``: first and last byte; both must be there."""
        found = self._upload(*target, upload)
        body = self.thing(*source).body
        if span is not None:
            if not span[0] <= span[1] < len(body):
                raise Refusal(400, "InvalidArgument")
            body = body[span[0] : span[1] + 1]
        found.parts[number] = body
        return _told_part(found, body)

    @operation
    def list_parts(
        self, bucket: str, key: str, upload: int, *, after: int = 0, limit: int | None = None
    ) -> Told:
        found = self._upload(bucket, key, upload)
        later = sorted(number for number in found.parts if number > after)
        some = later[: MOST if limit is None else limit]
        return Told(
            200,
            facts={
                "parts": [
                    (
                        str(number),
                        f'"{etag_of(found.parts[number])}"',
                        str(len(found.parts[number])),
                        found.part_checksum(found.parts[number]),
                    )
                    for number in some
                ],
                "more": bool(some) and len(later) > len(some),
                "next": str(some[-1]) if some else "0",
            },
        )

    @operation
    def list_uploads(self, bucket: str, wish: Wish = EVERYTHING, *, after_id: int = 0) -> Told:
        """By key, then in the order in which they began. ``after_id``: of the key ``wish.after``,
        those behind that one too."""
        uploads = self.bucket(bucket).uploads
        found = page(
            {upload.key for upload in uploads.values()},
            prefix=wish.prefix,
            delimiter=wish.delimiter,
            after="",
            limit=None,
        )
        items: list[tuple[str, int]] = []
        for name, is_prefix in found.items:
            numbers = [0] if is_prefix else [n for n, u in uploads.items() if u.key == name]
            items += [
                (name, number)
                for number in sorted(numbers)
                if name.encode() > wish.after.encode()
                or (name == wish.after and 0 < after_id < number)
            ]
        most = MOST if wish.limit is None else min(wish.limit, MOST)
        some, more = items[:most], 0 < most < len(items)
        return Told(
            200,
            facts={
                "uploads": [item for item in some if item[1]],
                "prefixes": [name for name, number in some if not number],
                "more": more,
                "next": some[-1][0] if more else None,
                "next id": some[-1][1] or None if more else None,
            },
        )

    @operation
    def complete(
        self,
        bucket: str,
        key: str,
        upload: int,
        parts: Parts,
        conditions: Conditions = NO_CONDITIONS,
    ) -> Told:
        """Once completed, asking for the same again has the same answer."""
        if not parts:
            raise Refusal(400, "MalformedXML")
        there = self.bucket(bucket)
        done = there.completed.get(upload)
        if done is not None and done[:2] == (key, list(parts)):
            return Told(200, facts=done[2])
        found = self._upload(bucket, key, upload)
        check_write(there.things.get(key), conditions)
        bodies = self._chosen(found, parts)
        made = _made(found, bodies)
        facts: dict[str, Any] = {
            "etag": f'"{made.etag}"',
            "checksum": made.checksum.value,
            "checksum type": made.checksum.type,
        }
        self._end(there, upload, made, parts, facts)
        return Told(200, facts=facts)

    @operation
    def abort(self, bucket: str, key: str, upload: int) -> Told:
        self._upload(bucket, key, upload)
        del self.buckets[bucket].uploads[upload]
        return Told(204)

    def _upload(self, bucket: str, key: str, number: int) -> Upload:
        upload = self.bucket(bucket).uploads.get(number)
        if upload is None or upload.key != key:
            raise Refusal(404, "NoSuchUpload")
        return upload

    def _chosen(self, upload: Upload, parts: Parts) -> list[bytes]:
        numbers = [number for number, _ in parts]
        if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
            raise Refusal(400, "InvalidPartOrder")
        for number, etag in parts:
            if number not in upload.parts or etag_of(upload.parts[number]) != etag:
                raise Refusal(400, "InvalidPart")
        bodies = [upload.parts[number] for number in numbers]
        if any(len(body) < self.min_part for body in bodies[:-1]):
            raise Refusal(400, "EntityTooSmall")
        return bodies

    def _end(
        self, there: Bucket, number: int, made: Thing, parts: Parts, facts: dict[str, Any]
    ) -> None:
        upload = there.uploads.pop(number)
        there.things[upload.key] = made
        there.completed[number] = (upload.key, list(parts), facts)


def _told_part(upload: Upload, body: bytes) -> Told:
    return Told(200, facts={"etag": f'"{etag_of(body)}"', "checksum": upload.part_checksum(body)})


def _made(upload: Upload, bodies: Sequence[bytes]) -> Thing:
    """The ETag is the MD5 of the parts' MD5s, and their number; the checksum is one of the parts'
    checksums too, if the upload was started with an algorithm; else of the whole."""
    whole, sent = b"".join(bodies), upload.sent
    digests = md5(b"".join(md5(body).digest() for body in bodies)).hexdigest()
    if sent.algorithm is None:
        algorithm, type_ = DEFAULT_ALGORITHM, "FULL_OBJECT"
        value = checksum_of(algorithm, whole)
    else:
        algorithm, type_ = sent.algorithm, "COMPOSITE"
        value = composite_of(algorithm, bodies)
    return Thing(
        body=whole,
        etag=f"{digests}-{len(bodies)}",
        headers=sent.headers,
        metadata=sent.metadata,
        tags=sent.tags,
        storage_class=sent.storage_class or "STANDARD",
        checksum=Checksum(algorithm=algorithm, type=type_, value=value),
        parts=tuple(bodies),
    )
