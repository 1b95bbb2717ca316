"""Comparing the catalog with what is stored, both ways, while others write.

Nothing is changed. What seems wrong is looked at again after a pause and told only if it is still
wrong of the same version: a write between the two looks is no finding.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from backends.errors import Damaged, NotFound, StorageError
from backends.interface import RESERVED, Can, Storage, Stored
from gateway.catalog.errors import CatalogDamaged, NoSuchBucket
from gateway.catalog.interface import Catalog
from gateway.catalog.records import Bucket, Entry, Version
from gateway.jobs.recovery import Uploads
from gateway.jobs.unowned import Unowned
from gateway.service.description import Description, decode
from gateway.service.verifying import Verifier

_PAGE = 500
_SIDE_BY_SIDE = 8
_NS = 1_000_000_000
_SHADOWS = f"{RESERVED}/o/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is not as it should be.

    ``kind``: ``catalog``, ``damaged``, ``missing``, ``replaced``, ``unreadable`` (as the scrub has
    them), ``unplaced`` (bytes are whole, but still under their staged name), ``description`` (what
    the bytes say of themselves is not what the row says), ``leftover`` (staged bytes nobody needs),
    ``doomed`` (bytes of a deleted object), ``unowned`` (bytes that say they are an object, of
    which no row knows).
    """

    kind: str
    detail: str
    bucket: str = ""
    key: str = ""
    storage: str = ""
    path: str = ""
    version: Version | None = field(default=None, repr=False)


def silent(_step: str, _done: int) -> None:
    """Tell nobody."""


