"""A server whose catalog has a page that is not what was written."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.integrity.damaging import flip
from tests.live.server import Live, running

PAGE = 4096
HURT = "key-0150"


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    root = tmp_path / "root"
    settings = root / ".s3front" / "catalog.db"
    with running(root, durability="relaxed", scrub="false", watch="false") as live:
        live.client.make_bucket("bucket")
        for number in range(300):
            live.client.put("bucket", f"key-{number:04}", b"content", x_amz_meta_a="x" * 40)
    data = settings.read_bytes()
    page = max(n for n in range(0, len(data), PAGE) if HURT.encode() in data[n : n + PAGE])
    flip(settings, 8 * (page + data[page : page + PAGE].index(HURT.encode())))
    with running(root, durability="relaxed", scrub="false", watch="false") as live:
        yield live


def findings(live: Live) -> list[str]:
    async def look() -> list[str]:
        return [one.kind for one in await live.services.catalog.findings(limit=9)]

    return asyncio.run_coroutine_threadsafe(look(), live.loop).result(10)


def test_what_lies_there_is_an_error_and_the_rest_is_served(live: Live) -> None:
    client = live.client
    with capture_logs() as logs:
        for answer in (
            client.get("bucket", HURT),
            client.put("bucket", HURT, b"other"),
            client.delete("bucket", HURT),
            client.request("GET", "/bucket", "list-type=2"),
        ):
            assert (answer.status, answer.code) == (500, "InternalError")
    assert [log["kind"] for log in logs if log["event"] == "not as it was written"] == ["catalog"]
    assert findings(live) == ["catalog"]
    for key in ("key-0000", "key-0299"):
        assert client.get("bucket", key).body == b"content"
        assert client.put("bucket", key, b"newer").status == 200
        assert client.get("bucket", key).body == b"newer"
        assert client.delete("bucket", key).status == 204
    assert client.get("bucket", HURT).code == "InternalError", "never NoSuchKey"
