"""Publishing where the storage cannot rename inside the commit: own a path, write, commit.

Where the storage puts parts together by itself (Can.PARTS), an upload is one of the storage's own, under
a path that is the upload's from its start. Else each part is written under a path of its own, and
completing reads one after the other into one write.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Self

from backends.errors import Damaged, Exists, NameRefused, NotFound
from backends.interface import SERVED, Can, Content, Fingerprint, Storage, Stored
from gateway.catalog.errors import CatalogError, CatalogUnavailable, NoSuchUpload
from gateway.catalog.intents import Intent
from gateway.catalog.placing import part_file, shadow_path, upload_file
from gateway.catalog.records import (
    ALWAYS,
    Bucket,
    Completed,
    Condition,
    Location,
    Part,
    Upload,
    Version,
)
from gateway.s3.errors import S3Error
from gateway.service.arriving import RemoteArriving, Target, Way, is_taken, taken, way_of
from gateway.service.conditions import refuse_early
from gateway.service.context import Context
from gateway.service.description import record_of_at_most
from gateway.service.proof import Proof
from gateway.service.publishing import Completion, Facts, PartWriter, Publisher
from gateway.service.removing import GivenUp, Remover
from gateway.service.sending import REFUSALS, Sending, pieces_of
from gateway.service.told import with_default

_NOWHERE = Location(storage="", path="", staged=None, fingerprint=Fingerprint(size=0, stamp=""))


class Remote(Publisher[RemoteArriving]):
    """On a storage without Can.STAGE."""

    def begin(
        self, context: Context, bucket: Bucket, facts: Facts, *, copies: bool = False
    ) -> RemoteArriving:
        services, storage = context.services, context.storage(bucket.storage)
        _check_size(facts.size, storage.limits.max_write)
        target = Target(
            bucket=bucket,
            key=facts.key,
            storage=bucket.storage,
            name=f"put-{services.process}-{services.new_id()}",
            size=facts.size,
            description=_description(context, storage, bucket, facts),
            headers=_headers(context, storage, bucket, facts),
        )
        return RemoteArriving(services, storage, target)

    def publish(
        self,
        context: Context,
        bucket: Bucket,
        arriving: RemoteArriving,
        facts: Facts,
        *,
        only_if: Condition = ALWAYS,
    ) -> Awaitable[Version]:
        return _publish(context, bucket, arriving, facts, only_if=only_if)

    async def start_upload(self, context: Context, bucket: Bucket, upload: Upload) -> None:
        storage = context.storage(upload.storage)
        if Can.PARTS in storage.can:
            await _start_parts(context, bucket, storage, upload)
        else:
            await context.services.catalog.start_upload(upload)

    def part(
        self, context: Context, bucket: Bucket, upload: Upload, number: int, size: int
    ) -> PartWriter:
        _check_size(size, context.storage(upload.storage).limits.max_write)
        kind = _PartOfAFile if upload.parts is None else _PartOfStorage
        return kind(context, bucket, upload, number, size)

    async def complete(
        self, context: Context, bucket: Bucket, completion: Completion, *, only_if: Condition
    ) -> None:
        storage = context.storage(completion.upload.storage)
        _check_size(completion.facts.size, storage.limits.max_object)
        complete = _one_by_one if completion.upload.parts is None else _in_storage
        await complete(context, bucket, storage, completion, only_if)


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise S3Error("EntityTooLarge", ProposedSize=str(size), MaxSizeAllowed=str(most))


def _description(context: Context, storage: Storage, bucket: Bucket, facts: Facts) -> bytes | None:
    """What the bytes are to say of themselves, as far as it is known before they are read."""
    if Can.DESCRIBE not in storage.can:
        return None
    version = facts.version(_NOWHERE, context.services.now_ns())
    return record_of_at_most(bucket.name, version, storage.limits.max_description)


def _headers(
    context: Context, storage: Storage, bucket: Bucket, facts: Facts
) -> Mapping[str, str] | None:
    """What others are to be answered with: as we answer by now, the bucket's Cache-Control included."""
    if Can.HEADERS not in storage.can:
        return None
    told = with_default(context.services, bucket.name, facts.headers)
    return {name: value for name, value in told.items() if name in SERVED}


async def _publish(
    context: Context,
    bucket: Bucket,
    arriving: RemoteArriving,
    facts: Facts,
    *,
    only_if: Condition = ALWAYS,
    upload: str | None = None,
    completed: Completed | None = None,
) -> Version:
    services = context.services
    try:
        location = await arriving.finish()
        version = await services.catalog.publish(
            bucket,
            facts.version(location, services.now_ns()),
            only_if=only_if,
            upload=upload,
            completed=completed,
            intent=arriving.name,
        )
    except BaseException:
        # If it has become an object after all, nothing is given up.
        await arriving.discard()
        raise
    services.homing.expect(bucket, version)
    return version


