"""Clears away what nobody will finish or miss: old multipart uploads, old completions, files of
others that came and went."""

import asyncio
import contextlib
from dataclasses import dataclass

import structlog

from gateway.catalog.errors import NoSuchUpload
from gateway.service import removing
from gateway.service.context import Services

_log = structlog.get_logger("s3front.janitor")
_BATCH = 100
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JanitorRules:
    """Ages and the pause between rounds, in seconds."""

    upload_age_s: int = 7 * 86_400
    completed_age_s: int = 2 * 86_400
    missing_age_s: int = 86_400
    interval_s: int = 600


async def sweep(services: Services, rules: JanitorRules) -> int:
    """One round. Returns how many uploads were aborted."""
    catalog = services.catalog
    now_ns = services.now_ns()
    aborted = await _abort_stale(services, now_ns - rules.upload_age_s * _NS)
    await catalog.forget_completed(before_ns=now_ns - rules.completed_age_s * _NS)
    await catalog.forget_missing(before_ns=now_ns - rules.missing_age_s * _NS)
    blocked = await catalog.finish_removals() + await removing.sweep(catalog, services.storages)
    if aborted or blocked:
        _log.info("swept", uploads_aborted=aborted, removals_left=blocked)
    return aborted


async def _abort_stale(services: Services, before_ns: int) -> int:
    catalog = services.catalog
    aborted = 0
    while True:
        stale = await catalog.stale_uploads(before_ns=before_ns, limit=_BATCH)
        before = aborted
        for bucket, upload in stale:
            # Completed or aborted by its owner meanwhile is as good.
            with contextlib.suppress(NoSuchUpload):
                await catalog.abort_upload(bucket, upload.key, upload.id)
                aborted += 1
        if len(stale) < _BATCH or aborted == before:
            return aborted


async def run(services: Services, rules: JanitorRules) -> None:
    """Rounds until cancelled. A failing round is logged; the next one tries again."""
    while True:
        try:
            await sweep(services, rules)
        except Exception:  # noqa: BLE001 - one round must not end the janitor
            _log.exception("janitor round failed")
        await asyncio.sleep(rules.interval_s)
