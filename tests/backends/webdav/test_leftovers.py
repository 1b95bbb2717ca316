"""What writers that ended badly have left is removed for its age, and nothing else."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from backends.webdav import asking, leftovers
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body
from tests.backends.webdav.cloud import FILES, UPLOADS, Cloud, clouds, in_chunks
from tests.backends.webdav.lying import Lying, on, status
from tests.backends.webdav.opening import HONEST, opened, over, put

BESIDE = replace(HONEST, properties=False)
OLD_S = 90_000


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with clouds() as server:
        yield server


def aged(server: Lying, path: str) -> None:
    """As if it was written more than a day ago."""
    file = server.files[path]
    server.files[path] = replace(file, modified_s=file.modified_s - OLD_S)


async def test_what_the_dead_left_is_removed_for_its_age(
    storage: WebDavStorage, server: Lying
) -> None:
    now_s = int(time.time())
    server.put(".s3front/incoming/old", b"x", modified_s=now_s - OLD_S)
    server.put(".s3front/incoming/young", b"x", modified_s=now_s - 3_000)
    server.put(".s3front/incoming/folder/old", b"x", modified_s=now_s - OLD_S)
    server.folder_s = now_s - OLD_S
    server.spares_folders = False
    server.put(".s3front/o/xx/old", b"x", modified_s=now_s - OLD_S)
    server.put("b/k", b"x", modified_s=now_s - OLD_S)
    before = set(server.files)
    await storage.tidy()
    assert before - set(server.files) == {".s3front/incoming/old"}


async def test_a_server_that_does_not_tell_the_time_has_nothing_that_is_old(
    storage: WebDavStorage, server: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "seconds_of", lambda _: None)
    server.put(".s3front/incoming/old", b"x", modified_s=1)
    await storage.tidy()
    assert set(server.files) == {".s3front/incoming/old"}


async def test_what_cannot_be_removed_waits(storage: WebDavStorage, server: Lying) -> None:
    for name in ("a", "b"):
        server.put(f".s3front/incoming/{name}", b"x", modified_s=1)
    server.lies.append(on("DELETE", status(423), path="incoming/a"))
    await storage.tidy()
    assert set(server.files) == {".s3front/incoming/a"}
    await storage.tidy()
    assert set(server.files) == set()


async def test_no_more_is_removed_in_one_go_than_may_be(
    storage: WebDavStorage, server: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "MOST", 3)
    for number in range(7):
        server.put(f".s3front/incoming/{number}", b"x", modified_s=1)
    for left in (4, 1, 0):
        await storage.tidy()
        assert len(server.files) == left


async def test_descriptions_of_nothing_are_removed(server: Lying) -> None:
    async with opened(over(server, dialect=BESIDE)) as storage:
        for path in ("b/it's", "b/k", "b/gone", "b/young"):
            await storage.write(path, body(b"data"), size=4, description=b"about")
        for path in server.below(".s3front/about"):
            aged(server, path)
        for path in ("b/gone", "b/young"):
            del server.files[path]
        server.put("b/k", b"of others")
        await storage.write("b/young", body(b"more"), size=4, description=b"about")
        del server.files["b/young"]
        about = server.below(".s3front/about")
        assert len(about) == 5
        await storage.tidy()
        assert (await storage.stat("b/it's")).description == b"about"
        # That of b/it's, and the young one.
        assert len(server.below(".s3front/about")) == 2


async def test_a_description_that_cannot_be_read_is_left_alone(server: Lying) -> None:
    async with opened(over(server, dialect=BESIDE)) as storage:
        await storage.write("b/k", body(b"data"), size=4, description=b"about")
        (about,) = server.below(".s3front/about")
        server.put(about, server.files[about].data[:-1], modified_s=1)
        server.put(".s3front/about/00/x", b"theirs", modified_s=1)
        del server.files["b/k"]
        await storage.tidy()
        assert server.below(".s3front/about") == {about, ".s3front/about/00/x"}


async def test_a_server_that_does_not_answer_makes_nothing_void(server: Lying) -> None:
    async with opened(over(server, dialect=BESIDE)) as storage:
        await storage.write("b/k", body(b"data"), size=4, description=b"about")
        (about,) = server.below(".s3front/about")
        aged(server, about)
        for number in (403, 423, 500, 503):
            server.lies[:] = [on("PROPFIND", status(number), path="b/k", times=99)]
            await storage.tidy()
        server.lies.clear()
        assert (await storage.stat("b/k")).description == b"about"


async def test_only_so_many_descriptions_are_asked_for_in_one_go(
    server: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "MOST_ASKED", 5)
    async with opened(over(server, dialect=BESIDE)) as storage:
        for number in range(12):
            await storage.write(f"b/{number}", body(b"data"), size=4, description=b"about")
        for path in server.below(".s3front/about"):
            aged(server, path)
        server.asked.clear()
        await storage.tidy()
        assert len([path for method, path in server.asked if method == "GET"]) == 5
        assert len(server.below(".s3front/about")) == 12


async def test_uploads_that_nobody_noted_are_removed_and_no_others(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(in_chunks(cloud)) as storage, opened(in_chunks(cloud, prefix="p")) as other:
        kept = await storage.begin_parts("b/k")
        lost = await storage.begin_parts("b/k")
        theirs = await other.begin_parts("b/k")
        for prefix, upload in (("", lost), ("/p", theirs)):
            del cloud.files[f"{FILES}{prefix}/.s3front/uploads/{upload}"]
        cloud.folders.add(f"{UPLOADS}/somebody-elses")
        await storage.tidy()
        assert f"{UPLOADS}/{lost}" in cloud.uploads()
        monkeypatch.setattr(leftovers, "UPLOAD_STALE_S", -1)
        await storage.tidy()
        left = {path.rpartition("/")[2] for path in cloud.uploads()}
        assert left == {kept, theirs, "somebody-elses"}


async def test_what_was_noted_of_uploads_that_are_gone_is_removed(cloud: Cloud) -> None:
    async with opened(in_chunks(cloud)) as storage:
        there, gone, joined, young = [await storage.begin_parts("b/k") for _ in range(4)]
        for upload in (there, gone, joined):
            aged(cloud, f"{FILES}/.s3front/uploads/{upload}")
        for upload in (gone, joined, young):
            cloud.folders.discard(f"{UPLOADS}/{upload}")
        cloud.put(f"{FILES}/.s3front/incoming/{joined}-0123", b"x")
        await storage.tidy()
        noted = {path.rpartition("/")[2] for path in cloud.below(f"{FILES}/.s3front/uploads")}
        assert noted == {there, joined, young}


async def test_what_was_stored_stays(storage: WebDavStorage, server: Lying) -> None:
    await put(storage, "b/k", b"data")
    for path in list(server.files):
        aged(server, path)
    await storage.tidy()
    assert server.files["b/k"].data == b"data"