# Parts that the storage puts together


async def _start_parts(context: Context, bucket: Bucket, storage: Storage, upload: Upload) -> None:
    services, catalog = context.services, context.services.catalog
    name = upload_file(upload.id)
    natural = None
    if way_of(storage) in {Way.CREATE, Way.LOOK}:
        natural = storage.natural(bucket.name, upload.key)
    if natural in services.refused:
        natural = None
    wanted = Intent(
        name=name,
        process=services.process,
        storage=upload.storage,
        path=shadow_path(name) if natural is None else natural,
        natural=natural is not None,
        upload=upload.id,
        begins_ns=services.now_ns(),
    )
    parts: str | None = None
    path = wanted.path
    begun = False

    async def given_up() -> GivenUp:
        if parts is None:
            return GivenUp(names=(name,), begun=begun)
        return GivenUp(names=(name,), unknown=(path,), parts=parts)

    try:
        path = (await catalog.intend(bucket, upload.key, wanted)).path
        if path == natural and await is_taken(storage, path):
            await catalog.give_up(name)
            shadow = replace(wanted, path=shadow_path(name), natural=False)
            path = (await catalog.intend(bucket, upload.key, shadow)).path
        facts = Facts(
            key=upload.key,
            size=0,
            storage_class=upload.storage_class,
            headers=upload.headers,
            metadata=upload.metadata,
            tags=upload.tags,
        )
        description = _description(context, storage, bucket, facts)
        try:
            begun = True
            parts = await storage.begin_parts(
                path, description=description, headers=_headers(context, storage, bucket, facts)
            )
        except REFUSALS:
            begun = False
            raise
        await catalog.start_upload(replace(upload, path=path, parts=parts), intent=name)
    except BaseException:
        services.remover.leave(given_up())
        raise


async def _in_storage(
    context: Context,
    bucket: Bucket,
    storage: Storage,
    completion: Completion,
    only_if: Condition,
) -> None:
    services, upload, facts = context.services, completion.upload, completion.facts
    path = upload.path or ""
    for part in completion.parts[:-1]:
        if part.size < storage.limits.min_part:
            raise S3Error(
                "EntityTooSmall",
                ProposedSize=str(part.size),
                MinSizeAllowed=str(storage.limits.min_part),
                PartNumber=str(part.number),
                ETag=part.etag,
            )
    natural = path == storage.natural(bucket.name, upload.key)
    # Refused later, the parts are put together already: those that were left out are lost.
    await refuse_early(context, bucket, upload.key, only_if)
    stored = await _put_together(context, storage, completion, creates=natural)
    location = Location(
        storage=upload.storage,
        path=path,
        staged=None,
        fingerprint=stored.fingerprint,
        natural=natural,
    )
    try:
        version = await services.catalog.publish(
            bucket,
            facts.version(location, services.now_ns()),
            only_if=only_if,
            upload=upload.id,
            completed=completion.completed,
            intent=upload_file(upload.id),
        )
    except CatalogUnavailable:
        raise
    except CatalogError:
        await services.catalog.note_written(upload.id, stored.fingerprint)
        raise
    services.homing.expect(bucket, version)


async def _put_together(
    context: Context, storage: Storage, completion: Completion, *, creates: bool
) -> Stored:
    upload, facts = completion.upload, completion.facts
    path, parts = upload.path or "", upload.parts or ""
    tags = [(part.number, part.tag or "") for part in completion.parts]
    try:
        stored = await storage.complete_parts(
            path, parts, tags, create=creates and Can.CREATE in storage.can
        )
    except NotFound:
        # A completion before this one, of which nobody knows how it ended, may have done it.
        return await _proven(context, storage, path, facts, upload)
    except Damaged:
        # Two attempts at a part met, and the storage has the other one.
        raise S3Error("InvalidPart", UploadId=upload.id) from None
    except (Exists, NameRefused):
        # Somebody put something there meanwhile. A new upload goes elsewhere.
        context.services.refused.add(path)
        raise S3Error("OperationAborted") from None
    if stored.fingerprint.size != facts.size:
        raise Damaged(f"{path!r} has not the size of its parts")
    return stored


async def _proven(
    context: Context, storage: Storage, path: str, facts: Facts, upload: Upload
) -> Stored:
    """What is at the path, if it is those very parts: all of it is read."""
    try:
        content = await storage.read(path)
    except NotFound:
        raise S3Error("NoSuchUpload", UploadId=upload.id) from None
    try:
        stored = content.stored
        proof = Proof(facts.version(_NOWHERE, 0), thorough=True)
        loop = asyncio.get_running_loop()
        if stored.fingerprint.size == facts.size:
            async for piece in content.chunks():
                await loop.run_in_executor(context.pool, proof.update, piece)
    finally:
        await content.aclose()
    if proof.verdict() is not None:
        raise S3Error("NoSuchUpload", UploadId=upload.id)
    return stored


