"""No space for the catalog: nothing is changed, nothing is left, and all goes on when there is."""

from pathlib import Path

import pytest

from backends.local.storage import LocalStorage
from tests.catalog.recording_vfs import disk_under
from tests.live.server import running


def test_what_was_staged_for_a_row_that_found_no_space_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk_under(monkeypatch) as disk, running(tmp_path / "root") as live:
        client = live.client
        client.make_bucket("bucket")
        upload = client.start_upload("bucket", "key")
        disk.is_full = True
        for _ in range(3):
            answer = client.put("bucket", "key", b"content")
            assert (answer.status, answer.code) == (507, "InsufficientStorage")
        assert client.put_part("bucket", "key", upload, 1, b"part").status == 507
        assert live.staged() + live.staged(upload) == []
        disk.is_full = False
        assert client.put("bucket", "key", b"content").status == 200
        assert client.get("bucket", "key").body == b"content"


def test_an_upload_that_could_not_be_completed_can_be_completed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk_under(monkeypatch) as disk, running(tmp_path / "root") as live:
        client = live.client
        client.make_bucket("bucket")
        upload = client.start_upload("bucket", "key")
        etag = client.put_part("bucket", "key", upload, 1, b"part").headers["etag"]
        natural = LocalStorage.natural

        def fills_up(storage: LocalStorage, bucket: str, key: str) -> str | None:
            disk.is_full = True  # after the upload was closed, before it is an object
            return natural(storage, bucket, key)

        with monkeypatch.context() as patch:
            patch.setattr(LocalStorage, "natural", fills_up)
            assert client.complete("bucket", "key", upload, [(1, etag)]).status == 507
        assert client.get("bucket", "key").status == 404
        disk.is_full = False
        assert client.complete("bucket", "key", upload, [(1, etag)]).status == 200
        assert client.get("bucket", "key").body == b"part"
