"""The composition root: settings to the application of one worker. Nothing else constructs these."""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from backends.errors import StorageError
from backends.interface import Storage
from gateway.access.authentication import Authentication
from gateway.access.authorization import Authorization
from gateway.access.credentials import Credentials
from gateway.access.doctor import Doctor
from gateway.access.public_addresses import PublicAddresses
from gateway.catalog.errors import CatalogError, NoSuchBucket
from gateway.catalog.interface import Catalog
from gateway.catalog.outside import MissingLimit
from gateway.catalog.sqlite import SqliteCatalog
from gateway.dispatch import Dispatcher
from gateway.jobs import (
    digesting,
    following,
    janitor,
    leavings,
    mirror_looks,
    mirroring,
    scrub,
    snapshots,
    tidying,
    unfinished,
    watcher,
)
from gateway.jobs.lease import Lease, run_elected
from gateway.jobs.recovery import recover
from gateway.jobs.roll import Roll
from gateway.jobs.snapshots import SnapshotRules
from gateway.observe.tally import MirrorTally, Tally
from gateway.s3.etag import CRC
from gateway.s3.target import Domains
from gateway.server.bootstrap import bootstrap
from gateway.server.deposits import deposits_of
from gateway.server.directories import snapshot_folder
from gateway.server.failure import Exit, StartError
from gateway.server.opening import Openings
from gateway.server.storages import Caches, Observe, storages_of
from gateway.service.context import Bounds, Links, Owner, Services, Watching
from gateway.service.homing import Homing
from gateway.service.removing import Remover
from gateway.settings.model import Settings

JOBS_LOCK = "jobs.lock"
"""Beside the catalog: the worker that holds it runs the jobs."""

WORKERS = "workers"
"""Beside the catalog: the folder in which the workers that live are noted."""

CACHES = "cache"
"""Beside the catalog: the folder of the caches that are nowhere else."""


class S3:
    """The S3 application of one worker: ``gateway.server.application.Application``."""

    def __init__(
        self,
        settings: Settings,
        services: Services,
        dispatcher: Dispatcher,
        pool: Executor,
        *,
        roll: Roll,
        lease: Lease | None,
        snapshot_rules: SnapshotRules,
    ) -> None:
        """Without a lease it runs no jobs."""
        self._settings = settings
        self._services = services
        self._pool = pool
        self._roll = roll
        self._lease = lease
        self._snapshot_rules = snapshot_rules
        self._openings = Openings(services.storages, settings)
        self._beside: list[asyncio.Task[None]] = []
        self._opened = contextlib.AsyncExitStack()
        self.answer = dispatcher.answer

    @property
    def services(self) -> Services:
        """What its requests are answered with."""
        return self._services

    async def open(self, *, first: bool) -> None:
        services = self._services
        await self._enter_roll()
        for storage in services.storages.values():
            self._opened.push_async_callback(storage.aclose)
        await self._openings.open_all()
        if first and self._settings.fail_fast:
            await self._openings.try_all()
        try:
            await services.catalog.open()
            self._opened.push_async_callback(services.catalog.aclose)
            self._opened.push_async_callback(services.remover.aclose)
            self._opened.push_async_callback(services.homing.aclose)
            if first:
                await recover(services.catalog, services.storages)
                await self._bootstrap()
        except CatalogError as error:
            raise StartError(
                f"The catalog cannot be opened: {error}. Look at its file and the space left.",
                exit=Exit.STORAGE_FAILED,
            ) from None
        except StorageError as error:
            raise _storage_failed(services.default_storage, error) from None
        self._beside.append(
            asyncio.create_task(self._openings.keep_trying(self._bootstrap if first else _nothing))
        )
        if first and not self._settings.fail_fast:
            self._beside.append(asyncio.create_task(self._openings.try_all()))
        if self._lease is not None:
            self._beside.append(asyncio.create_task(run_elected(self._lease, self._jobs_of_a_term)))

    async def _bootstrap(self) -> None:
        await bootstrap(self._services, self._settings, absent=self._openings.absent)

    def _jobs_of_a_term(self) -> list[Coroutine[None, None, None]]:
        return _jobs(self._services, self._roll, self._snapshot_rules, self._settings)

    async def _enter_roll(self) -> None:
        try:
            await asyncio.to_thread(self._roll.enter, self._services.process)
        except OSError as error:
            raise StartError(
                f"The folder of the workers beside the catalog cannot be used: {error}. It must be "
                f"writable for uid {os.geteuid()}.",
                exit=Exit.STORAGE_FAILED,
            ) from None
        self._opened.callback(self._roll.leave)

    async def probe(self) -> None:
        await self._services.catalog.buckets(limit=1)

    async def bucket_exists(self, name: str) -> bool:
        try:
            await self._services.catalog.bucket(name)
        except NoSuchBucket:
            return False
        return True

    def reload(self, settings: Settings) -> None:
        self._services.links.direct = linked_to(settings)

    async def aclose(self) -> None:
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        # The catalog first: finishing what it accepted moves bytes in the storages.
        await self._opened.aclose()
        await asyncio.to_thread(self._pool.shutdown)


