"""The reference model and the live server, side by side, on every storage."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from backends import remote_memory
from backends.cache.sizes import LEAST
from backends.interface import Can
from backends.s3.profiles import PROFILES
from gateway.service import buckets, completing
from gateway.service.context import Services
from tests.backends.s3.moto_server import moto_settings
from tests.backends.webdav.serving import settings_of
from tests.live.server import Live, running
from tests.model import nasty
from tests.model.machine import SideBySide
from tests.remote.left import check_nothing_is_left
from tests.seeds import seed

EXAMPLES = int(os.environ.get("S3FRONT_TEST_EXAMPLES", "500"))
"""Of the long form; each has up to 60 steps."""


def _s3() -> dict[str, Any]:
    given = moto_settings(profile="aws", address_style="path", prefix="shared")
    return {"storages": {"main": {"type": "s3", **given}}}


def _webdav(name: str) -> dict[str, Any]:
    return {"storages": {"main": {"type": "webdav", **settings_of(name)}}}


STORAGES: dict[str, dict[str, Any] | Callable[[], dict[str, Any]]] = {
    "memory": {"storages": {"main": {"type": "memory"}}},
    "memory as S3": {"storages": {"main": {"type": "memory", "like": "s3"}}},
    "memory as S3, cached": {
        "storages": {"main": {"type": "memory", "like": "s3", "cache_size": LEAST}}
    },
    "S3": _s3,
    "a mirror": {
        "storages": {
            "main": {"type": "mirror", "storages": ["one", "other"]},
            "one": {"type": "memory", "like": "s3"},
            "other": {"type": "memory", "like": "s3"},
        }
    },
    "memory as WebDAV": {"storages": {"main": {"type": "memory", "like": "webdav"}}},
    "WebDAV on Apache": lambda: _webdav("apache"),
    "WebDAV on nginx": lambda: _webdav("nginx"),
    "WebDAV on lighttpd": lambda: _webdav("lighttpd"),
    "WebDAV on sabre": lambda: _webdav("sabre"),
    "WebDAV on wsgidav": lambda: _webdav("wsgidav"),
    "WebDAV on rclone": lambda: _webdav("rclone"),
    "WebDAV on Nextcloud": lambda: _webdav("nextcloud"),
    "local relaxed": {"durability": "relaxed"},
    "local full": {"durability": "full"},
}
"""Settings of the server, by name. A new storage or catalog is one line."""


@pytest.fixture(params=STORAGES)
def live(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Live]:
    # Parts of 5 MiB would leave time for a tenth of the steps; the real limit has its own test.
    monkeypatch.setattr(completing, "MIN_PART", nasty.MIN_PART)
    monkeypatch.setattr(
        remote_memory, "S3_LIMITS", replace(remote_memory.S3_LIMITS, min_part=nasty.MIN_PART)
    )
    monkeypatch.setitem(PROFILES, "generic", replace(PROFILES["generic"], min_part=nasty.MIN_PART))
    flags = STORAGES[request.param]
    with running(tmp_path, **(flags() if callable(flags) else flags)) as live:
        yield live


def run(live: Live, examples: int, steps: int) -> None:
    """That many sequences of that many operations, and nothing may be left of them."""

    class Machine(SideBySide):
        client = live.client

    machine = hypothesis.seed(seed("model"))(Machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert live.staged() == []
    home = live.services.storages[live.services.default_storage]
    if Can.STAGE not in home.can:
        live.run(check_nothing_is_left(live.services))


def test_every_answer_is_the_models(live: Live) -> None:
    run(live, examples=int(os.environ.get("EX", "25")), steps=30)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_every_answer_is_the_models_for_long(live: Live) -> None:
    run(live, examples=EXAMPLES, steps=60)


@pytest.mark.parametrize("live", ["memory as S3", "memory as WebDAV", "S3"], indirect=True)
def test_a_bucket_that_is_not_indexed_answers_alike(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_services: Services, _storage: str, _bucket: str) -> bool:
        return False

    monkeypatch.setattr(buckets, "is_empty", never)
    run(live, examples=15, steps=30)
