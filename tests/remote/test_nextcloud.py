"""A server in front of Nextcloud (its emulator): S3's multipart uploads are uploads in chunks there."""

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.webdav.nextcloud.control import Control
from tests.backends.webdav.servers import SERVERS, Running
from tests.live.server import Live, running
from tests.remote.left import swept

CHUNK = 5 * 1024**2
PARTS = [bytes([n]) * CHUNK for n in (1, 2, 3)] + [b"end"]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with SERVERS["nextcloud"]() as running:
        yield running


@pytest.fixture
def control(server: Running) -> Iterator[Control]:
    control = Control(server.url)
    yield control
    control.reset()
    control.release()
    control.expire()


@pytest.fixture
def live(server: Running, control: Control, tmp_path: Path) -> Iterator[Live]:
    control.set(max_body=CHUNK)
    storage = {
        "type": "webdav",
        "endpoint": server.url,
        "prefix": f"s3 {secrets.token_hex(8)}",
        "allow_private": True,
        "chunk_size": CHUNK,
        **server.settings,
    }
    with running(tmp_path, durability="relaxed", storages={"main": storage}) as live:
        live.client.make_bucket("bucket")
        yield live


def sent(live: Live, *numbers: int) -> tuple[str, dict[int, str]]:
    """An upload and the ETags of its parts, sent in the order of ``numbers``."""
    upload = live.client.start_upload("bucket", "key")
    return upload, {
        n: live.client.put_part("bucket", "key", upload, n, PARTS[n - 1]).headers["etag"]
        for n in numbers
    }


def etag_of(*numbers: int) -> str:
    digests = b"".join(hashlib.md5(PARTS[n - 1]).digest() for n in numbers)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(numbers)}"'


def test_parts_in_any_order_become_an_object(live: Live, control: Control) -> None:
    upload, etags = sent(live, 4, 1, 3, 2, 1)
    assert len(control.uploads()) == 1
    done = live.client.complete("bucket", "key", upload, sorted(etags.items()))
    assert (done.status, done.text("ETag")) == (200, etag_of(1, 2, 3, 4))
    assert live.client.get("bucket", "key").body == b"".join(PARTS)
    assert control.uploads() == {}


def test_parts_that_are_left_out_are_not_in_it(live: Live, control: Control) -> None:
    upload, etags = sent(live, 1, 2, 3, 4)
    del etags[2]
    assert live.client.complete("bucket", "key", upload, list(etags.items())).status == 200
    got = live.client.get("bucket", "key")
    assert (got.body, got.headers["etag"]) == (PARTS[0] + PARTS[2] + PARTS[3], etag_of(1, 3, 4))
    assert control.uploads() == {}


def test_an_upload_that_is_aborted_leaves_nothing(live: Live, control: Control) -> None:
    upload, _ = sent(live, 1)
    assert live.client.request("DELETE", "/bucket/key", f"uploadId={upload}").status == 204
    live.run(swept(live.services))
    assert control.uploads() == {}
    assert live.client.get("bucket", "key").status == 404


def test_a_completion_that_takes_the_server_long_is_asked_for_again(
    live: Live, control: Control
) -> None:
    upload, etags = sent(live, 1, 4)
    control.set(moves_that_time_out=1)
    done = live.client.complete("bucket", "key", upload, list(etags.items()))
    assert (done.status, done.text("ETag")) == (200, etag_of(1, 4))
    again = live.client.complete("bucket", "key", upload, list(etags.items()))
    assert (again.status, again.text("ETag")) == (200, etag_of(1, 4))
    assert live.client.get("bucket", "key").body == PARTS[0] + PARTS[3]


def test_an_object_that_no_proxy_would_take_whole_is_stored(live: Live, control: Control) -> None:
    data = b"".join(PARTS)
    assert live.client.put("bucket", "key", data).status == 200
    got = live.client.get("bucket", "key")
    assert (got.body, got.headers["etag"]) == (data, f'"{hashlib.md5(data).hexdigest()}"')
    assert control.uploads() == {}


def test_a_part_that_no_proxy_takes_is_refused(live: Live) -> None:
    upload, etags = sent(live, 1)
    part = b"x" * (CHUNK + 1)
    refused = live.client.put_part("bucket", "key", upload, 2, part)
    assert refused.status in range(400, 600)
    assert live.client.complete("bucket", "key", upload, list(etags.items())).status == 200
    assert live.client.get("bucket", "key").body == PARTS[0]