def build(
    settings: Settings,
    credentials: Credentials,
    catalog: str,
    _number: int = 0,
    *,
    runs_jobs: bool = True,
) -> S3:
    """Compose the application of a worker; all are alike. Raises StartError; opens nothing yet.

    ``runs_jobs`` False: what is short-lived needs no janitor.
    """
    durable = settings.durability == "full"
    process = secrets.token_hex(4)
    caches = _caches(settings, Path(catalog).parent)
    storages = storages_of(settings, _observe(settings), Path(catalog), process, caches)
    services = _services(
        settings,
        credentials,
        SqliteCatalog(catalog, placings=storages, durable=durable, process=process),
        storages,
        process,
    )
    pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="s3front-hash")
    urls = [urlsplit(url) for url in settings.public_url]
    dispatcher = Dispatcher(
        services,
        authentication=Authentication(
            credentials,
            now=lambda: datetime.now(UTC),
            addresses=PublicAddresses(settings.public_url),
            domains=Domains(settings.domains),
            doctor=Doctor(
                hosts=[*settings.domains, *(url.netloc for url in urls)],
                ports=[
                    port for port in (settings.listen.port, *(url.port for url in urls)) if port
                ],
                prefixes=[url.path for url in urls if url.path],
            ),
        ),
        authorization=Authorization(root_access_key=credentials.root_access_key),
        domains=Domains(settings.domains),
        pool=pool,
    )
    return S3(
        settings,
        services,
        dispatcher,
        pool,
        roll=Roll(Path(catalog).with_name(WORKERS)),
        lease=Lease(Path(catalog).with_name(JOBS_LOCK)) if runs_jobs else None,
        snapshot_rules=SnapshotRules(
            folder=snapshot_folder(settings, Path(catalog)), interval_s=settings.snapshot_seconds
        ),
    )


def _services(
    settings: Settings,
    credentials: Credentials,
    catalog: Catalog,
    storages: dict[str, Storage],
    process: str,
) -> Services:
    remover = Remover(catalog, storages, process)
    catalog.when_doomed(remover.poke)
    return Services(
        catalog=catalog,
        storages=storages,
        default_storage=settings.home,
        region=settings.region,
        owner=Owner(id=credentials.owner_id, display_name=credentials.owner_name),
        now_ns=time.time_ns,
        new_id=_new_id,
        process=process,
        remover=remover,
        homing=Homing(
            catalog, storages, remover, process=process, new_id=_new_id, now_ns=time.time_ns
        ),
        bounds=Bounds(
            put=settings.max_put_bytes,
            object=settings.max_object_bytes,
            parts=settings.max_parts,
            document=settings.max_document_bytes,
        ),
        watching=_watching(settings),
        links=Links(linked_to(settings)),
        cache_control={
            bucket.name: bucket.cache_control for bucket in settings.buckets if bucket.cache_control
        },
        etags={bucket.name: CRC for bucket in settings.buckets if bucket.etag == "crc64nvme"},
        verify_reads=settings.verify_reads,
        tally=_tally(settings),
    )


async def _nothing() -> None:
    """Another worker makes the buckets."""


def _new_id() -> str:
    return secrets.token_hex(16)


def linked_to(settings: Settings) -> frozenset[str]:
    """The storages that clients may be sent to, and the mirrors that have such a member."""
    direct = {
        name
        for name, storage in settings.storages.items()
        if storage.options.get("link_mode") == "direct"
    }
    mirrors = {name for name, one in settings.mirrors.items() if direct & set(one.storages)}
    return frozenset(direct | mirrors)


def _watching(settings: Settings) -> Watching | None:
    if not settings.watch:
        return None
    return Watching(
        since_ns=time.time_ns(),
        missing=MissingLimit(count=settings.missing_limit, share=settings.missing_share),
        walk_s=settings.walk_seconds,
        poll_s=settings.poll_seconds,
    )


def _tally(settings: Settings) -> Tally:
    if settings.metrics_address is None:
        return Tally()
    from gateway.observe.integrity_metrics import integrity_metrics  # noqa: PLC0415 - 80 ms

    return integrity_metrics()


def _observe(settings: Settings) -> Observe | None:
    if settings.metrics_address is None:
        return None
    from gateway.observe.storage_metrics import storage_metrics  # noqa: PLC0415 - 80 ms

    return storage_metrics().observe


def _caches(settings: Settings, state: Path) -> Caches:
    home = state / CACHES
    if settings.metrics_address is None:
        return Caches(home=home)
    from gateway.observe.storage_metrics import storage_metrics  # noqa: PLC0415 - 80 ms

    return Caches(home=home, count=storage_metrics().count)


def _jobs(
    services: Services, roll: Roll, snapshot_rules: SnapshotRules, settings: Settings
) -> list[Coroutine[None, None, None]]:
    """What the elected worker runs beside its requests until it closes."""
    deposits = deposits_of(settings, services.storages[settings.home])
    jobs = [
        janitor.run(services, janitor.JanitorRules()),
        leavings.run(services, roll),
        unfinished.run(services),
        tidying.run(services),
        snapshots.run(services.catalog, snapshot_rules, deposits),
        digesting.run(services),
        *(watcher.run(services, name) for name in services.storages),
        *(following.run(services, name) for name in services.storages),
        *(
            mirroring.run(services, name, roll, _mirror_tally(settings))
            for name in settings.mirrors
        ),
    ]
    if settings.scrub:
        rules = scrub.ScrubRules(
            bytes_per_s=settings.scrub_rate, interval_s=settings.scrub_days * 86_400
        )
        jobs.append(scrub.run(services, rules))
        jobs += [
            mirror_looks.run(services, name, interval_s=rules.interval_s)
            for name in settings.mirrors
        ]
    return jobs


def _mirror_tally(settings: Settings) -> MirrorTally:
    if settings.metrics_address is None:
        return MirrorTally()
    from gateway.observe.mirror_metrics import mirror_metrics  # noqa: PLC0415 - 80 ms

    return mirror_metrics()


def _storage_failed(name: str, error: StorageError) -> StartError:
    return StartError(
        f"storages.{name}: it cannot be used: {error}. Check its settings, then that uid "
        f"{os.geteuid()} may read and write there.",
        exit=Exit.STORAGE_FAILED,
    )
