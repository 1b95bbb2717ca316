"""Publishing where the storage renames inside the commit: stage, seal, publish.

A part may lie in place in the upload's one staged file (``Catalog.claim_part``); completing such an
upload moves no byte. Other parts have staged files of their own and are put together, in the kernel
where the storage can.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Self

from backends.interface import Can, Fingerprint, Staged, Storage
from gateway.catalog.errors import (
    CatalogError,
    CatalogUnavailable,
    NoSuchBucket,
    NoSuchUpload,
)
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
from gateway.service.context import Context, Services
from gateway.service.description import record_of
from gateway.service.publishing import Completion, Facts, PartWriter, Publisher


class Staging(Publisher[Staged]):
    """On a storage with Can.STAGE."""

    def begin(
        self, context: Context, bucket: Bucket, facts: Facts, *, copies: bool = False
    ) -> Staged:
        size = None if copies else facts.size
        return _stage_new(context.services, context.storage(bucket.storage), size=size)

    def publish(
        self,
        context: Context,
        bucket: Bucket,
        arriving: Staged,
        facts: Facts,
        *,
        only_if: Condition = ALWAYS,
    ) -> Awaitable[Version]:
        return _publish(
            context, bucket, context.storage(bucket.storage), arriving, facts, only_if=only_if
        )

    async def start_upload(self, context: Context, bucket: Bucket, upload: Upload) -> None:
        await context.services.catalog.start_upload(upload)

    def part(
        self, context: Context, bucket: Bucket, upload: Upload, number: int, size: int
    ) -> PartWriter:
        return _StagedPart(context, bucket, upload, number, size)

    async def complete(
        self, context: Context, bucket: Bucket, completion: Completion, *, only_if: Condition
    ) -> None:
        upload = completion.upload
        storage = context.storage(upload.storage)
        staged = await _assemble(context, storage, completion)
        try:
            await _publish(
                context,
                bucket,
                storage,
                staged,
                completion.facts,
                only_if=only_if,
                upload=upload.id,
                completed=completion.completed,
            )
        except (CatalogUnavailable, asyncio.CancelledError):
            raise
        except BaseException:
            if staged.name != upload_file(upload.id):
                await staged.discard()
            raise


def _stage_new(services: Services, storage: Storage, *, size: int | None = None) -> Staged:
    """A staged writer under a new name that tells which process made it; of ``size`` bytes, if that
    is known."""
    return storage.stage(f"put-{services.process}-{services.new_id()}", size=size)


async def _publish(
    context: Context,
    bucket: Bucket,
    storage: Storage,
    staged: Staged,
    facts: Facts,
    *,
    only_if: Condition = ALWAYS,
    upload: str | None = None,
    completed: Completed | None = None,
) -> Version:
    """Seal the staged bytes and make them the current version of their key.

    On a refusal the staged bytes are discarded and nothing has changed. If the outcome is unknown
    they stay: recovery finds out.
    """
    services = context.services
    now_ns = services.now_ns()
    natural = storage.natural(bucket.name, facts.key)
    version: Version | None = None

    def describe(fingerprint: Fingerprint) -> bytes:
        nonlocal version
        location = Location(
            storage=bucket.storage,
            path=natural if natural is not None else shadow_path(staged.name),
            staged=staged.name,
            fingerprint=fingerprint,
            natural=natural is not None,
        )
        version = facts.version(location, now_ns)
        return record_of(bucket.name, version)

    await staged.seal(describe, size=facts.size)
    if version is None:
        raise AssertionError("sealed without being described")
    try:
        return await services.catalog.publish(
            bucket, version, only_if=only_if, upload=upload, completed=completed
        )
    except (CatalogUnavailable, asyncio.CancelledError):
        raise
    except BaseException:
        if upload is None:
            await staged.discard()
        raise


class _StagedPart(PartWriter):
    """Claims its place first."""

    arriving: Staged

    def __init__(
        self, context: Context, bucket: Bucket, upload: Upload, number: int, size: int
    ) -> None:
        super().__init__(context, bucket, upload, number, size)
        self._offset: int | None = None
        self._stays = False
        """The bytes are the upload's now, or may be."""

    async def __aenter__(self) -> Self:
        upload = self._upload
        if Can.PARTS_IN_PLACE in self._storage.can:
            claim = await self._services.catalog.claim_part(
                upload.id, self._number, self._attempt, self._size
            )
            self._offset = claim.offset
        if self._offset is None:
            self.arriving = self._storage.stage(
                part_file(upload.id, self._number, self._attempt), size=self._size
            )
        else:
            self.arriving = self._storage.stage(
                upload_file(upload.id), offset=self._offset, exclusive=False, size=self._size
            )
        return self

    async def record(self, *, etag: str, checksum: str | None) -> Part:
        await self.arriving.keep()
        part = self._part(etag=etag, checksum=checksum, offset=self._offset)
        try:
            await self._services.catalog.put_part(self._upload.id, part)
        except (CatalogUnavailable, asyncio.CancelledError):
            self._stays = True
            raise
        self._stays = True
        return part

    async def __aexit__(self, *_: object) -> None:
        if self._stays:
            return
        # In place, other parts lie in the same file: this only lets go of it.
        await self.arriving.discard()
        if self._offset is not None and await self._is_gone():
            # Its file was dropped with the upload, but a late writer makes it anew. An upload with
            # a writer in place never becomes an object by moving that file, so nobody else's
            # bytes can be in it.
            self._storage.drop_staged(self.arriving.name)

    async def _is_gone(self) -> bool:
        try:
            await self._services.catalog.upload(self._bucket, self._upload.key, self._upload.id)
        except (NoSuchUpload, NoSuchBucket):
            return True
        except CatalogError:
            return False
        return False


async def _assemble(context: Context, storage: Storage, completion: Completion) -> Staged:
    """The parts as one run of staged bytes: as they lie, or copied one behind the other."""
    upload, parts = completion.upload, completion.parts
    if completion.movable and Can.PARTS_IN_PLACE in storage.can and _are_contiguous(upload, parts):
        return storage.stage(upload_file(upload.id), exclusive=False)
    staged = _stage_new(context.services, storage)
    try:
        for part in parts:
            if not part.size:
                continue
            content = (
                await storage.staged(part_file(upload.id, part.number, part.attempt))
                if part.offset is None
                else await storage.staged(
                    upload_file(upload.id), first=part.offset, last=part.offset + part.size - 1
                )
            )
            try:
                await staged.copy(content)
            finally:
                await content.aclose()
    except BaseException:
        await staged.discard()
        raise
    return staged


def _are_contiguous(upload: Upload, parts: Sequence[Part]) -> bool:
    end = 0
    for part in parts:
        if part.offset != end:
            return False
        end += part.size
    return upload.part_size is not None and end > 0
