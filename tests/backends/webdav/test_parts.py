"""Parts on a server that takes uploads in chunks, and what becomes of them when it fails or lies."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from aiohttp import web

from backends.errors import (
    Damaged,
    Exists,
    NotFound,
    StorageError,
    Throttled,
    Unavailable,
    Unsupported,
)
from backends.interface import Can
from backends.webdav import chunking
from backends.webdav.dialect import Chunks
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body, bytes_at
from tests.backends.webdav.cloud import FILES, IN_CHUNKS, UPLOADS, Cloud, clouds, in_chunks
from tests.backends.webdav.lying import Lie, on, status
from tests.backends.webdav.opening import opened, put

ONE, TWO, THREE = b"one " * 9, b"two " * 9, b"three"
Tags = list[tuple[int, str]]


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with clouds() as server:
        yield server


@pytest.fixture
async def storage(cloud: Cloud) -> AsyncIterator[WebDavStorage]:
    """Over a server that has been found out already."""
    async with opened(in_chunks(cloud)) as storage:
        yield storage


async def begun(storage: WebDavStorage, parts: Sequence[bytes] = (ONE, TWO)) -> tuple[str, Tags]:
    """An upload that is to become b/k, and its parts."""
    upload = await storage.begin_parts("b/k", description=b"about")
    return upload, [
        (n, await storage.write_part("b/k", upload, n, body(part), size=len(part)))
        for n, part in enumerate(parts, start=1)
    ]


async def test_parts_are_found_out_by_using_them(cloud: Cloud) -> None:
    async with opened(in_chunks(cloud, is_known=False)) as storage:
        assert storage.dialect == IN_CHUNKS
        assert Can.PARTS in storage.can
        assert storage.limits.min_part == 5 * 1024**2
        assert "takes large files and parts in chunks" in storage.about()
    assert cloud.uploads() == set()
    assert cloud.ours() == {".s3front/dialect"}


async def test_where_chunks_cannot_be_dropped_there_are_no_parts_but_large_files(
    cloud: Cloud,
) -> None:
    cloud.drops = False
    async with opened(in_chunks(cloud, is_known=False)) as storage:
        assert storage.dialect == replace(IN_CHUNKS, chunks=Chunks.ALL, chunk_times=False)
        assert Can.PARTS not in storage.can
        with pytest.raises(Unsupported):
            await storage.begin_parts("b/k")
    assert cloud.uploads() == set()


@pytest.mark.parametrize("method", ["MKCOL", "PUT", "MOVE"])
@pytest.mark.parametrize("number", [201, 404, 500])
async def test_a_server_that_only_says_it_takes_chunks_is_used_without(
    cloud: Cloud, method: str, number: int
) -> None:
    cloud.lies.append(on(method, status(number), path=UPLOADS, times=99))
    async with opened(in_chunks(cloud, is_known=False)) as storage:
        assert storage.dialect == replace(IN_CHUNKS, chunks=Chunks.NONE, chunk_times=False)
        await put(storage, "b/k", b"data")
        assert cloud.kept() == {"b/k": b"data"}


def at_its_own_time(cloud: Cloud, etag: str | None) -> Lie:
    """A chunk that has the time at which it came, and another ETag each time or that one."""

    async def put_now(request: web.Request) -> web.StreamResponse:
        path = request.path.strip("/")
        cloud.put(path, await request.read(), modified_s=1_700_000_000)
        if etag is not None:
            cloud.files[path] = replace(cloud.files[path], etag=etag)
        return web.Response(status=201)

    return on("PUT", put_now, path=UPLOADS, times=999)


async def test_chunks_that_are_not_told_from_each_other_are_no_parts(cloud: Cloud) -> None:
    cloud.lies.append(at_its_own_time(cloud, etag='"same"'))
    async with opened(in_chunks(cloud, is_known=False)) as storage:
        assert storage.dialect == replace(IN_CHUNKS, chunks=Chunks.ALL, chunk_times=False)


async def test_chunks_are_told_from_each_other_by_etags_where_they_are(cloud: Cloud) -> None:
    cloud.lies.append(at_its_own_time(cloud, etag=None))
    async with opened(in_chunks(cloud, is_known=False)) as storage:
        assert storage.dialect == replace(IN_CHUNKS, chunk_times=False)
        upload, tags = await begun(storage)
        again = await storage.write_part("b/k", upload, 2, body(TWO), size=len(TWO))
        with pytest.raises(Damaged):
            await storage.complete_parts("b/k", upload, tags)
        await storage.complete_parts("b/k", upload, [tags[0], (2, again)])
        assert cloud.kept() == {"b/k": ONE + TWO}


async def test_chunks_that_are_not_listed_are_no_parts(cloud: Cloud) -> None:
    async def listed(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=403) if request.headers["Depth"] == "1" else None

    cloud.lies.append(on("PROPFIND", listed, path=UPLOADS, times=999))
    async with opened(in_chunks(cloud, is_known=False)) as storage:
        assert storage.dialect == replace(IN_CHUNKS, chunks=Chunks.ALL, chunk_times=False)


async def test_an_endpoint_that_is_none_of_nextclouds_is_not_asked_for_uploads(
    cloud: Cloud,
) -> None:
    cloud.put("elsewhere/x", b"x")
    endpoint = f"{cloud.url}/elsewhere"
    async with opened(in_chunks(cloud, is_known=False, endpoint=endpoint)) as storage:
        assert Can.PARTS not in storage.can
    assert not any(path.startswith(UPLOADS) for _, path in cloud.asked)


async def test_every_request_names_the_destination_and_the_total(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    cloud.asked.clear()
    cloud.headers.clear()
    upload, tags = await begun(storage)
    await storage.complete_parts("b/k", upload, tags)
    seen = set()
    for (method, path), headers in zip(cloud.asked, cloud.headers, strict=True):
        if path.startswith(UPLOADS) and method in {"MKCOL", "PUT", "MOVE"}:
            seen.add(method)
            target = f"{cloud.url}/{FILES}/.s3front/incoming/{upload}"
            assert headers["Destination"].startswith(target)
        if method == "MOVE" and path.startswith(UPLOADS):
            assert path == f"{UPLOADS}/{upload}/.file"
            assert headers["OC-Total-Length"] == str(len(ONE + TWO))
            assert headers["Overwrite"] == "F"
    assert seen == {"MKCOL", "PUT", "MOVE"}


async def test_parts_are_published_from_a_name_of_our_own_and_described(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    upload, tags = await begun(storage, [ONE, TWO, THREE])
    assert cloud.kept() == {}
    stored = await storage.complete_parts("b/k", upload, tags)
    assert await storage.stat("b/k") == replace(stored, description=b"about")
    assert cloud.kept() == {"b/k": ONE + TWO + THREE}
    await storage.aclose()
    assert cloud.ours() == set()
    assert cloud.uploads() == set()


async def test_any_numbers_may_be_chosen(storage: WebDavStorage, cloud: Cloud) -> None:
    upload = await storage.begin_parts("b/k")
    parts = {10_000: b"last", 9: b"nine ", 10: b"ten ", 700: b"dropped ", 1: b"dropped "}
    tags = {
        n: await storage.write_part("b/k", upload, n, body(data), size=len(data))
        for n, data in parts.items()
    }
    with pytest.raises(Unsupported):
        await storage.write_part("b/k", upload, 10_001, body(b"x"), size=1)
    await storage.complete_parts("b/k", upload, [(n, tags[n]) for n in (9, 10, 10_000)])
    assert cloud.kept() == {"b/k": b"nine ten last"}


async def test_a_chunk_that_cannot_be_dropped_is_not_published(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    upload, tags = await begun(storage)
    cloud.lies.append(on("DELETE", status(204), path=UPLOADS))
    with pytest.raises(StorageError):
        await storage.complete_parts("b/k", upload, tags[1:])
    assert cloud.kept() == {}
    await storage.complete_parts("b/k", upload, tags[1:])
    assert cloud.kept() == {"b/k": TWO}


@pytest.mark.parametrize("half", [b"", ONE[:-1], ONE + b"x"])
async def test_a_chunk_that_was_not_kept_is_no_part(
    storage: WebDavStorage, cloud: Cloud, half: bytes
) -> None:
    async def keep_half(request: web.Request) -> web.StreamResponse:
        await request.read()
        cloud.put_chunk(request.path.strip("/"), half, request)
        return web.Response(status=201)

    upload = await storage.begin_parts("b/k")
    cloud.lies.append(on("PUT", keep_half, path=UPLOADS))
    with pytest.raises(Unavailable, match="not the one that was sent"):
        await storage.write_part("b/k", upload, 1, body(ONE), size=len(ONE))


async def test_chunks_that_were_joined_to_something_else_are_not_published(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    async def join_less(request: web.Request) -> web.StreamResponse:
        upload = request.path.strip("/").removesuffix("/.file")
        cloud.put(f"{upload}/00001", b"")
        headers = request.headers.copy()
        del headers["OC-Total-Length"]
        return cloud.join(upload, request.clone(headers=headers))

    await put(storage, "b/k", b"old")
    upload, tags = await begun(storage)
    cloud.lies.append(on("MOVE", join_less, path=UPLOADS))
    with pytest.raises(Unavailable, match="bytes"):
        await storage.complete_parts("b/k", upload, tags)
    assert cloud.kept() == {"b/k": b"old"}


def joined(cloud: Cloud, number: int) -> Lie:
    """Done, whatever is answered; a cut connection if it is 0."""

    async def join(request: web.Request) -> web.StreamResponse:
        cloud.join(request.path.strip("/").removesuffix("/.file"), request)
        if not number:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=number or 500)

    return on("MOVE", join, path=UPLOADS)


@pytest.mark.parametrize("number", [0, 404, 412, 423, 500, 502, 503, 504])
async def test_parts_that_were_joined_are_published_whatever_is_answered(
    storage: WebDavStorage, cloud: Cloud, number: int
) -> None:
    upload, tags = await begun(storage)
    cloud.lies.append(joined(cloud, number))
    await storage.complete_parts("b/k", upload, tags)
    assert cloud.kept() == {"b/k": ONE + TWO}
    assert [method for method, path in cloud.asked if path.startswith(UPLOADS)].count("MOVE") == 1


def later(cloud: Cloud, looks: int, number: int = 504) -> Lie:
    """A join that is done only at that look for it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        left = looks

        async def done(_: web.Request) -> web.StreamResponse | None:
            nonlocal left
            left -= 1
            if left == 0:
                cloud.join(request.path.strip("/").removesuffix("/.file"), request)
            return None

        cloud.lies.append(on("PROPFIND", done, times=999))
        return web.Response(status=number)

    return on("MOVE", answer, path=UPLOADS)


