import asyncio
from types import SimpleNamespace
from typing import cast

from structlog.testing import capture_logs

from backends.errors import Unavailable
from backends.memory import MemoryStorage
from gateway.jobs import tidying
from gateway.service.context import Services


class Tidied(MemoryStorage):
    """Counts how often it was asked; may be away."""

    def __init__(self, *, is_away: bool = False) -> None:
        super().__init__()
        self.rounds = asyncio.Semaphore(0)
        self._is_away = is_away

    async def tidy(self) -> None:
        self.rounds.release()
        if self._is_away:
            raise Unavailable("no server")


async def test_every_storage_is_tidied_again_and_again_whatever_becomes_of_others() -> None:
    storages = {"away": Tidied(is_away=True), "there": Tidied(), "plain": MemoryStorage()}
    services = cast(Services, SimpleNamespace(storages=storages))
    with capture_logs() as logs:
        task = asyncio.create_task(tidying.run(services, interval_s=0))
        for name in ("away", "there") * 2:
            tidied = storages[name]
            assert isinstance(tidied, Tidied)
            await tidied.rounds.acquire()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert {(log["event"], log["storage"]) for log in logs} == {("not tidied", "away")}
