"""One process at a time runs the jobs, and they do not die with it."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.catalog.errors import CatalogUnavailable
from gateway.jobs.lease import Lease, run_elected
from tests.live.server import running

SOON_S = 0.01
HOLDER = """
import asyncio, sys
from pathlib import Path
from gateway.jobs.lease import Lease

async def main():
    await Lease(Path(sys.argv[1])).hold()
    print("held", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


class Jobs:
    """Two jobs that run until they are cancelled, unless there is a failure to raise."""

    def __init__(self, *failures: Exception) -> None:
        self.running = 0
        self.terms = 0
        self._failures = list(failures)

    def __call__(self) -> list[Coroutine[None, None, None]]:
        self.terms += 1
        return [self._job(), self._job()]

    async def _job(self) -> None:
        self.running += 1
        try:
            if self._failures and self.running == 2:
                raise self._failures.pop()
            await asyncio.Event().wait()
        finally:
            self.running -= 1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(SOON_S)


@contextlib.asynccontextmanager
async def candidate(file: Path, jobs: Jobs) -> AsyncIterator[None]:
    task = asyncio.create_task(run_elected(Lease(file, poll_s=SOON_S), jobs, pause_s=SOON_S))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "jobs.lock"


async def test_one_of_many_is_elected_and_the_next_when_it_stops(file: Path) -> None:
    candidates = [Jobs() for _ in range(4)]
    async with contextlib.AsyncExitStack() as still_there:
        for jobs in candidates[1:]:
            await still_there.enter_async_context(candidate(file, jobs))
        await until(lambda: any(jobs.running for jobs in candidates))
        assert sorted(jobs.running for jobs in candidates) == [0, 0, 0, 2]
        async with candidate(file, candidates[0]):
            await still_there.aclose()
            await until(lambda: candidates[0].running == 2)
            assert sum(jobs.running for jobs in candidates) == 2
    assert sum(jobs.running for jobs in candidates) == 0


async def test_a_killed_process_hands_the_jobs_over(file: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, file], stdout=subprocess.PIPE)
    with holder:
        try:
            assert holder.stdout is not None
            assert await asyncio.to_thread(holder.stdout.readline) == b"held\n"
            jobs = Jobs()
            async with candidate(file, jobs):
                for _ in range(10):
                    await asyncio.sleep(SOON_S)
                assert jobs.terms == 0
                holder.kill()
                await until(lambda: jobs.running == 2)
        finally:
            holder.kill()


@pytest.mark.parametrize(
    ("failure", "event"),
    [
        (ValueError("ours"), "jobs failed and will be started again"),
        (CatalogUnavailable("theirs"), "jobs ended and will be started again"),
    ],
)
async def test_a_job_that_fails_ends_the_term_and_all_are_started_again(
    file: Path, failure: Exception, event: str
) -> None:
    jobs = Jobs(failure)
    with capture_logs() as logged:
        async with candidate(file, jobs):
            await until(lambda: jobs.terms == 2 and jobs.running == 2)
    assert [line["event"] for line in logged] == ["runs the jobs", event, "runs the jobs"]


async def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path, file: Path) -> None:
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        await Lease(file).hold()
    assert not (tmp_path / "elsewhere").exists()


def test_a_server_runs_its_jobs(tmp_path: Path) -> None:
    with capture_logs() as logged:
        with running(tmp_path / "root", durability="relaxed"):
            pass
        assert "runs the jobs" not in [line["event"] for line in logged]
        with running(tmp_path / "root", durability="relaxed", jobs=True) as live:
            live.client.make_bucket("bucket")
            assert live.client.request("HEAD", "/bucket").status == 200
    assert "runs the jobs" in [line["event"] for line in logged]
