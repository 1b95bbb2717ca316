"""Objects that were written again come back under their own names.

Where nothing can be renamed inside the commit, the new bytes of a key that has an object go to a path of
our own: the old ones must stay until the new ones count. Once the old ones are gone and the key has
rested, the storage copies the bytes to ``bucket/key`` and the row follows. Nothing of it passes through
this process, and a failure at any point leaves the object where it was.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import structlog

from backends.errors import Damaged, StorageError
from backends.interface import Can, Storage, Stored
from gateway.catalog.errors import CatalogError, NoSuchBucket
from gateway.catalog.intents import Intent, Written
from gateway.catalog.interface import Catalog
from gateway.catalog.records import Bucket, Location, Version
from gateway.service.removing import GivenUp, Remover
from gateway.service.sending import REFUSALS

_log = structlog.get_logger("s3front.homing")

REST_S = 2.0
"""How long a key must not have been written."""
_MOST = 10_000
"""Keys that are waited for; others come back when they are written again."""
_TRIES = 5
_NEEDED = Can.COPY | Can.CREATE
_AT_ONCE = 4


class Homing:
    """What a process brings back beside its requests."""

    def __init__(
        self,
        catalog: Catalog,
        storages: Mapping[str, Storage],
        remover: Remover,
        *,
        process: str,
        new_id: Callable[[], str],
        now_ns: Callable[[], int],
    ) -> None:
        self._catalog = catalog
        self._storages = storages
        self._remover = remover
        self._process = process
        self._new_id = new_id
        self._now_ns = now_ns
        self._due: dict[tuple[str, str], tuple[float, int]] = {}
        """When a key of a bucket has rested, and how often it was tried; the next one first."""
        self._task: asyncio.Task[None] | None = None
        self._hurried = asyncio.Event()
        self._closing = False

    def expect(self, bucket: Bucket, version: Version) -> None:
        """That object was just written: bring it back, should it need that."""
        if version.location.natural or self._home_of(bucket, version) is None:
            return
        self._wait_for(bucket.name, version.key, tries=0)

    async def settled(self) -> None:
        """Bring back what can be, without waiting for it to rest, and return when nothing is left."""
        while self._due or self._is_busy:
            self._hurried.set()
            self._begin()
            if self._task is not None:
                await asyncio.wait([self._task])
        self._hurried.clear()

    async def aclose(self) -> None:
        """Begin nothing more, and wait for what was begun."""
        self._closing = True
        self._due.clear()
        self._hurried.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    @property
    def _is_busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def _home_of(self, bucket: Bucket, version: Version) -> str | None:
        storage = self._storages.get(version.location.storage)
        # A copy of which nobody knows what became blocks the name, unless it can replace nothing.
        if storage is None or Can.STAGE in storage.can or _NEEDED not in storage.can:
            return None
        return storage.natural(bucket.name, version.key)

    def _wait_for(self, bucket: str, key: str, *, tries: int) -> None:
        at = (bucket, key)
        self._due.pop(at, None)
        if self._closing or tries >= _TRIES or len(self._due) >= _MOST:
            return
        self._due[at] = (asyncio.get_running_loop().time() + REST_S, tries)
        self._begin()

    def _begin(self) -> None:
        if self._due and not self._is_busy:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._due:
            first, _ = next(iter(self._due.values()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(first):
                    await self._hurried.wait()
            hurried, now = self._hurried.is_set(), loop.time()
            due = [at for at, (when, _) in self._due.items() if hurried or when <= now]
            if hurried:
                await self._remover.settled()
            due = due[:_AT_ONCE]
            tried = {at: self._due.pop(at)[1] for at in due if at in self._due}
            done = await asyncio.gather(*(self._is_home(*at) for at in tried))
            for (bucket, key), is_home in zip(tried, done, strict=True):
                if not is_home:
                    self._wait_for(bucket, key, tries=tried[bucket, key] + 1)

    async def _is_home(self, bucket_name: str, key: str) -> bool:
        """Bring it back. Whether there is nothing more to be done."""
        try:
            bucket = await self._catalog.bucket(bucket_name)
            version = await self._catalog.get(bucket, key)
            home = None if version is None else self._home_of(bucket, version)
            if version is None or home is None or version.location.natural:
                return True
            return await self._bring(bucket, version, home)
        except NoSuchBucket:
            return True
        except (CatalogError, StorageError) as error:
            _log.info("not brought back", bucket=bucket_name, key=key, cause=str(error))
            return False

    async def _bring(self, bucket: Bucket, version: Version, home: str) -> bool:
        old = version.location
        storage = self._storages[old.storage]
        name = f"home-{self._process}-{self._new_id()}"
        intent = await self._catalog.intend(
            bucket,
            version.key,
            Intent(
                name=name,
                process=self._process,
                storage=old.storage,
                path=home,
                natural=True,
                size=version.size,
                begins_ns=self._now_ns(),
            ),
        )
        if not intent.natural:
            # The bytes that were there are still to be removed.
            await self._catalog.give_up(name)
            return False
        copied: Stored | None = None
        unknown: tuple[str, ...] = (home,)
        try:
            copied = await self._copied(storage, old, home)
            unknown = ()
            if copied is not None:
                new = Location(
                    storage=old.storage,
                    path=home,
                    staged=None,
                    fingerprint=copied.fingerprint,
                )
                await self._catalog.relocate(bucket, version.key, old, new, intent=name)
        finally:
            # If it has become the object's location nothing is given up.
            self._remover.leave(_given_up(name, copied, unknown))
        return True

    async def _copied(self, storage: Storage, old: Location, home: str) -> Stored | None:
        """None if it is certain that nothing was done."""
        try:
            return await storage.copy(old.path, home, only_if=old.fingerprint, create=True)
        except (*REFUSALS, Damaged):
            return None


async def _given_up(name: str, copied: Stored | None, unknown: tuple[str, ...]) -> GivenUp:
    written = None
    if copied is not None:
        written = Written(path=copied.path, fingerprint=copied.fingerprint)
    return GivenUp(names=(name,), written=written, unknown=unknown)
