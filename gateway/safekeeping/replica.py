"""A backup or its restoration from beginning to end: catalog, bytes, what makes them servable. Blocks."""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from backends.interface import RESERVED, Storage
from backends.registry import construct
from gateway.catalog.records import Bucket
from gateway.catalog.sqlite import SqliteCatalog
from gateway.catalog.sqlite.copying import copy_online
from gateway.catalog.sqlite.drafting import Draft
from gateway.catalog.sqlite.looking import Look
from gateway.jobs.recovery import recover
from gateway.safekeeping.copying import Copying, Outcome
from gateway.safekeeping.steps import Steps
from gateway.safekeeping.swapping import swap
from gateway.safekeeping.syncing import sync_folder
from gateway.service.verifying import Verifier

CATALOG = "catalog.db"
CREDENTIALS = "credentials"
_INCOMING = "catalog.db.incoming"
_PAGE = 1_000
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """From the catalog and the storages of a server to a directory of our own."""

    catalog: Path
    sources: Callable[[], Mapping[str, Storage]]
    """Makes them, not yet open."""
    target: Path
    """A directory whose lock is held."""
    name: str
    """What the storage of ``target`` is called by whoever will serve it."""
    durable: bool
    verify: bool


def make(plan: Plan, steps: Steps) -> Outcome:
    """Bring ``target`` up to date. Raises StorageError, CatalogError, OSError.

    Until the new catalog has taken its place, ``target`` holds what it held; after that, whoever opens
    it next finishes what is left, if this was interrupted.
    """
    state = plan.target / RESERVED
    incoming = state / _INCOMING
    for suffix in ("", "-journal", "-wal", "-shm"):
        Path(f"{incoming}{suffix}").unlink(missing_ok=True)
    steps.begin("pages of the catalog")
    done = 0

    def progress(pages: int, _whole: int) -> None:
        nonlocal done
        steps.advance(pages - done)
        done = pages

    copy_online(plan.catalog, incoming, progress=progress)
    draft = Draft(incoming)
    try:
        with contextlib.closing(Look(plan.catalog)) as live:
            outcome = asyncio.run(_copy(plan, draft, live, steps))
        draft.finish()
    except BaseException:
        draft.discard()
        raise
    swap(incoming, state / CATALOG, now=None)
    asyncio.run(_settle(plan, outcome, steps))
    return outcome


def copy_credentials(source: Path, target: Path) -> None:
    """The generated keys, if there are any: whole, durable, for the owner alone. Raises OSError."""
    try:
        kept = (source / CREDENTIALS).read_bytes()
    except FileNotFoundError:
        return
    temporary = target / f"{CREDENTIALS}.{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(kept)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target / CREDENTIALS)
    sync_folder(target)


def _target(plan: Plan) -> Storage:
    # One sync of the file system at the end stands for one of each file.
    return construct("local", {"root": str(plan.target), "durability": "relaxed"})


async def _copy(plan: Plan, draft: Draft, live: Look, steps: Steps) -> Outcome:
    async with contextlib.AsyncExitStack() as opened:
        sources, target = plan.sources(), _target(plan)
        for storage in (*sources.values(), target):
            await storage.open()
            opened.push_async_callback(storage.aclose)
        outcome = await Copying(
            draft, sources, live, target, name=plan.name, now_ns=time.time_ns(), steps=steps
        ).run()
        if plan.durable:
            await target.sync()
        return outcome


async def _settle(plan: Plan, outcome: Outcome, steps: Steps) -> None:
    """Place what is staged, remove what nobody owns: what recovery does after any interruption."""
    steps.begin("placing")
    async with contextlib.AsyncExitStack() as opened:
        target = _target(plan)
        await target.open()
        opened.push_async_callback(target.aclose)
        catalog = SqliteCatalog(
            plan.target / RESERVED / CATALOG, placings={plan.name: target}, durable=False
        )
        await catalog.open()
        opened.push_async_callback(catalog.aclose)
        await recover(catalog, {plan.name: target}, expected=True)
        buckets = await _buckets(catalog)
        for folder in set(target.folders()) - {bucket.name for bucket in buckets}:
            target.drop_folder(folder)  # unless something is in it
        if plan.verify:
            await _verify(catalog, buckets, {plan.name: target}, outcome, steps)
        if plan.durable:
            await target.sync()


async def _buckets(catalog: SqliteCatalog) -> list[Bucket]:
    found: list[Bucket] = []
    while page := await catalog.buckets(after=found[-1].name if found else "", limit=_PAGE):
        found += page
    return found


async def _verify(
    catalog: SqliteCatalog,
    buckets: list[Bucket],
    storages: Mapping[str, Storage],
    outcome: Outcome,
    steps: Steps,
) -> None:
    steps.begin("verifying", outcome.objects)
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        verifier = Verifier(catalog=catalog, storages=storages, pool=pool, thorough=True)
        for bucket in buckets:
            async for entry in catalog.every_entry(bucket):
                steps.advance()
                version = await catalog.get(bucket, entry.key)
                if version is None:
                    continue
                verified = await verifier.verify(bucket, version)
                if verified.wrong:
                    outcome.failed += 1
                    if len(outcome.failures) < _MOST_NAMED:
                        outcome.failures.append(f"{bucket.name}/{entry.key}: {verified.detail}")
    finally:
        await asyncio.to_thread(pool.shutdown)
