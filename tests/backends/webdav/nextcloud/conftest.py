from collections.abc import Iterator

import pytest

from tests.backends.webdav.nextcloud.asking import Cloud
from tests.backends.webdav.nextcloud.control import Control
from tests.backends.webdav.servers import SERVERS


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with SERVERS["nextcloud"]() as running:
        yield running.url


@pytest.fixture
def cloud(emulator: str) -> Iterator[Cloud]:
    """As it is by itself, and so again for the next test; files and uploads stay."""
    control = Control(emulator)
    control.asked()
    yield Cloud(emulator, control)
    control.reset()
