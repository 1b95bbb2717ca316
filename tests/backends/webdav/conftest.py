from collections.abc import AsyncIterator

import pytest

from backends.webdav.storage import WebDavStorage
from tests.backends.webdav.lying import Lying, lying
from tests.backends.webdav.opening import HONEST, opened, over


@pytest.fixture
async def server() -> AsyncIterator[Lying]:
    async with lying() as server:
        yield server


@pytest.fixture
async def storage(server: Lying) -> AsyncIterator[WebDavStorage]:
    """Over a server that has been found out already: it was honest then."""
    async with opened(over(server, dialect=HONEST)) as storage:
        yield storage
