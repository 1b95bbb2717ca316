"""Links to storages behind a network: to the object's bytes, answered with the object's headers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from backends.interface import Can, Limits, Storage, Stored
from backends.remote_memory import AS_S3
from gateway.server import build
from gateway.service import homing, seen
from tests.backends.making import body
from tests.backends.s3.moto_server import moto_storage
from tests.live.client import Answer
from tests.live.server import Live, running
from tests.remote.conftest import Serve
from tests.remote.failing_storage import ERRORS, FailingStorage, Fault
from tests.remote.left import swept


class Linking(FailingStorage):
    """Gives links, and remembers what was asked of them."""

    answer_with: Mapping[str, str] | None = None

    def __init__(self) -> None:
        super().__init__(AS_S3 | Can.LINK, Limits(max_description=2048))

    def link(self, stored: Stored, *, seconds: int, answer_with: Mapping[str, str]) -> str:
        assert seconds > 0
        self.answer_with = answer_with
        return f"https://storage.example/{stored.path}"


@pytest.fixture
def storage() -> Linking:
    return Linking()


@pytest.fixture
def live(serve: Serve, storage: Linking) -> Live:
    live = serve(storage)
    live.services.links.direct = {"main"}
    live.client.put("bucket", "a.jpg", b"ours", content_type="image/jpeg", cache_control="no-cache")
    return live


def presigned(live: Live, key: str = "a.jpg", query: str = "") -> Answer:
    client = live.client
    target = client.presigned("GET", f"/bucket/{key}", query)
    return client.send("GET", target, {"host": client.host}, b"")


def test_what_the_storage_says_by_itself_need_not_be_said(live: Live, storage: Linking) -> None:
    assert presigned(live).headers["location"] == "https://storage.example/bucket/a.jpg"
    assert storage.answer_with == {}
    live.client.upload("bucket", "parts.png", [b"p"], content_type="image/png")
    assert presigned(live, "parts.png").status == 307
    assert storage.answer_with == {}
    source = {"x-amz-copy-source": "/bucket/a.jpg"}
    live.client.request("PUT", "/bucket/copy.jpg", headers=source)
    assert presigned(live, "copy.jpg").status == 307
    assert storage.answer_with == {}


def test_whether_a_range_still_counts_is_decided_here(live: Live) -> None:
    client = live.client
    for if_range, status in (('"other"', 200), (None, 307)):
        headers = {"host": client.host, "range": "bytes=0-1"}
        if if_range is not None:
            headers["if-range"] = if_range
        target = client.presigned("GET", "/bucket/a.jpg")
        assert client.send("GET", target, headers, b"").status == status


def test_what_it_does_not_say_is_said(live: Live, storage: Linking) -> None:
    assert presigned(live, query="response-content-type=text%2Fplain").status == 307
    assert storage.answer_with == {"content-type": "text/plain"}
    restated = {
        "x-amz-copy-source": "/bucket/a.jpg",
        "x-amz-metadata-directive": "REPLACE",
        "content-type": "image/webp",
        "cache-control": "no-cache",
    }
    assert live.client.request("PUT", "/bucket/a.jpg", headers=restated).status == 200
    assert presigned(live).status == 307
    assert storage.answer_with == {"content-type": "image/webp"}
    live.client.put("bucket", "untold", b"ours")
    assert presigned(live, "untold").status == 307
    assert storage.answer_with == {"content-type": "binary/octet-stream"}


def test_other_bytes_than_the_objects_are_not_linked_to(live: Live, storage: Linking) -> None:
    live.run(storage.write("bucket/a.jpg", body(b"other bytes"), size=11))
    answer = presigned(live)
    assert (answer.status, answer.body) == (200, b"other bytes")
    assert storage.answer_with is None
    live.run(storage.delete("bucket/a.jpg"))
    assert presigned(live).status in {404, 503}
    assert storage.answer_with is None


def test_what_would_say_more_than_the_object_is_answered_here(live: Live, storage: Linking) -> None:
    told = {"content-type": "image/jpeg", "cache-control": "no-cache", "content-encoding": "gzip"}
    live.run(storage.write("bucket/a.jpg", body(b"ours"), size=4, headers=told))
    answer = presigned(live)
    assert (answer.status, answer.body) == (200, b"ours")
    assert "content-encoding" not in answer.headers


def test_a_look_holds_for_some_seconds(
    live: Live, storage: Linking, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.run(storage.arm(Fault.NONE, 0))
    for _ in range(3):
        assert presigned(live).status == 307
    assert storage.made == ["stat"]
    live.client.put("bucket", "a.jpg", b"ours", content_type="image/png")
    assert presigned(live).status == 307
    assert storage.answer_with == {}, "another version is looked at itself"
    monkeypatch.setattr(seen, "HOLDS_S", -1.0)
    live.run(storage.arm(Fault.NONE, 0))
    for _ in range(2):
        assert presigned(live).status == 307
    assert storage.made == ["stat", "stat"]


def test_a_look_is_at_one_version(live: Live, storage: Linking) -> None:
    assert presigned(live).status == 307
    live.client.delete("bucket", "a.jpg")
    live.run(swept(live.services))
    live.client.put("bucket", "a.jpg", b"ours", content_type="image/png", cache_control="no-cache")
    answer = presigned(live)
    assert answer.headers["location"] == "https://storage.example/bucket/a.jpg"
    assert storage.answer_with == {}, "the same path and bytes, and another type"


@pytest.mark.parametrize("fault", ERRORS)
def test_a_storage_that_cannot_be_asked_is_not_linked_to(
    live: Live, storage: Linking, fault: Fault
) -> None:
    live.run(storage.arm(fault, 1, verb="stat"))
    answer = presigned(live)
    assert (answer.status, answer.body) == (200, b"ours")


def test_what_others_put_there_has_the_headers_they_gave_it(live: Live, storage: Linking) -> None:
    told = {"content-type": "image/x-theirs", "cache-control": "max-age=1"}
    live.run(storage.write("bucket/theirs.jpg", body(b"theirs"), size=6, headers=told))
    generic = {"content-type": "binary/octet-stream"}
    live.run(storage.write("bucket/guessed.jpg", body(b"theirs"), size=6, headers=generic))
    answer = live.client.get("bucket", "theirs.jpg")
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == tuple(told.values())
    assert live.client.get("bucket", "guessed.jpg").headers["content-type"] == "image/jpeg"
    assert presigned(live, "theirs.jpg").status == 307
    assert storage.answer_with == {}
    assert presigned(live, "guessed.jpg").status == 307
    assert storage.answer_with == {"content-type": "image/jpeg"}


@contextmanager
def public(
    tmp_path: Path, storage: Storage, patch: pytest.MonkeyPatch, **bucket: str
) -> Iterator[Live]:
    patch.setattr(build, "storages_of", lambda *_: {"main": storage})
    patch.setattr(homing, "REST_S", 3600)
    buckets, storages = [{"name": "bucket", **bucket}], {"main": {"type": "memory"}}
    with running(tmp_path, durability="relaxed", storages=storages, buckets=buckets) as live:
        live.services.links.direct = {"main"}
        yield live


async def fetched(url: str) -> tuple[int, str, str, bytes]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        told = answer.headers
        return (
            answer.status, told["content-type"], told.get("cache-control", ""), await answer.read()
        )  # fmt: skip


def test_a_gallery_in_a_public_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = moto_storage(public=True, prefix="gallery")
    url = str(storage.settings.url)
    with public(tmp_path, storage, monkeypatch) as live:
        for number, key in enumerate(("a.jpg", "deep/b c.jpg")):
            live.client.put(
                "bucket", key, key.encode(), content_type="image/jpeg", cache_control=f"max-age={number}"
            )  # fmt: skip
            link = presigned(live, key.replace(" ", "%20")).headers["location"]
            assert link == f"{url}/gallery/bucket/{key.replace(' ', '%20')}"
            wanted = (200, "image/jpeg", f"max-age={number}", key.encode())
            assert live.run(fetched(link)) == wanted
        other = presigned(live, query="response-cache-control=no-store").headers["location"]
        assert "X-Amz-Signature=" in other
        assert live.run(fetched(other)) == (200, "image/jpeg", "no-store", b"a.jpg")


def test_a_gallery_that_may_be_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = moto_storage(public=True)
    url, week = str(storage.settings.url), "public, max-age=604800"
    with public(tmp_path, storage, monkeypatch, cache_control=week) as live:
        client = live.client
        client.put("bucket", "put.jpg", b"ours", content_type="image/jpeg")
        client.upload("bucket", "parts.jpg", [b"ours"], content_type="image/jpeg")
        copied = {"x-amz-copy-source": "/bucket/put.jpg"}
        assert client.request("PUT", "/bucket/copy.jpg", headers=copied).status == 200
        client.put(
            "bucket", "own.jpg", b"ours", content_type="image/jpeg", cache_control="no-cache"
        )
        for key in ("put.jpg", "parts.jpg", "copy.jpg", "own.jpg"):
            link = presigned(live, key).headers["location"]
            assert link == f"{url}/bucket/{key}"
            told = "no-cache" if key == "own.jpg" else week
            assert live.run(fetched(link)) == (200, "image/jpeg", told, b"ours")
            assert client.get("bucket", key).headers["cache-control"] == told


def test_what_a_bucket_says_by_now_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = moto_storage(public=True)
    with public(tmp_path, storage, monkeypatch, cache_control="max-age=1") as live:
        live.client.put("bucket", "a.jpg", b"ours", content_type="image/jpeg")
        object.__setattr__(live.services, "cache_control", {"bucket": "max-age=2"})
        link = presigned(live).headers["location"]
        assert "X-Amz-Signature=" in link
        assert live.run(fetched(link)) == (200, "image/jpeg", "max-age=2", b"ours")
        object.__setattr__(live.services, "cache_control", {})
        answer = presigned(live)
        assert (answer.status, answer.body) == (200, b"ours")
        assert "cache-control" not in answer.headers


def test_the_cache_control_of_a_bucket_is_not_the_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = moto_storage()
    with public(tmp_path, storage, monkeypatch, cache_control="max-age=1") as live:
        live.client.put("bucket", "a.jpg", b"ours")
        live.client.make_bucket("other")
        copied = {"x-amz-copy-source": "/bucket/a.jpg"}
        assert live.client.request("PUT", "/other/a.jpg", headers=copied).status == 200
        assert "cache-control" not in live.client.get("other", "a.jpg").headers
        stored = live.run(storage.stat("other/a.jpg"))
        assert stored.headers is not None
        assert "cache-control" not in stored.headers
