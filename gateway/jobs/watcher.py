"""Follows what others do under a storage's paths: the elected worker's part of it.

Events say where to look, walks where nobody could tell; ``gateway.service.outside`` looks. The two go
on side by side, so that a file dropped during a walk through millions is there at once all the same.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Sequence

import structlog

from backends.errors import NameRefused, StorageError
from backends.interface import Can, Change, Storage, What
from gateway.catalog.errors import CatalogError, NoSuchBucket, TooManyMissing
from gateway.catalog.records import Bucket
from gateway.jobs.telling import tell
from gateway.jobs.walking import walk
from gateway.s3.names import can_be_a_bucket
from gateway.service.context import Services
from gateway.service.finding import Outcome
from gateway.service.outside import AT_ONCE, alarm, settled

_log = structlog.get_logger("s3front.watcher")

_PAUSE_S = 1.0
"""Before a storage that failed is tried again."""
_BUSY_S = 1.0
"""Between looks at files that were being written: their closing may go untold."""
_MOST_BUSY = 10_000
_MOST_TREES = 1_000
"""Trees that wait for their walk; of more the whole storage is walked."""
_SAFETY_S = 86_400.0
"""Between walks of what is watched whole: no event is known to be lost, but a walk proves it."""
_PAGE = 1_000


class _Again(Exception):
    """Begin anew: watch what could not be watched, then walk."""


async def run(services: Services, name: str) -> None:
    """Keep the rows of the storage ``name`` in line with what is there, until cancelled.

    A storage that fails or is unmounted is waited for; then all of it is walked.
    """
    storage = services.storages[name]
    if services.watching is None or Can.WATCH not in storage.can:
        return
    failed = ""
    while True:
        try:
            storage.check()
            if failed:
                _log.info("the storage is there again", storage=name)
                failed = ""
            await _Watch(services, storage, name).run()
        except* _Again:
            pass
        except* (StorageError, CatalogError) as group:
            cause = str(_first(group))
            if cause != failed:
                _log.error("the storage cannot be watched", storage=name, cause=cause)
            failed = cause
        await asyncio.sleep(_PAUSE_S)


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class _Watch:
    """One go: from watching everything to the first failure."""

    def __init__(self, services: Services, storage: Storage, name: str) -> None:
        self._services = services
        self._storage = storage
        self._name = name
        self._trees: dict[str, None] = {}
        self._waiting = asyncio.Event()
        self._busy: dict[str, None] = {}
        self._blind = False
        self._reported: set[str] = set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._walk())
            group.create_task(self._return_to_busy())

    # Events

    async def _follow(self) -> None:
        async with contextlib.aclosing(self._storage.changes()) as batches:
            async for batch in batches:
                await self._take(batch)

    async def _take(self, batch: Sequence[Change]) -> None:
        files: dict[str, bool] = {}
        for change in batch:
            match change.what:
                case What.FILE | What.CLOSED:
                    files[change.path] = change.what is What.CLOSED
                case What.TREE:
                    self._add_tree(change.path)
                    files.setdefault(change.path, False)
                case What.BLIND:
                    self._go_blind()
        await self._settle(files, closed={path for path, closed in files.items() if closed})

    def _add_tree(self, path: str) -> None:
        self._trees[path] = None
        if len(self._trees) > _MOST_TREES:
            self._trees = {"": None}
        self._waiting.set()

    def _go_blind(self) -> None:
        watching = self._services.watching
        _log.warning(
            "not every folder can be watched: changes are found by walking",
            storage=self._name,
            every_s=None if watching is None else watching.walk_s,
            fix="sysctl fs.inotify.max_user_watches=1048576 (and max_user_instances), for good in "
            "/etc/sysctl.d; 1 KiB of kernel memory for each folder",
        )
        self._blind = True

    # Paths

    async def _settle(self, paths: Iterable[str], *, closed: Collection[str] = ()) -> None:
        """Bring the keys of these paths into line; those in folders that are no bucket are left."""
        by_bucket: dict[str, list[str]] = {}
        for path in paths:
            folder, slash, key = path.partition("/")
            if slash:
                by_bucket.setdefault(folder, []).append(key)
        for folder, keys in by_bucket.items():
            bucket = await self._bucket(folder)
            for first in range(0, len(keys), AT_ONCE):
                await self._settle_in(bucket, keys[first : first + AT_ONCE], closed)

    async def _settle_in(
        self, bucket: Bucket | None, keys: list[str], closed: Collection[str]
    ) -> None:
        if bucket is None:
            return
        ended = [key for key in keys if f"{bucket.name}/{key}" in closed]
        try:
            outcome = await settled(self._services, bucket, keys, closed=ended)
        except NoSuchBucket:
            return
        except TooManyMissing as error:
            alarm(self._services, bucket, error)
            return
        self._note(bucket, outcome)

    def _note(self, bucket: Bucket, outcome: Outcome) -> None:
        for key in (*outcome.busy, *outcome.again):
            if len(self._busy) < _MOST_BUSY:
                self._busy[f"{bucket.name}/{key}"] = None
        tell(self._services, bucket, outcome)

    async def _return_to_busy(self) -> None:
        while True:
            await asyncio.sleep(_BUSY_S)
            paths, self._busy = self._busy, {}
            await self._settle(paths)

    async def _bucket(self, folder: str) -> Bucket | None:
        """The bucket of a folder of this storage, None if it is none or lies elsewhere."""
        try:
            bucket = await self._services.catalog.bucket(folder)
        except NoSuchBucket:
            return None
        return bucket if bucket.storage == self._name else None

    # Walks

    async def _walk(self) -> None:
        watching = self._services.watching
        while watching is not None:
            pause = watching.walk_s if self._blind else _SAFETY_S
            try:
                await asyncio.wait_for(self._waiting.wait(), pause)
            except TimeoutError:
                raise _Again from None
            self._waiting.clear()
            while self._trees:
                trees = [""] if "" in self._trees else list(self._trees)
                self._trees = {}
                for tree in trees:
                    await self._walk_tree(tree)

    async def _walk_tree(self, tree: str) -> None:
        folder, slash, prefix = tree.partition("/")
        if not tree:
            for each in await asyncio.to_thread(self._storage.folders):
                await self._walk_tree(each)
            for name in await self._buckets_without_folder():
                await self._walk_bucket(name, "")
            return
        if not slash:
            await self._make_bucket(folder)
        await self._walk_bucket(folder, f"{prefix}/" if slash else "")

    async def _walk_bucket(self, name: str, prefix: str) -> None:
        bucket = await self._bucket(name)
        if bucket is None:
            return
        try:
            self._note(bucket, await walk(self._services, self._storage, bucket, prefix))
        except NoSuchBucket:
            return
        except NameRefused as error:
            _log.warning("a walk ended early", bucket=name, cause=str(error))

    async def _buckets_without_folder(self) -> list[str]:
        folders = set(await asyncio.to_thread(self._storage.folders))
        names: list[str] = []
        after = ""
        while True:
            page = await self._services.catalog.buckets(after=after, limit=_PAGE)
            names += [one.name for one in page if one.storage == self._name]
            if len(page) < _PAGE:
                return [name for name in names if name not in folders]
            after = page[-1].name

    async def _make_bucket(self, folder: str) -> None:
        """A new folder of the default storage is a new bucket."""
        services = self._services
        if self._name != services.default_storage:
            return
        if not can_be_a_bucket(folder):
            if folder not in self._reported and len(self._reported) < _PAGE:
                self._reported.add(folder)
                _log.warning("a folder whose name no bucket can have is left alone", name=folder)
            return
        made = await services.catalog.adopt_bucket(
            folder, region=services.region, storage=self._name, now_ns=services.now_ns()
        )
        if made:
            _log.info("a folder became a bucket", name=folder)
