"""What is to be done to its end, even if its caller is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from backends.mirror.body import BodyFailed
from backends.mirror.ledger import Entry, Ledger
from backends.mirror.refusals import REFUSALS

_T = TypeVar("_T")

DOUBT_S = 300.0
"""How long after a call of which nobody knows how it ended its member is looked at: it may still be on its
way there."""


async def finished(act: Coroutine[Any, Any, _T]) -> _T:
    """Its outcome. A caller that is cancelled waits for it all the same."""
    task = asyncio.create_task(act)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # which nobody is there to be told
        raise


async def begun(
    ledger: Ledger, path: str, member: str, *, create: bool = False, tree: bool = False
) -> tuple[int, Entry]:
    """As ``Ledger.begin``. A caller that is cancelled leaves no token behind."""
    beginning = asyncio.create_task(ledger.begin(path, member, create=create, tree=tree))
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        await asyncio.wait([beginning])
        if not beginning.cancelled() and beginning.exception() is None:
            token, _ = beginning.result()
            await ledger.abandon(path, member, token, unknown=False)
        raise


async def abandoned(
    ledger: Ledger, path: str, member: str, token: int, failure: BaseException
) -> None:
    """The call has failed so. Unless the member has surely changed nothing, it is looked at in DOUBT_S."""
    unknown = not isinstance(failure, (*REFUSALS, BodyFailed))
    await finished(ledger.abandon(path, member, token, unknown=unknown, in_s=DOUBT_S))