class Check:
    """One check. ``objects`` and ``compared`` (bytes) grow as it goes on."""

    def __init__(
        self,
        catalog: Catalog,
        storages: Mapping[str, Storage],
        pool: Executor,
        *,
        now_ns: Callable[[], int],
        deep: bool = False,
        grace_s: float = 3600,
        pause_s: float = 1.0,
        told: Callable[[str, int], None] = silent,
    ) -> None:
        """``deep``: every digest is computed. ``grace_s``: staged bytes younger than that may belong
        to a request. ``told`` is called with a step and how many units of it are done."""
        self.objects = 0
        self.compared = 0
        self._catalog = catalog
        self._storages = storages
        self._now_ns = now_ns
        self._deep = deep
        self._grace_ns = int(grace_s * _NS)
        self._pause_s = pause_s
        self._told = told
        self._verifier = Verifier(catalog=catalog, storages=storages, pool=pool, thorough=True)

    async def problems(self) -> AsyncIterator[Problem]:
        """All that is found. Raises CatalogUnavailable and StorageError where nothing can be told."""
        self._told("catalog", 0)
        for detail in await self._catalog.problems():
            yield Problem(kind="catalog", detail=detail)
        if not self._deep:
            async for problem in self._found_earlier():
                yield problem
        for bucket in await self._buckets():
            async for problem in self._rows(bucket):
                yield problem
        for name, storage in self._storages.items():
            of = self._files if Can.STAGE in storage.can else self._far_away
            async for problem in of(name, storage):
                yield problem
        for problem in await self._doomed():
            yield problem

    # What scrub and reads have found

    async def _found_earlier(self) -> AsyncIterator[Problem]:
        after = ("", "", "")
        while page := await self._catalog.findings(after=after, limit=_PAGE):
            for one in page:
                if one.kind == "damaged":  # others are found again, as they are now
                    yield Problem(kind=one.kind, detail=one.detail, bucket=one.bucket, key=one.key)
            after = page[-1].bucket, page[-1].key, page[-1].kind

    # From the rows to the bytes

    async def _buckets(self) -> list[Bucket]:
        buckets: list[Bucket] = []
        while page := await self._catalog.buckets(
            after=buckets[-1].name if buckets else "", limit=_PAGE
        ):
            buckets += page
        return buckets

    async def _rows(self, bucket: Bucket) -> AsyncIterator[Problem]:
        after, more = "", True
        while more:
            try:
                page = await self._catalog.list(bucket, after=after, limit=_PAGE)
            except CatalogDamaged as error:
                yield Problem(kind="catalog", detail=str(error), bucket=bucket.name)
                return
            suspects = []
            keys = [item.key for item in page.items if isinstance(item, Entry)]
            for first in range(0, len(keys), _SIDE_BY_SIDE):
                some = keys[first : first + _SIDE_BY_SIDE]
                looks = await asyncio.gather(*(self._look(bucket, key) for key in some))
                suspects += [key for key, found in zip(some, looks, strict=True) if found]
                self.objects += len(some)
                self._told("objects", self.objects)
            after = keys[-1] if keys else after
            if suspects:
                await asyncio.sleep(self._pause_s)
            for key in suspects:
                for problem in await self._look(bucket, key):
                    yield problem
            more = page.more

    async def _look(self, bucket: Bucket, key: str) -> list[Problem]:
        """What is the matter with one object, seen twice of the same version."""
        try:
            version = await self._catalog.get(bucket, key)
            if version is None:
                return []
            found = await self._compare(bucket, version)
            again = await self._catalog.get(bucket, key) if found else version
        except CatalogDamaged as error:
            return [Problem(kind="catalog", detail=str(error), bucket=bucket.name, key=key)]
        if again is None or again.sequence != version.sequence:
            return []
        return found

    async def _compare(self, bucket: Bucket, version: Version) -> list[Problem]:
        def problem(kind: str, detail: str) -> list[Problem]:
            return [
                Problem(
                    kind=kind,
                    detail=detail,
                    bucket=bucket.name,
                    key=version.key,
                    storage=location.storage,
                    path=location.path,
                    version=version,
                )
            ]

        location = version.location
        storage = self._storages.get(location.storage)
        if storage is None:
            return problem("missing", f"the storage {location.storage!r} is not configured")
        try:
            stored = await self._stored(storage, version)
            found = [] if isinstance(stored, Stored) else problem(*stored)
            if isinstance(stored, Stored) and (wrong := _description(bucket, version, stored)):
                found = problem("description", wrong)
            if self._deep and (isinstance(stored, Stored) or stored[0] == "unplaced"):
                verified = await self._verifier.verify(bucket, version)
                self.compared += verified.read
                if verified.wrong:
                    found += problem(verified.verdict.value, verified.detail)
        except StorageError as error:
            return problem("unreadable", str(error))
        return found

    async def _stored(self, storage: Storage, version: Version) -> Stored | tuple[str, str]:
        """What is at the path if it is the version's bytes, else kind and detail of a problem."""
        location = version.location
        matter = ("missing", "nothing is at its path")
        try:
            stored = await storage.stat(location.path)
            if stored.fingerprint == location.fingerprint:
                return stored
            matter = ("replaced", "other bytes than the row's are at its path")
        except NotFound:
            pass
        if location.staged is not None:
            try:
                content = await storage.staged(location.staged, only_if=location.fingerprint)
            except (NotFound, Damaged):
                return matter
            await content.aclose()
            return "unplaced", f"its bytes are whole, still under {location.staged!r}"
        return matter

    # From the bytes to the rows

    async def _far_away(self, name: str, storage: Storage) -> AsyncIterator[Problem]:
        unowned = Unowned(
            catalog=self._catalog,
            name=name,
            storage=storage,
            pause_s=self._pause_s,
            told=lambda number: self._told("files", number),
        )
        async for path, detail in unowned.paths():
            yield Problem(kind="unowned", detail=detail, storage=name, path=path)

    async def _files(self, name: str, storage: Storage) -> AsyncIterator[Problem]:
        async for problem in self._staged(name, storage):
            yield problem
        for prefix in ("", _SHADOWS):
            async for problem in self._unowned(name, storage, prefix):
                yield problem

    async def _staged(self, name: str, storage: Storage) -> AsyncIterator[Problem]:
        uploads = Uploads(self._catalog)
        for number, staged in enumerate(await asyncio.to_thread(storage.staged_names)):
            self._told("staged", number)
            if await uploads.own(staged):
                continue
            with contextlib.suppress(CatalogDamaged):  # then nothing is known of it
                problem = await self._leftover(name, storage, staged)
                if problem is not None:
                    yield problem

    async def _leftover(self, name: str, storage: Storage, staged: str) -> Problem | None:
        try:
            content = await storage.staged(staged)
            await content.aclose()
            young = self._now_ns() - content.stored.modified_ns < self._grace_ns
            record = None if young else await asyncio.to_thread(storage.staged_description, staged)
        except NotFound:
            return None
        except Damaged:
            young, record = False, b""
        if young:
            return None
        said = None if record is None else decode(record)
        current = await self._current(said) if said is not None else None
        if said is None and record is not None:
            current = await self._catalog.owner_of_staged(name, staged)
        if current is not None and current.location.staged == staged:
            return None  # told where the rows are looked at
        if record is None or (said is not None and current is not None):
            detail = "nobody needs these staged bytes"
            return Problem(kind="leftover", detail=detail, storage=name, path=staged)
        return Problem(
            kind="unowned",
            detail="sealed bytes that no row knows",
            storage=name,
            path=f"{RESERVED}/staged/{staged}",
        )

    async def _unowned(self, name: str, storage: Storage, prefix: str) -> AsyncIterator[Problem]:
        suspects: list[str] = []
        number = 0
        async for stored in storage.list(prefix):
            number += 1
            self._told("files", number)
            with contextlib.suppress(CatalogDamaged):
                if await self._is_unowned(name, storage, stored.path):
                    suspects.append(stored.path)
        if suspects:
            await asyncio.sleep(self._pause_s)
        for path in suspects:
            if await self._is_unowned(name, storage, path):
                yield Problem(
                    kind="unowned",
                    detail="bytes that say they are an object, of which no row knows",
                    storage=name,
                    path=path,
                )

    async def _is_unowned(self, name: str, storage: Storage, path: str) -> bool:
        """Of bytes of ours only: what others put into a bucket's folder is theirs."""
        bucket, _, key = path.partition("/")
        if bucket != RESERVED:
            version = await self._version(bucket, key)
            if version is not None and (version.location.storage, version.location.path) == (
                name,
                path,
            ):
                return False
        try:
            stored = await storage.stat(path)
        except StorageError:
            return False
        said = None if stored.description is None else decode(stored.description)
        if said is None and bucket != RESERVED:
            return False
        current = await self._current(said) if said is not None else None
        if current is not None and current.location.path == path:
            return False
        if any((one.storage, one.path) == (name, path) for one in await self._catalog.doomed()):
            return False
        return await self._catalog.owner_of_path(name, path) is None

    async def _current(self, said: Description) -> Version | None:
        return await self._version(said.bucket, said.key)

    async def _version(self, bucket: str, key: str) -> Version | None:
        try:
            return await self._catalog.get(await self._catalog.bucket(bucket), key)
        except NoSuchBucket:
            return None

    async def _doomed(self) -> list[Problem]:
        before = {(one.storage, one.path): one.fingerprint for one in await self._catalog.doomed()}
        if not before:
            return []
        await asyncio.sleep(self._pause_s)
        problems = []
        # With its fingerprint: a path may have been freed meanwhile, taken and doomed again.
        for one in await self._catalog.doomed():
            storage = self._storages.get(one.storage)
            if storage is None or before.get((one.storage, one.path)) != one.fingerprint:
                continue
            try:
                stored = await storage.stat(one.path)
            except StorageError:
                continue
            if stored.fingerprint == one.fingerprint:
                detail = "bytes of a deleted object that could not be removed"
                problems.append(
                    Problem(kind="doomed", detail=detail, storage=one.storage, path=one.path)
                )
        return problems


def _description(bucket: Bucket, version: Version, stored: Stored) -> str | None:
    """What is wrong with what the bytes say of themselves, None if nothing is."""
    if stored.description_damaged:
        return "what the bytes say of themselves is not what was written"
    if version.location.staged is None:
        return None  # made by others: they say nothing, or something old
    if stored.description is None:
        return "the bytes do not say what they are"
    said = decode(stored.description)
    if said is None:
        return "what the bytes say of themselves cannot be read"
    for what, theirs, ours in (
        ("bucket", said.bucket, bucket.name),
        ("key", said.key, version.key),
        ("version", said.version_id, version.version_id),
        ("ETag", said.etag, version.etag),
        ("size", said.size, version.size),
    ):
        if theirs != ours:
            return f"the bytes say their {what} is {theirs!r}, the row says {ours!r}"
    if said.sequence > version.sequence:
        return "the bytes say they are of a later version than the row"
    return None
