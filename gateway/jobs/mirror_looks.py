"""Looks at every copy on the members of a mirror, slowly, again and again: the elected worker's part of it.

What is gone there, or other than it was, is repaired as if a read had found it.
"""

import asyncio
import math

import structlog

from backends.errors import StorageError
from backends.mirror.storage import Mirror
from gateway.service.context import Services

_log = structlog.get_logger("s3front.mirror")
_SHORTEST_S = 1.0
_LONGEST_S = 600.0
_COUNTED_S = 3600.0


def pace(paths: int, interval_s: float) -> tuple[int, float]:
    """How many paths to look at at a time, and the seconds between, to see so many within the interval."""
    pause_s = min(max(interval_s / max(paths, 1), _SHORTEST_S), _LONGEST_S)
    return max(1, math.ceil(paths * pause_s / interval_s)), pause_s


async def run(services: Services, name: str, *, interval_s: float) -> None:
    """Have seen all of the mirror ``name`` within each interval, until cancelled."""
    mirror = services.storages[name].itself()
    if not isinstance(mirror, Mirror):
        return
    loop = asyncio.get_running_loop()
    failed, count_due, limit, pause_s = "", 0.0, 1, _SHORTEST_S
    while True:
        try:
            mirror.check()
            if loop.time() >= count_due:
                count_due = loop.time() + _COUNTED_S
                limit, pause_s = pace(await mirror.ledger.count(), interval_s)
            others = await mirror.looking.some(limit)
            failed = ""
        except StorageError as error:
            others = 0
            if str(error) != failed:
                _log.warning("a mirror cannot be looked at now", storage=name, cause=str(error))
            failed = str(error)
        if others:
            _log.warning(
                "copies are not what they were, and are repaired", storage=name, copies=others
            )
        await asyncio.sleep(pause_s)
