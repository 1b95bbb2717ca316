"""Death between a commit and what it promises."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from gateway.catalog.errors import NoSuchBucket, NoSuchUpload
from gateway.catalog.records import Part, Upload, Version
from gateway.catalog.sqlite import SqliteCatalog
from tests.catalog.crashing import version_of
from tests.catalog.files import Files
from tests.catalog.versions import new_upload

ROOT = Path(__file__).parents[2]


async def run(root: Path, work: str, point: str) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.catalog.crashing",
        str(root),
        work,
        point,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return await process.wait()


def bytes_of(files: Files, version: Version) -> str:
    """As readers find them: at the path, else staged."""
    location = version.location
    for path in (files.root / location.path, files.root / "staged" / str(location.staged)):
        if files.holds(path, location.fingerprint):
            return path.read_text()
    raise AssertionError(f"lost: {version}")


@pytest.mark.parametrize(
    ("work", "point"),
    [
        ("put", "before place"),
        ("put", "after place"),
        ("put", "before drop_staged"),
        ("put new", "before place"),
        ("put new", "after place"),
        ("move", "before place"),
        ("move", "before remove"),
        ("move", "after remove"),
        ("move", "after drop_staged"),
        ("remove", "before remove"),
        ("remove", "after remove"),
        ("remove", "before drop_staged"),
        ("remove", "after drop_staged"),
        ("delete bucket", "before drop_staged"),
        ("delete bucket", "before drop_folder"),
    ],
)
async def test_nothing_is_lost_torn_or_left(tmp_path: Path, work: str, point: str) -> None:
    assert await run(tmp_path, work, "") == 0
    assert await run(tmp_path, work, point) == 77
    files = Files(tmp_path)
    catalog = SqliteCatalog(tmp_path / "catalog.db", placings={"disk": files}, durable=True)
    await catalog.open()
    try:
        await catalog.recover()
        reader = catalog._reader
        assert reader is not None
        assert reader.execute("SELECT count(*) FROM locations").get == 0
        if work == "delete bucket":
            with pytest.raises(NoSuchBucket):
                await catalog.bucket("b")
            return
        bucket = await catalog.bucket("b")
        found = {
            key: bytes_of(files, version)
            for key in ("k", "s", "n")
            if (version := await catalog.get(bucket, key)) is not None
        }
        assert (
            found
            == {
                "put": {"k": "new", "s": "shadow"},
                "put new": {"k": "old", "s": "shadow", "n": "new"},
                "move": {"k": "old", "s": "new"},
                "remove": {"s": "shadow"},
            }[work]
        )
        # No bytes but those of objects are left under any path, and no path is blocked.
        placed = [p for p in (tmp_path / "b").rglob("*") if p.is_file()]
        placed += [p for p in (tmp_path / ".s3front").rglob("*") if p.is_file()]
        assert {p.read_text() for p in placed} - {"old"} <= set(found.values())
        for key in ("k", "s", "n"):
            again = await catalog.publish(bucket, version_of(files, bucket, key, f"again-{key}"))
            assert again.location.natural
            assert bytes_of(files, again) == f"again-{key}"
            assert (tmp_path / "b" / key).read_text() == f"again-{key}"
    finally:
        await catalog.aclose()


async def test_a_bucket_whose_folder_was_not_made_takes_objects(tmp_path: Path) -> None:
    process = await run(tmp_path, "", "")
    assert process == 0
    files = Files(tmp_path)
    catalog = SqliteCatalog(tmp_path / "catalog.db", placings={"disk": files}, durable=True)
    await catalog.open()
    (tmp_path / "c").mkdir()
    bucket = await catalog.create_bucket("c", region="", storage="disk", now_ns=1)
    (tmp_path / "c").rmdir()
    version = await catalog.publish(bucket, version_of(files, bucket, "a/b", "data"))
    assert (tmp_path / version.location.path).read_text() == "data"
    await catalog.aclose()


async def test_uploads_of_a_bucket_that_died_half_deleted_are_gone_and_then_cleared(
    tmp_path: Path,
) -> None:
    assert await run(tmp_path, "", "") == 0
    files = Files(tmp_path)
    catalog = SqliteCatalog(tmp_path / "catalog.db", placings={"disk": files}, durable=True)
    await catalog.open()
    bucket = await catalog.bucket("b")
    uploads = [new_upload(bucket, "k") for _ in range(40)]
    for upload in uploads:
        await catalog.start_upload(upload)
    # As when the process dies after the commit and before the rest of the uploads is aborted.
    await catalog._committer.run(lambda t: t.execute("DELETE FROM buckets"))
    with pytest.raises(NoSuchUpload):
        await catalog.upload(bucket, "k", uploads[0].id)
    with pytest.raises(NoSuchUpload):
        await catalog.begin_complete(uploads[0].id)
    with pytest.raises(NoSuchUpload):
        await catalog.claim_part(uploads[0].id, 1, "x", 5)
    assert list((await catalog.uploads(bucket, limit=10))[0]) == []
    assert list(await catalog.stale_uploads(before_ns=2**62, limit=10)) == []
    await catalog.recover()
    reader = catalog._reader
    assert reader is not None
    for _ in range(10):  # 16 at once, the rest in jobs of their own
        await catalog.reopen_upload("")
    assert reader.execute("SELECT count(*) FROM uploads").get == 0
    await catalog.aclose()


async def test_an_upload_whose_completer_died_is_open_to_the_other_processes(
    tmp_path: Path,
) -> None:
    """Without a restart: one worker's death must not keep an upload from being completed."""
    assert await run(tmp_path, "", "") == 0
    files = Files(tmp_path)
    catalog = SqliteCatalog(tmp_path / "catalog.db", placings={"disk": files}, durable=True)
    await catalog.open()
    bucket = await catalog.bucket("b")
    assert await run(tmp_path, "complete", "begun") == 9
    (upload,), _ = await catalog.uploads(bucket, limit=2)
    assert isinstance(upload, Upload)
    assert not upload.completing
    assert (await catalog.claim_part(upload.id, 1, "x", 5)).offset == 0
    await catalog.put_part(
        upload.id, Part(number=1, attempt="x", size=5, etag="e", modified_ns=1, offset=0)
    )
    assert await catalog.begin_complete(upload.id) is False
    with pytest.raises(NoSuchUpload):
        await catalog.begin_complete(upload.id)
    await catalog.aclose()
