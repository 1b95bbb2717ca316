"""A storage whose service is reached through a proxy that fails as it is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from backends.http.client import Timeouts
from backends.http.origin import origin_of
from backends.interface import Fingerprint, Storage
from backends.s3.settings import read_settings
from backends.s3.storage import S3Storage
from tests.backends.making import body
from tests.backends.s3.moto_server import moto_settings
from tests.faulty_proxy.faults import Fault
from tests.faulty_proxy.proxy import FaultyProxy, faulty_proxy

OLD = b"old bytes"
TIMEOUTS = Timeouts(connect_s=5, connection_s=5, stall_s=1, answer_s=1)


@dataclass
class Rig:
    """A storage with something in it. Its service, through ``proxy`` and straight."""

    storage: Storage
    straight: Storage
    proxy: FaultyProxy
    of: Fingerprint

    def fail(self, *faults: Fault | None) -> None:
        """What is to happen to the requests that come next."""
        self.proxy.requests.clear()
        self.proxy.faults.extend(faults)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Relies on copies that compare, which moto does not."""
    async with rigged(copies_if=True) as rig:
        yield rig


@pytest.fixture
async def honest() -> AsyncIterator[Rig]:
    """Relies on nothing that moto does not do."""
    async with rigged(copies_if=False) as rig:
        yield rig


@asynccontextmanager
async def rigged(*, copies_if: bool) -> AsyncIterator[Rig]:
    given = moto_settings()
    settings = read_settings(given)
    profile = replace(settings.profile, creates=True, copies_if=copies_if)
    settings = replace(settings, profile=profile)
    async with faulty_proxy(origin_of(given["endpoint"])) as (proxy, origin):
        storage = S3Storage(replace(settings, endpoint=origin), timeouts=TIMEOUTS)
        straight = S3Storage(settings)
        await storage.open()
        await straight.open()
        stored = await straight.write("b/old", body(OLD), size=len(OLD))
        try:
            yield Rig(storage, straight, proxy, stored.fingerprint)
        finally:
            await storage.aclose()
            await straight.aclose()
