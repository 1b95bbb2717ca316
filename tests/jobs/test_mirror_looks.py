"""How fast the copies of a mirror are looked at, and that they are."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.jobs import mirror_looks
from gateway.jobs.mirror_looks import pace
from tests.backends.making import body, bytes_at
from tests.backends.mirror.members import memories, mirror_of
from tests.backends.mirror.mirrors import repaired
from tests.remote.conftest import Serve, serve

__all__ = ["serve"]


@given(paths=st.integers(0, 10**10), interval_s=st.floats(86_400, 3650 * 86_400))
def test_all_are_seen_within_the_interval_and_not_many_more(paths: int, interval_s: float) -> None:
    limit, pause_s = pace(paths, interval_s)
    assert 1 <= pause_s <= 600
    seen = limit * interval_s / pause_s
    assert seen >= paths * 0.999
    assert seen <= max(2 * paths, interval_s / 600 + 1)


def test_the_job_finds_what_is_gone(serve: Serve) -> None:
    members = memories()
    mirror = mirror_of(members)
    live = serve(mirror)

    async def found() -> None:
        await mirror.write("bucket/key", body(b"data"), size=4)
        await repaired(mirror)
        await members["cloud"].delete("bucket/key")
        job = asyncio.create_task(mirror_looks.run(live.services, "main", interval_s=1.0))
        async with asyncio.timeout(20):
            while not (await mirror.ledger.backlog()).waiting:
                assert not job.done()
                await asyncio.sleep(0.01)
        job.cancel()
        await repaired(mirror)
        assert await bytes_at(members["cloud"], "bucket/key") == b"data"

    live.run(found())
