from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from backends.interface import Can, Storage
from backends.local.storage import LocalStorage
from tests.backends.making import CANNOT_HOLD, MAKE, NewStorage


@pytest.fixture(params=sorted(MAKE))
def new_storage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> NewStorage:
    """Makes a new, open storage each time; hypothesis wants one for each example."""
    numbers = count()
    make = MAKE[request.param]
    node: pytest.Item = request.node
    needed = [can for mark in node.iter_markers("needs") for can in mark.args]

    @asynccontextmanager
    async def new() -> AsyncIterator[Storage]:
        storage = make(tmp_path / f"root-{next(numbers)}", monkeypatch)
        await storage.open()
        try:
            # Not before: what a storage behind a network can depends on what it meets there.
            lacking = [can for can in needed if can not in storage.can]
            if lacking:
                pytest.skip(f"{request.param} does not declare {lacking}")
            yield storage
        finally:
            await storage.aclose()

    return new


@pytest.fixture
async def storage(new_storage: NewStorage) -> AsyncIterator[Storage]:
    async with new_storage() as storage:
        yield storage


@pytest.fixture
def cannot_hold(request: pytest.FixtureRequest) -> Collection[str]:
    """Keys of these tests that the storage cannot hold."""
    return CANNOT_HOLD.get(request.node.callspec.params["new_storage"], ())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
async def local(root: Path) -> AsyncIterator[LocalStorage]:
    storage = LocalStorage(root=root)
    await storage.open()
    assert Can.STAGE in storage.can
    yield storage
    await storage.aclose()
