"""Storages behind a network that cannot be used at the start."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from backends import registry
from backends.errors import Unavailable
from backends.local.storage import LocalStorage
from backends.remote_memory import RemoteMemoryStorage
from backends.trying import Finding, Grade
from gateway.server import build, opening
from gateway.server.failure import Exit, StartError
from gateway.server.opening import Openings
from gateway.settings.model import Settings
from tests.live.server import Live, running
from tests.server.running import until

STORAGES: Mapping[str, Mapping[str, Any]] = {
    "disk": {"type": "local"},
    "nas": {"type": "memory"},
}


class Sleeping(RemoteMemoryStorage):
    """Cannot be opened until it is woken."""

    is_awake = False

    async def open(self) -> None:
        if not self.is_awake:
            raise Unavailable("nobody answers")
        await super().open()

    def about(self) -> str:
        return "a sleeper\n  yes sleeps"


@pytest.fixture
def nas() -> Sleeping:
    return Sleeping()


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nas: Sleeping) -> Iterator[Live]:
    disk = LocalStorage(root=tmp_path / "data", durable=False)
    monkeypatch.setattr(opening, "_AGAIN_S", 0.01)
    monkeypatch.setattr(build, "storages_of", lambda *_: {"nas": nas, "disk": disk})
    storages = {"nas": STORAGES["nas"], "disk": {"type": "local", "root": str(tmp_path / "data")}}
    with running(tmp_path, durability="relaxed", storages=storages) as server:
        yield server


def test_the_others_are_served_and_it_joins_them(live: Live, nas: Sleeping) -> None:
    client = live.client
    refused = client.request("PUT", "/away")
    assert (refused.status, refused.code) == (503, "ServiceUnavailable")
    made = live.services.catalog.create_bucket("here", region="", storage="disk", now_ns=1)
    live.run(made)
    assert client.put("here", "key", b"x").status == 200
    nas.is_awake = True
    until(lambda: client.request("PUT", "/away").status == 200)
    assert client.put("away", "key", b"there").status == 200
    assert client.get("away", "key").body == b"there"


def test_its_buckets_are_unavailable_meanwhile(live: Live, nas: Sleeping) -> None:
    client = live.client
    nas.is_awake = True
    until(lambda: client.request("PUT", "/away").status == 200)
    assert client.put("away", "key", b"there").status == 200
    live.run(nas.aclose())
    for answer in (client.get("away", "key"), client.put("away", "key", b"y")):
        assert (answer.status, answer.code) == (503, "ServiceUnavailable")


def _openings(nas: Sleeping, *, fail_fast: bool) -> Openings:
    settings = Settings.model_validate(
        {"storages": {"nas": STORAGES["nas"]}, "fail_fast": fail_fast}
    )
    return Openings({"nas": nas}, settings)


async def test_fail_fast_ends_the_start(nas: Sleeping) -> None:
    with pytest.raises(
        StartError, match=r"storages\.nas: it cannot be used: nobody answers"
    ) as caught:
        await _openings(nas, fail_fast=True).open_all()
    assert caught.value.exit == Exit.STORAGE_FAILED
    assert "s3front storage test nas" in str(caught.value)


@pytest.mark.parametrize("fail_fast", [False, True])
async def test_what_does_not_work_is_told(
    nas: Sleeping, monkeypatch: pytest.MonkeyPatch, *, fail_fast: bool
) -> None:
    asked = []

    async def probe(type: str, _settings: object) -> Sequence[Finding]:
        asked.append(type)
        return [
            Finding(grade=Grade.GOOD, tried="write"),
            Finding(grade=Grade.WRONG, tried="read", text="forbidden; allow it"),
        ]

    monkeypatch.setattr(registry, "probe", probe)
    nas.is_awake = True
    openings = _openings(nas, fail_fast=fail_fast)
    await openings.open_all()
    if fail_fast:
        with pytest.raises(StartError, match=r"storages\.nas: read: forbidden; allow it") as caught:
            await openings.try_all()
        assert caught.value.exit == Exit.STORAGE_FAILED
    else:
        await openings.try_all()
    assert asked == ["memory"]
    await nas.aclose()


async def test_what_is_absent_is_not_tried(nas: Sleeping, monkeypatch: pytest.MonkeyPatch) -> None:
    async def probe(_type: str, _settings: object) -> Sequence[Finding]:
        raise AssertionError("it is not there")

    monkeypatch.setattr(registry, "probe", probe)
    openings = _openings(nas, fail_fast=False)
    await openings.open_all()
    assert openings.absent == {"nas"}
    await openings.try_all()
