"""The corpus, sent through nginx and HAProxy: proxy and server count the same requests."""

import re
import time
from collections.abc import Iterator

import pytest

from gateway.observe.event import RequestEvent
from tests.hostile.corpus import CORPUS
from tests.hostile.exchanges import seen, stored
from tests.hostile.proxies import Count, Proxy, haproxy, nginx
from tests.hostile.writing import HIDDEN, SMUGGLED, Case
from tests.live.client import Client
from tests.live.server import Live
from tests.wire.raw import connected

_SETTLE_S = 20.0
_HEADS = re.compile(rb"HTTP/[0-9.]+ [2-5][0-9]{2} ")
PROXIES = ("nginx", "nginx that waits for bodies", "haproxy")


@pytest.fixture(scope="module", params=PROXIES)
def proxy(
    request: pytest.FixtureRequest, live: Live, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    match request.param:
        case "nginx":
            running = nginx(folder, live.port, buffering="off")
        case "nginx that waits for bodies":
            running = nginx(folder, live.port, buffering="on")
        case _:
            running = haproxy(folder, live.port)
    with running as proxy:
        yield proxy


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_proxy_and_server_count_the_same_requests(
    live: Live, client: Client, bucket: str, proxy: Proxy, case: Case
) -> None:
    before = proxy.count()
    seen(live)
    with connected(proxy.front) as raw:
        raw.send_or_be_closed(case.written(client, bucket))
        received = raw.everything()
    asked = _settled(live, proxy, before, len(_HEADS.findall(received)))
    paths = [event.path for event in asked]
    assert paths.count(SMUGGLED) <= case.follows, paths
    assert stored(client, bucket) in {None, case.stores, b"12345", b"12", HIDDEN}
    assert live.staged() == []


def _settled(live: Live, proxy: Proxy, before: Count, answers: int) -> list[RequestEvent]:
    """What the server was asked, once that and the ``answers`` are what the proxy tells of."""
    end = time.monotonic() + _SETTLE_S
    asked = seen(live)
    told = proxy.count() - before
    while not (answers <= told.all and told.answered <= len(asked) <= told.sent):
        assert time.monotonic() < end, (answers, asked, told, proxy.told())
        time.sleep(0.01)
        asked += seen(live)
        told = proxy.count() - before
    return asked