class _PartOfStorage(PartWriter):
    """Of an upload of the storage's own."""

    arriving: "_PartArriving"

    async def __aenter__(self) -> Self:
        self.arriving = _PartArriving(
            self._services.remover, self._storage, self._upload, self._number, self._size
        )
        return self

    async def record(self, *, etag: str, checksum: str | None) -> Part:
        tag = await self.arriving.finish()
        part = self._part(etag=etag, checksum=checksum, tag=tag)
        await self._services.catalog.put_part(self._upload.id, part)
        return part

    async def __aexit__(self, *_: object) -> None:
        await self.arriving.discard()


class _PartArriving:
    """Bytes on their way to be such a part. One that is left there is replaced, or goes with the upload."""

    def __init__(
        self, remover: Remover, storage: Storage, upload: Upload, number: int, size: int
    ) -> None:
        self._remover = remover
        self._storage = storage
        self._upload = upload
        self._at = (upload.path or "", upload.parts or "", number)
        self._size = size
        self._sending: Sending[str] | None = None
        self._tag: str | None = None

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        try:
            for piece in pieces_of(data):
                await self._begun().write(piece)
        except NotFound:
            raise NoSuchUpload(self._upload.id) from None

    async def take(self, give: Callable[[], Sequence[bytes | memoryview]], size: int) -> None:
        for piece in await taken(give, size):
            await self.write(piece)

    async def copy(self, source: Content) -> None:
        if Can.COPY_PARTS in self._storage.can and 0 < source.length == self._size:
            last = source.first + source.length - 1
            stored = source.stored
            self._tag = await self._storage.copy_part(
                *self._at, stored.path, first=source.first, last=last, only_if=stored.fingerprint
            )
            return
        async for piece in source.chunks():
            await self.write(piece)

    async def finish(self) -> str:
        """The storage's tag."""
        if self._tag is None:
            try:
                self._tag = await self._begun().finish()
            except NotFound:
                raise NoSuchUpload(self._upload.id) from None
        return self._tag

    async def discard(self) -> None:
        """Does nothing to a part that has been finished."""
        if self._sending is not None and self._tag is None:
            self._remover.leave(self._ended(self._sending))

    async def _ended(self, sending: Sending[str]) -> GivenUp:
        await sending.end()
        return GivenUp(names=())

    def _begun(self) -> Sending[str]:
        if self._sending is None:

            async def send(pieces: AsyncIterator[bytes]) -> str:
                return await self._storage.write_part(*self._at, pieces, size=self._size)

            self._sending = Sending(send)
        return self._sending


# Parts under paths of their own


class _PartOfAFile(PartWriter):
    arriving: RemoteArriving
    _is_recorded = False

    async def __aenter__(self) -> Self:
        upload = self._upload
        target = Target(
            bucket=self._bucket,
            key=upload.key,
            storage=upload.storage,
            name=part_file(upload.id, self._number, self._attempt),
            size=self._size,
            natural=False,
            upload=upload.id,
        )
        self.arriving = RemoteArriving(self._services, self._storage, target)
        return self

    async def record(self, *, etag: str, checksum: str | None) -> Part:
        location = await self.arriving.finish()
        part = self._part(etag=etag, checksum=checksum, tag=location.fingerprint.stamp)
        await self._services.catalog.put_part(self._upload.id, part, intent=self.arriving.name)
        self._is_recorded = True
        return part

    async def __aexit__(self, *_: object) -> None:
        if not self._is_recorded:
            await self.arriving.discard()


async def _one_by_one(
    context: Context,
    bucket: Bucket,
    storage: Storage,
    completion: Completion,
    only_if: Condition,
) -> None:
    facts = completion.facts
    _check_size(facts.size, storage.limits.max_write)
    services = context.services
    target = Target(
        bucket=bucket,
        key=facts.key,
        storage=completion.upload.storage,
        name=f"put-{services.process}-{services.new_id()}",
        size=facts.size,
        description=_description(context, storage, bucket, facts),
        headers=_headers(context, storage, bucket, facts),
    )
    arriving = RemoteArriving(services, storage, target)
    try:
        for part in completion.parts:
            path = shadow_path(part_file(completion.upload.id, part.number, part.attempt))
            of = Fingerprint(size=part.size, stamp=part.tag or "")
            content = await storage.itself().read(path, only_if=of)
            try:
                async for piece in content.chunks():
                    await arriving.write(piece)
            finally:
                await content.aclose()
    except BaseException:
        await arriving.discard()
        raise
    await _publish(
        context,
        bucket,
        arriving,
        facts,
        only_if=only_if,
        upload=completion.upload.id,
        completed=completion.completed,
    )
