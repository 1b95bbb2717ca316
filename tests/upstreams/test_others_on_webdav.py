"""What others do to the files of each WebDAV server is indexed and polled: they appear, change and vanish."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.jobs.indexing import Indexing
from gateway.jobs.polling import Polling
from gateway.server import build
from gateway.service import homing
from gateway.service.finding import Outcome
from tests.backends.webdav.servers import SERVERS
from tests.backends.webdav.serving import placed_storage, running
from tests.live.server import Live
from tests.live.server import running as live_server
from tests.remote.test_files_of_others import identified
from tests.remote.test_indexing import bucket_of, look_of
from tests.server.running import until
from tests.upstreams.fronting import fronting, webdav_settings_of
from tests.upstreams.outsider import OnDisk, Outsider, outsider

KEYS = ["a", "dir/b", "dir/c.txt", "dir/d/é", "z"]


@dataclass(slots=True, kw_only=True)
class Both:
    """A server in front of a WebDAV server, and who else is there."""

    live: Live
    others: Outsider
    polling: Polling

    def poll(self) -> Outcome:
        return self.live.run(self.polling.poll(bucket_of(self.live)))

    def names(self) -> list[str]:
        return self.live.client.keys("bucket")


@pytest.fixture(params=sorted(SERVERS))
def both(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Both]:
    name = request.param
    prefix, storage = placed_storage(name)
    monkeypatch.setattr(build, "storages_of", lambda *_: {"main": storage})
    monkeypatch.setattr(homing, "REST_S", 3600)
    others = outsider(name, running(name), prefix)
    settings = {"main": {"type": "memory"}}
    with live_server(tmp_path, durability="relaxed", storages=settings) as live:
        for key in KEYS:
            others.write(f"bucket/{key}", key.encode())
        live.client.make_bucket("bucket")
        yield Both(live=live, others=others, polling=Polling(live.services, look_of(live), -1000.0))


def test_what_was_there_is_served_listed_and_indexed(both: Both) -> None:
    client = both.live.client
    assert both.names() == KEYS
    listed = client.request("GET", "/bucket", "list-type=2&delimiter=%2F&prefix=dir%2F")
    assert listed.texts("Contents/Key") == ["dir/b", "dir/c.txt"]
    assert listed.texts("CommonPrefixes/Prefix") == ["dir/d/"]
    assert not bucket_of(both.live).indexed
    outcome = both.live.run(Indexing(look_of(both.live), bucket_of(both.live)).run())
    assert outcome.adopted == 5
    assert bucket_of(both.live).indexed
    assert both.names() == KEYS
    for key in KEYS:
        assert client.get("bucket", key).body == key.encode()
    assert not both.poll().anything


def test_what_appears_changes_and_vanishes_is_found(both: Both) -> None:
    client, others = both.live.client, both.others
    both.live.run(Indexing(look_of(both.live), bucket_of(both.live)).run())
    identified(both.live)
    assert client.put("bucket", "ours", b"ours", x_amz_meta_colour="blue").status == 200
    assert not both.poll().anything
    others.write("bucket/new/deep", b"new")
    others.write("bucket/a", b"changed")
    others.write("bucket/ours", b"theirs now")
    others.remove("bucket/z")
    outcome = both.poll()
    assert (outcome.adopted, outcome.changed, outcome.missing) == (1, 2, 0)
    assert both.names() == ["a", "dir/b", "dir/c.txt", "dir/d/é", "new/deep", "ours", "z"]
    assert client.get("bucket", "new/deep").body == b"new"
    assert client.get("bucket", "a").body == b"changed"
    answer = client.get("bucket", "ours")
    assert (answer.body, answer.headers["x-amz-meta-colour"]) == (b"theirs now", "blue")
    assert both.poll().missing == 1
    assert "z" not in both.names()
    assert client.get("bucket", "z").status == 404
    others.write("bucket/z", b"again")
    assert client.get("bucket", "z").body == b"again"
    assert not both.poll().anything


def test_a_folder_that_is_moved_takes_its_objects_along(both: Both) -> None:
    client, others = both.live.client, both.others
    both.live.run(Indexing(look_of(both.live), bucket_of(both.live)).run())
    identified(both.live)
    others.move("bucket/dir", "bucket/elsewhere")
    assert both.poll().adopted == 3
    assert both.poll().missing == 3
    assert both.names() == ["a", "elsewhere/b", "elsewhere/c.txt", "elsewhere/d/é", "z"]
    assert client.get("bucket", "elsewhere/d/é").body == "dir/d/é".encode()
    others.remove("bucket/a")
    others.write("bucket/a/inside", b"x")
    assert both.poll().adopted == 1
    assert both.poll().missing == 1
    assert both.names()[0] == "a/inside"
    assert client.get("bucket", "a").status == 404
    # A folder is in the way of the name; the object is kept elsewhere, and theirs is not touched.
    assert client.put("bucket", "a", b"ours").status == 200
    assert client.get("bucket", "a").body == b"ours"
    assert client.get("bucket", "a/inside").body == b"x"
    assert not both.poll().anything


@pytest.mark.timeout(180)
def test_the_elected_worker_finds_it_by_itself(tmp_path: Path) -> None:
    with SERVERS["apache"]() as upstream:
        others = OnDisk(folder=upstream.root)
        for number in range(30):
            others.write(f"s3/before/{number:02}", b"before")
        with fronting(tmp_path, webdav_settings_of(upstream), poll_seconds=1) as server:
            client = server.client
            client.make_bucket("before")
            client.make_bucket("ours")
            assert client.put("ours", "key", b"ours", x_amz_meta_colour="blue").status == 200
            until(lambda: "bucket indexed" in server.log, seconds=60)
            assert client.keys("before") == [f"{number:02}" for number in range(30)]
            others.write("s3/before/30", b"new")
            others.write("s3/ours/key", b"theirs now")
            others.remove("s3/before/07")
            until(lambda: "30" in client.keys("before"), seconds=60)
            until(lambda: "07" not in client.keys("before"), seconds=60)
            head = client.request("HEAD", "/ours/key")
            assert head.headers["content-length"] == str(len(b"theirs now"))
            assert head.headers["x-amz-meta-colour"] == "blue"
            assert len(client.keys("before")) == 30
