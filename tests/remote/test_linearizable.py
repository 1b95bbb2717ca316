"""Nothing of ours is ever taken for somebody else's: with looks, listings and polls all the time, what
clients see is one order of what they did. Answers come late, so that everything meets."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

import pytest

from backends.interface import Can, Content, Fingerprint, Limits, Stored
from backends.remote_memory import AS_S3, AS_WEBDAV, RemoteMemoryStorage
from gateway.jobs.indexing import Indexing
from gateway.jobs.polling import Polling
from gateway.service.certainty import identify
from tests.linearizable.checker import all_impossible
from tests.linearizable.clients import Load
from tests.live.server import Live
from tests.remote.conftest import Serve
from tests.remote.test_indexing import bucket_of, look_of
from tests.seeds import seed


class Late(RemoteMemoryStorage):
    """Each verb takes its time, before and after it acts."""

    def __init__(self, can: Can, number: int) -> None:
        super().__init__(can, Limits(max_description=2048))
        self._random = random.Random(number)

    async def _wait(self) -> None:
        await asyncio.sleep(self._random.choice([0, 0, 0.001, 0.004]))

    async def stat(self, path: str) -> Stored:
        await self._wait()
        try:
            return await super().stat(path)
        finally:
            await self._wait()

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        await self._wait()
        return await super().read(path, first=first, last=last, only_if=only_if)

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        await self._wait()
        try:
            return await super().write(
                path, body, size=size, description=description, headers=headers, create=create
            )
        finally:
            await self._wait()

    async def delete(self, path: str) -> None:
        await self._wait()
        await super().delete(path)
        await self._wait()

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        page = [one async for one in super().list(prefix, after=after)]
        await self._wait()
        for stored in page:
            yield stored


async def follow(live: Live, *, indexes: bool) -> None:
    """Index and poll without a pause."""
    catalog, look = live.services.catalog, look_of(live)
    await identify(catalog, look.name, look.storage, live.services.new_id)
    polling = Polling(live.services, look, -1_000.0)
    while True:
        bucket = await catalog.bucket("bucket")
        if indexes:
            await Indexing(look, bucket).run()
        await polling.poll(bucket)
        await asyncio.sleep(0)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("indexes", [False, True], ids=["not indexed", "indexed"])
@pytest.mark.parametrize(
    "can", [AS_S3, AS_WEBDAV, Can.CREATE], ids=["s3", "webdav", "only creates"]
)
def test_what_clients_see_is_linearizable(serve: Serve, can: Can, *, indexes: bool) -> None:
    number = seed("load behind a network")
    live = serve(Late(can, number))
    if not indexes:
        live.run(live.services.catalog.set_indexing("bucket", indexes=False))
    following = asyncio.run_coroutine_threadsafe(follow(live, indexes=indexes), live.loop)
    load = Load(client=live.client, bucket="bucket", seed=number, acts=50)
    load.run()
    assert not following.done(), following.exception()
    following.cancel()
    with contextlib.suppress(BaseException):
        following.result(10)
    wrong = all_impossible(load.history)
    assert not wrong, "\n".join(f"{key!r}: {verdict}" for key, verdict in wrong.items())
    assert load.lost == 0
    assert len(load.history) > 200
    assert bucket_of(live).indexed == indexes
