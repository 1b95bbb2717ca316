"""What is done soon after a verb has ended: nobody waits for it, but for who closes the storage."""

import asyncio
from collections.abc import Coroutine


class Afterwards:
    """What is being done. None of it fails."""

    def __init__(self) -> None:
        self._doing: set[asyncio.Task[None]] = set()

    def do(self, act: Coroutine[object, object, None]) -> None:
        """Have it done. Whoever was cancelled does not wait for it."""
        task = asyncio.create_task(act)
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def aclose(self) -> None:
        """Wait for all of it."""
        if self._doing:
            await asyncio.wait(self._doing)