@pytest.mark.parametrize("number", [404, 423, 504, 522, 524])
async def test_a_join_that_still_runs_is_waited_for(
    storage: WebDavStorage, cloud: Cloud, number: int
) -> None:
    upload, tags = await begun(storage)
    cloud.lies.append(later(cloud, 4, number))
    await storage.complete_parts("b/k", upload, tags)
    assert cloud.kept() == {"b/k": ONE + TWO}


async def test_a_large_join_is_waited_for_as_long_as_it_may_take(
    storage: WebDavStorage, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunking, "_ASSEMBLED_A_SECOND", len(ONE + TWO))
    upload, tags = await begun(storage)
    cloud.lies.append(later(cloud, 60))
    await storage.complete_parts("b/k", upload, tags)
    assert cloud.kept() == {"b/k": ONE + TWO}


async def test_a_join_that_was_late_is_published_by_the_next_attempt_and_not_done_again(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    upload, tags = await begun(storage)
    cloud.lies.append(later(cloud, 20))
    cloud.asked.clear()
    with pytest.raises(Unavailable, match="not known"):
        await storage.complete_parts("b/k", upload, tags)
    assert cloud.kept() == {}
    assert not any(method == "DELETE" for method, _ in cloud.asked)
    while cloud.uploads():
        with suppress(NotFound):
            await storage.stat("b/k")
    await storage.complete_parts("b/k", upload, tags)
    assert cloud.kept() == {"b/k": ONE + TWO}
    assert [method for method, path in cloud.asked if path.startswith(UPLOADS)].count("MOVE") == 1
    assert (await storage.stat("b/k")).description == b"about"


async def test_what_was_joined_is_not_joined_again_though_its_chunks_stay(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    async def join(request: web.Request) -> web.StreamResponse:
        upload = request.path.strip("/").removesuffix("/.file")
        before = {path: cloud.files[path] for path in cloud.below(upload)}
        answer = cloud.join(upload, request)
        cloud.files.update(before)
        cloud.folders.add(upload)
        return answer

    upload, tags = await begun(storage)
    cloud.lies += [on("MOVE", join, path=UPLOADS), on("PROPPATCH", status(500))]
    with pytest.raises(Unavailable):
        await storage.complete_parts("b/k", upload, tags)
    await storage.complete_parts("b/k", upload, tags)
    assert cloud.kept() == {"b/k": ONE + TWO}
    assert [method for method, path in cloud.asked if path.startswith(UPLOADS)].count("MOVE") == 1


async def test_a_late_join_of_other_parts_is_not_taken_for_these(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    upload, tags = await begun(storage)
    cloud.lies.append(later(cloud, 20))
    with pytest.raises(Unavailable):
        await storage.complete_parts("b/k", upload, tags)
    new = await storage.write_part("b/k", upload, 2, body(TWO[::-1]), size=len(TWO))
    while cloud.uploads():
        with suppress(NotFound):
            await storage.stat("b/k")
    with pytest.raises(NotFound):
        await storage.complete_parts("b/k", upload, [tags[0], (2, new)])
    assert cloud.kept() == {}
    await storage.abort_parts("b/k", upload)
    await storage.aclose()
    assert cloud.ours() == set()


async def test_what_was_published_already_is_not_found_again(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    upload, tags = await begun(storage)
    await storage.complete_parts("b/k", upload, tags)
    with pytest.raises(NotFound):
        await storage.complete_parts("b/k", upload, tags)
    with pytest.raises(NotFound):
        await storage.write_part("b/k", upload, 1, body(ONE), size=len(ONE))
    assert cloud.kept() == {"b/k": ONE + TWO}


async def test_creating_that_comes_too_late_leaves_nothing_of_ours(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    async def theirs(_: web.Request) -> web.StreamResponse | None:
        cloud.put(f"{FILES}/b/k", b"theirs")
        return None

    upload, tags = await begun(storage)
    cloud.lies.append(on("MOVE", theirs, path=".s3front/incoming"))
    with pytest.raises(Exists):
        await storage.complete_parts("b/k", upload, tags, create=True)
    assert cloud.kept() == {"b/k": b"theirs"}
    assert cloud.ours() == {f".s3front/uploads/{upload}"}
    await storage.abort_parts("b/k", upload)
    await storage.aclose()
    assert cloud.ours() == set()


async def test_an_upload_is_of_one_path_and_of_one_storage(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    upload, tags = await begun(storage)
    for path, other in (("b/l", upload), ("b/k", f"{upload}/../x"), ("b/k", "x")):
        with pytest.raises(NotFound):
            await storage.write_part(path, other, 1, body(ONE), size=len(ONE))
        with pytest.raises(NotFound):
            await storage.complete_parts(path, other, tags)
        await storage.abort_parts(path, other)
    async with opened(in_chunks(cloud, prefix="p")) as neighbour:
        await neighbour.abort_parts("b/k", upload)
    assert len(cloud.below(f"{UPLOADS}/{upload}")) == 2


async def test_what_was_begun_is_told_by_who_noted_it(storage: WebDavStorage, cloud: Cloud) -> None:
    upload, _ = await begun(storage)
    unknown, _ = await begun(storage)
    del cloud.files[f"{FILES}/.s3front/uploads/{unknown}"]
    cloud.folders.add(f"{UPLOADS}/somebody-elses")
    async with opened(in_chunks(cloud, prefix="p")) as neighbour:
        theirs = await neighbour.begin_parts("b/l")
        assert [one.upload async for one in neighbour.open_parts()] == [theirs]
    (told,) = [one async for one in storage.open_parts()]
    assert (told.path, told.upload) == ("b/k", upload)
    assert 0 < told.begun_ns <= time.time_ns()


async def test_an_upload_that_the_server_expired_is_not_found(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    upload, tags = await begun(storage)
    cloud.files = {p: f for p, f in cloud.files.items() if not p.startswith(UPLOADS)}
    cloud.folders -= cloud.uploads()
    with pytest.raises(NotFound):
        await storage.write_part("b/k", upload, 3, body(THREE), size=len(THREE))
    with pytest.raises(NotFound):
        await storage.complete_parts("b/k", upload, tags)
    assert cloud.kept() == {}


@pytest.mark.parametrize(
    ("number", "error"), [(413, Unsupported), (423, Throttled), (500, Unavailable)]
)
async def test_a_beginning_that_fails_leaves_nothing(
    storage: WebDavStorage, cloud: Cloud, number: int, error: type[StorageError]
) -> None:
    cloud.lies.append(on("PUT", status(number), path=".s3front/uploads"))
    with pytest.raises(error):
        await storage.begin_parts("b/k", description=b"about")
    await storage.aclose()
    assert cloud.uploads() == set()
    assert cloud.ours() == set()


async def test_a_description_that_is_not_what_was_written_is_none(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    upload, tags = await begun(storage)
    cloud.put(f"{FILES}/.s3front/uploads/{upload}", b"nonsense")
    await storage.complete_parts("b/k", upload, tags)
    assert (await storage.stat("b/k")).description is None


async def test_a_part_that_another_attempt_replaced_at_once_is_none(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    async def replaced(request: web.Request) -> web.StreamResponse:
        path = request.path.strip("/")
        cloud.put_chunk(path, await request.read(), request)
        file = cloud.files[path]
        # Of the same size, with the same ETag: but for its time it looks like what was sent.
        cloud.files[path] = replace(file, data=ONE[::-1], modified_s=file.modified_s + 1)
        return web.Response(status=201)

    upload = await storage.begin_parts("b/k")
    cloud.lies.append(on("PUT", replaced, path=UPLOADS))
    with pytest.raises(Unavailable, match="not the one that was sent"):
        await storage.write_part("b/k", upload, 1, body(ONE), size=len(ONE))


async def test_the_time_of_a_part_keeps_no_upload_for_long(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    upload, _ = await begun(storage, [ONE] * 20)
    now_s = time.time()
    times = {cloud.files[path].modified_s for path in cloud.below(f"{UPLOADS}/{upload}")}
    assert len(times) > 10
    assert all(now_s - 600 < modified_s < now_s + 90_000 for modified_s in times)


async def test_a_part_that_was_replaced_is_another(storage: WebDavStorage) -> None:
    upload, tags = await begun(storage)
    again = await storage.write_part("b/k", upload, 2, body(TWO), size=len(TWO))
    with pytest.raises(Damaged):
        await storage.complete_parts("b/k", upload, tags)
    for parts in ([(1, "x")], [(3, tags[0][1])]):
        with pytest.raises(Damaged):
            await storage.complete_parts("b/k", upload, parts)
    await storage.complete_parts("b/k", upload, [tags[0], (2, again)])
    assert await bytes_at(storage, "b/k") == ONE + TWO
