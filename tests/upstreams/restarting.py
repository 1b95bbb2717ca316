"""Upstreams that a test may end and begin again, without their files being lost."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

from tests.backends.s3.moto_server import Moto, moto_settings
from tests.backends.webdav.servers import SERVERS
from tests.upstreams.fronting import webdav_settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """``settings`` of a storage there; ``end`` is sudden."""

    settings: Mapping[str, object]
    end: Callable[[], None]
    begin: Callable[[], None]


@contextmanager
def _webdav(name: str) -> Iterator[Upstream]:
    with SERVERS[name]() as server:
        yield Upstream(
            settings=webdav_settings_of(server),
            end=server.process.kill,
            begin=server.process.start,
        )


@contextmanager
def _s3() -> Iterator[Upstream]:
    moto = Moto()
    try:
        given = moto_settings(moto, profile="aws", address_style="path", prefix="shared")
        yield Upstream(settings={"type": "s3", **given}, end=moto.stop, begin=moto.start)
    finally:
        moto.close()


UPSTREAMS: Mapping[str, Callable[[], AbstractContextManager[Upstream]]] = {
    "apache": partial(_webdav, "apache"),
    "nginx": partial(_webdav, "nginx"),
    "s3": _s3,
}
