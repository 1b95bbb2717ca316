"""What a check finds on storages behind a network that no row knows."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from backends.interface import Limits
from backends.remote_memory import AS_S3
from gateway.jobs import unowned
from gateway.jobs.depositing import FOLDER
from tests.backends.making import body
from tests.live.server import Live
from tests.remote.conftest import Serve
from tests.remote.failing_storage import FailingStorage
from tests.remote.left import swept
from tests.remote.test_files_of_others import drop, identified, take, unindexed
from tests.remote.test_jobs import fill, problems


@pytest.mark.parametrize("piece", [1, 3, 10_000])
def test_what_nobody_owns_is_found_and_nothing_else(
    live: Live, storage: FailingStorage, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(unowned, "_PIECE", piece)
    identified(live)
    fill(live)
    drop(live, storage, "bucket/others")
    drop(live, storage, "elsewhere/others")
    with ThreadPoolExecutor(1) as pool:
        assert live.run(problems(live, pool)) == []
        drop(live, storage, f"{FOLDER}catalog-20261126T110000000000Z.0123abcd.sealed")
        assert live.run(problems(live, pool)) == []
        for name in ("00/one", "ff/two"):
            drop(live, storage, f".s3front/o/{name}")
        found = live.run(problems(live, pool))
        assert {(one.kind, one.path) for one in found} == {
            ("unowned", ".s3front/o/00/one"),
            ("unowned", ".s3front/o/ff/two"),
        }


def test_what_says_it_is_an_object_is_found(serve: Serve) -> None:
    storage = FailingStorage(AS_S3, Limits(max_description=2048))
    live = serve(storage)
    live.client.put("bucket", "key", b"ours")
    live.client.put("bucket", "kept", b"ours")
    of = live.run(storage.stat("bucket/key"))
    live.client.delete("bucket", "key")
    live.run(swept(live.services))
    live.run(storage.write("bucket/key", body(b"ours"), size=4, description=of.description))
    with ThreadPoolExecutor(1) as pool:
        [found] = live.run(problems(live, pool))
        assert (found.kind, found.path) == ("unowned", "bucket/key")
        unindexed(live)
        assert live.run(problems(live, pool)) == []


def test_a_copy_of_what_others_changed_is_one_of_theirs(
    live: Live, storage: FailingStorage
) -> None:
    copy = {"x-amz-copy-source": "/bucket/source"}
    live.client.put("bucket", "source", b"ours")
    drop(live, storage, "bucket/source", b"theirs, now")
    assert live.client.request("PUT", "/bucket/copy", headers=copy).status == 200
    assert live.client.get("bucket", "copy").body == b"theirs, now"
    identified(live)
    take(live, storage, "bucket/source")
    assert live.client.request("PUT", "/bucket/copy", headers=copy).status == 404
    upload = live.client.start_upload("bucket", "of-parts")
    live.client.put("bucket", "source", b"ours again")
    drop(live, storage, "bucket/source", b"theirs again")
    query = f"partNumber=1&uploadId={upload}"
    answer = live.client.request("PUT", "/bucket/of-parts", query, headers=copy)
    assert answer.status == 200
    etag = answer.text("ETag") or ""
    assert live.client.complete("bucket", "of-parts", upload, [(1, etag)]).status == 200
    assert live.client.get("bucket", "of-parts").body == b"theirs again"
