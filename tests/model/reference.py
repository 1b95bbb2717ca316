"""S3's promises, as a program: what every storage and every catalog must look like from outside.

Each method is one operation, in order of its refusals: the first that applies is the answer.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.model.conditions import check_copy_source, check_read, check_write
from tests.model.listings import page
from tests.model.multipart import Multipart
from tests.model.ranges import span_of
from tests.model.refusal import Refusal, operation
from tests.model.told import EVERYTHING, NO_CONDITIONS, NOTHING_SENT, Conditions, Sent, Told, Wish
from tests.model.values import Bucket, Thing, checksum_of, thing_of


class Reference(Multipart):
    """All of S3 that is served, in memory, for one client at a time."""

    # Buckets

    @operation
    def create_bucket(self, bucket: str) -> Told:
        """Again by its owner: succeeds, in us-east-1."""
        if re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket) is None or ".." in bucket:
            raise Refusal(400, "InvalidBucketName")
        self.buckets.setdefault(bucket, Bucket())
        return Told(200)

    @operation
    def head_bucket(self, bucket: str) -> Told:
        return Told(200) if bucket in self.buckets else Told(404)

    @operation
    def delete_bucket(self, bucket: str) -> Told:
        """Only if it is empty. Uploads in progress do not count, and end with it."""
        if self.bucket(bucket).things:
            raise Refusal(409, "BucketNotEmpty")
        del self.buckets[bucket]
        return Told(204)

    @operation
    def list_buckets(self, prefix: str) -> Told:
        names = sorted(name for name in self.buckets if name.startswith(prefix))
        return Told(200, facts={"buckets": names})

    # Objects

    @operation
    def put(
        self,
        bucket: str,
        key: str,
        body: bytes,
        sent: Sent = NOTHING_SENT,
        conditions: Conditions = NO_CONDITIONS,
        *,
        wrong: str | None = None,
    ) -> Told:
        """``wrong``: ``md5`` or ``checksum`` of the body is sent wrong."""
        things = self.bucket(bucket).things
        check_write(things.get(key), conditions)
        if wrong is not None:
            raise Refusal(400, "BadDigest")
        things[key] = made = thing_of(body, sent)
        return Told(200, facts={"etag": f'"{made.etag}"', **made.checksum.headers})

    @operation
    def get(
        self,
        bucket: str,
        key: str,
        conditions: Conditions = NO_CONDITIONS,
        *,
        span: str | None = None,
        part: int | None = None,
        checksum: bool = False,
    ) -> Told:
        """Whole: 200. Some of it: 206, with Content-Range."""
        thing = self.thing(bucket, key)
        check_read(thing, conditions)
        wanted = span_of(thing, span, part)
        facts = thing.told_headers()
        if part is not None and thing.parts:
            facts["x-amz-mp-parts-count"] = str(len(thing.parts))
        if checksum:
            facts |= _checksum_of_what_is_asked(thing, wanted, part)
        if wanted is None:
            return Told(200, facts={**facts, **_body(thing.body)})
        first, end = wanted
        if end > first:
            facts["content-range"] = f"bytes {first}-{end - 1}/{len(thing.body)}"
        return Told(206, facts={**facts, **_body(thing.body[first:end])})

    def head(
        self, bucket: str, key: str, conditions: Conditions = NO_CONDITIONS, **more: Any
    ) -> Told:
        """As GET, without body or code."""
        told = self.get(bucket, key, conditions, **more)
        facts = {name: value for name, value in told.facts.items() if name != "body"}
        return Told(told.status, None, facts)

    @operation
    def delete(self, bucket: str, key: str, conditions: Conditions = NO_CONDITIONS) -> Told:
        """What is not there is deleted as well, but for a condition."""
        things = self.bucket(bucket).things
        check_write(things.get(key), conditions)
        things.pop(key, None)
        return Told(204)

    @operation
    def delete_several(
        self, bucket: str, wanted: Sequence[tuple[str, str | None]], *, quiet: bool
    ) -> Told:
        """Keys, each with the ETag it must have (None: any). Each is deleted or refused on its own."""
        self.bucket(bucket)
        outcomes = {
            key: self.delete(bucket, key, Conditions(if_match=etag)) for key, etag in wanted
        }
        deleted = [key for key, told in outcomes.items() if told.code is None]
        errors = [(key, told.code) for key, told in outcomes.items() if told.code is not None]
        return Told(200, facts={"deleted": [] if quiet else deleted, "errors": errors})

    @operation
    def copy(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        sent: Sent | None = None,
        *,
        replaces_tags: bool = False,
        source_conditions: Conditions = NO_CONDITIONS,
        conditions: Conditions = NO_CONDITIONS,
    ) -> Told:
        """``sent`` replaces headers and metadata, if given; its tags count if ``replaces_tags``.

        Storage class and algorithm are never taken over from the source's request, so they are those
        of ``sent`` in any case.
        """
        things = self.bucket(target[0]).things
        self.bucket(source[0])
        check_write(things.get(target[1]), conditions)
        old = self.thing(*source)
        check_copy_source(old, source_conditions)
        if source == target and sent is None and not replaces_tags:
            raise Refusal(400, "InvalidRequest")
        copied = things[target[1]] = _copied(old, sent, replaces_tags, onto_itself=source == target)
        return Told(
            200,
            facts={
                "etag": f'"{copied.etag}"',
                "checksum": copied.checksum.value,
                "checksum type": copied.checksum.type,
            },
        )

    @operation
    def attributes(self, bucket: str, key: str) -> Told:
        thing = self.thing(bucket, key)
        facts: dict[str, Any] = {
            "etag": thing.etag,
            "size": str(len(thing.body)),
            "storage class": thing.storage_class,
            "checksum": thing.checksum.value,
            "checksum type": thing.checksum.type,
            "parts": str(len(thing.parts)) if thing.parts else None,
        }
        return Told(200, facts=facts)

    # Tags

    @operation
    def put_tags(self, bucket: str, key: str, tags: tuple[tuple[str, str], ...]) -> Told:
        if len({name for name, _ in tags}) < len(tags):
            raise Refusal(400, "InvalidTag")
        things = self.bucket(bucket).things
        things[key] = self.thing(bucket, key).retagged(tags)
        return Told(200)

    @operation
    def get_tags(self, bucket: str, key: str) -> Told:
        return Told(200, facts={"tags": list(self.thing(bucket, key).tags)})

    @operation
    def delete_tags(self, bucket: str, key: str) -> Told:
        things = self.bucket(bucket).things
        things[key] = self.thing(bucket, key).retagged(())
        return Told(204)

    # Listings

    @operation
    def list(self, bucket: str, form: str, wish: Wish = EVERYTHING) -> Told:
        """``form``: ``v1``, ``v2`` or ``versions``; each names the same objects."""
        things = self.bucket(bucket).things
        found = page(
            things,
            prefix=wish.prefix,
            delimiter=wish.delimiter,
            after=wish.after,
            limit=wish.limit,
        )
        facts: dict[str, Any] = {
            "objects": [_listed(key, things[key]) for key in found.keys],
            "prefixes": found.prefixes,
            "more": found.more,
            "limit": str(1000 if wish.limit is None else min(wish.limit, 1000)),
            "prefix": wish.prefix,
            "delimiter": wish.delimiter or None,
        }
        if form == "v2":
            facts["count"] = str(len(found.items))
        # Version 1 tells where to go on only with a delimiter: else the last key does. What version 2
        # tells is for itself alone.
        if form == "v2":
            facts["goes on"] = found.more
        else:
            facts["next"] = found.last if form == "versions" or wish.delimiter else None
        return Told(200, facts=facts)

    def walk(self, bucket: str, form: str, wish: Wish) -> Told:
        """All pages, one after the other."""
        objects: list[Any] = []
        prefixes: list[str] = []
        while True:
            told = self.list(bucket, form, wish)
            if told.status != 200:
                return told
            objects += told.facts["objects"]
            prefixes += told.facts["prefixes"]
            if not told.facts["more"]:
                return Told(200, facts={"objects": objects, "prefixes": prefixes})
            names = [name for name, *_ in told.facts["objects"]] + told.facts["prefixes"]
            wish = replace(wish, after=max(names, key=str.encode))


def _checksum_of_what_is_asked(
    thing: Thing, wanted: tuple[int, int] | None, part: int | None
) -> dict[str, str]:
    """Of the whole, or of one part; a range has none."""
    if wanted is None or (part is not None and not thing.parts):
        return thing.checksum.headers
    if part is None:
        return {}
    value = checksum_of(thing.checksum.algorithm, thing.parts[part - 1])
    return replace(thing.checksum, value=value).headers


def _body(body: bytes) -> dict[str, Any]:
    return {"content-length": str(len(body)), "body": body}


def _listed(key: str, thing: Thing) -> tuple[str, ...]:
    checksum = thing.checksum
    return (
        key,
        f'"{thing.etag}"',
        str(len(thing.body)),
        thing.storage_class,
        checksum.algorithm,
        checksum.type,
    )


def _copied(old: Thing, sent: Sent | None, replaces_tags: bool, *, onto_itself: bool) -> Thing:
    given = sent or NOTHING_SENT
    copied = replace(
        old,
        headers=old.headers if sent is None else sent.headers,
        metadata=old.metadata if sent is None else sent.metadata,
        tags=given.tags if replaces_tags else old.tags,
        storage_class=given.storage_class or "STANDARD",
    )
    if onto_itself and given.algorithm in (None, old.checksum.algorithm):
        return copied  # the bytes stay as they are, and what is known of them
    algorithm = given.algorithm or old.checksum.algorithm
    if (algorithm, "FULL_OBJECT") == (old.checksum.algorithm, old.checksum.type):
        return replace(copied, parts=())
    anew = thing_of(old.body, Sent(algorithm=algorithm))
    return replace(copied, parts=(), etag=anew.etag, checksum=anew.checksum)
