"""S3front in front of Nextcloud, whose ETags change by themselves and which says 503 now and then."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.jobs import digesting
from gateway.jobs.polling import Polling
from gateway.server import build
from gateway.service import homing
from tests.backends.webdav.nextcloud.control import Control
from tests.backends.webdav.serving import placed_storage, running
from tests.live.server import Live
from tests.live.server import running as live_server
from tests.remote.test_files_of_others import identified
from tests.remote.test_indexing import bucket_of, look_of

KEYS = ["a", "dir/b", "dir/.htaccess", "  ", "x" * 255, "back\\slash"]
"""Some that Nextcloud does not take."""


def told(key: str) -> str:
    """Of a key, in its metadata."""
    return key[:9].encode().hex()


@pytest.fixture
def control() -> Iterator[Control]:
    control = Control(running("nextcloud").url)
    yield control
    control.reset()


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, control: Control) -> Iterator[Live]:
    _, storage = placed_storage("nextcloud")
    monkeypatch.setattr(build, "storages_of", lambda *_: {"main": storage})
    monkeypatch.setattr(homing, "REST_S", 3600)
    settings = {"main": {"type": "memory"}}
    with live_server(tmp_path, durability="relaxed", storages=settings) as live:
        live.client.make_bucket("bucket")
        for key in KEYS:
            assert (
                live.client.put("bucket", key, key.encode(), x_amz_meta_of=told(key)).status == 200
            )
        identified(live)
        yield live
        control.reset()


async def digested(live: Live) -> int:
    """How many objects have had their bytes read again."""
    later = replace(live.services, now_ns=lambda: live.services.now_ns() + 10**9)
    return await digesting.sweep(later)


def all_is_served(live: Live) -> None:
    assert live.client.keys("bucket") == sorted(KEYS)
    for key in KEYS:
        answer = live.client.get("bucket", key)
        assert (answer.status, answer.body) == (200, key.encode()), key


def test_keys_that_it_does_not_take_are_kept_all_the_same(live: Live) -> None:
    all_is_served(live)
    for key in KEYS:
        assert live.client.delete("bucket", key).status == 204
        assert live.client.get("bucket", key).status == 404, key
    assert live.client.keys("bucket") == []


def test_etags_of_its_own_that_change_change_no_object(live: Live, control: Control) -> None:
    control.change_etags()
    all_is_served(live)
    assert live.run(digested(live)) == len(KEYS)
    for key in KEYS:
        answer = live.client.get("bucket", key)
        assert answer.headers["etag"] == f'"{hashlib.md5(key.encode()).hexdigest()}"'
        assert answer.headers["x-amz-meta-of"] == told(key)
    control.change_etags()
    outcome = live.run(Polling(live.services, look_of(live), -1000.0).poll(bucket_of(live)))
    assert (outcome.changed, outcome.missing) == (2, 0)
    assert live.run(digested(live)) == 2
    all_is_served(live)


def test_maintenance_deletes_nothing(live: Live, control: Control) -> None:
    polling = Polling(live.services, look_of(live), -1000.0)
    control.set(maintenance=True)
    answers = [
        live.client.get("bucket", "a"),
        live.client.get("bucket", "none"),
        live.client.put("bucket", "new", b"x"),
    ]
    assert {answer.status for answer in answers} == {503}
    for _ in range(3):
        with pytest.raises(Exception, match="503"):
            live.run(polling.poll(bucket_of(live)))
    assert live.client.keys("bucket") == sorted(KEYS)
    control.reset()
    all_is_served(live)
    assert not live.run(polling.poll(bucket_of(live))).anything
