"""What a storage promises that does more than the five verbs by itself."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import aiohttp
import pytest

from backends.errors import Damaged, Exists, NameRefused, NotFound, Unsupported
from backends.interface import PIECE, Can, Fingerprint, Storage
from tests.backends.making import body, bytes_at, drained, known, paths

LONG = bytes(range(251)) * 2800
NOBODY = Fingerprint(size=3, stamp="nobody's")


async def put(storage: Storage, path: str, data: bytes) -> Fingerprint:
    return (await storage.write(path, body(data), size=len(data))).fingerprint


@pytest.mark.needs(Can.CREATE)
async def test_what_is_there_is_not_replaced_by_creating(storage: Storage) -> None:
    first = await storage.write("b/k", body(b"one"), size=3, create=True)
    with pytest.raises(Exists):
        await storage.write("b/k", body(b"two"), size=3, create=True)
    assert known(await storage.stat("b/k")) == known(first)
    assert await bytes_at(storage, "b/k") == b"one"
    await storage.delete("b/k")
    await storage.write("b/k", body(b"two"), size=3, create=True)
    assert await bytes_at(storage, "b/k") == b"two"


@pytest.mark.needs(Can.CREATE)
async def test_one_of_many_creates(storage: Storage) -> None:
    bodies = [bytes([n]) * 1000 for n in range(8)]
    outcomes = await asyncio.gather(
        *(storage.write("b/k", body(one), size=1000, create=True) for one in bodies),
        return_exceptions=True,
    )
    won = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, BaseException)]
    assert len(won) == 1
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)} == {Exists}
    assert await bytes_at(storage, "b/k") == bodies[won[0]]


@pytest.mark.needs(Can.DESCRIBE)
@pytest.mark.parametrize("about", [b"", b"x", "é=\u65e5".encode(), bytes(range(256)), b"most"])
async def test_a_description_is_kept_with_the_bytes(storage: Storage, about: bytes) -> None:
    if about == b"most":
        about = b"m" * min(storage.limits.max_description, 100_000)
    written = await storage.write("b/k", body(b"data"), size=4, description=about)
    stored = await storage.stat("b/k")
    assert stored.description == about
    assert not stored.description_damaged
    assert stored.fingerprint == written.fingerprint
    assert await bytes_at(storage, "b/k") == b"data"


@pytest.mark.needs(Can.DESCRIBE)
async def test_bytes_without_a_description_have_none(storage: Storage) -> None:
    await storage.write("b/k", body(b"data"), size=4, description=b"about")
    await storage.write("b/k", body(b"data"), size=4)
    assert (await storage.stat("b/k")).description is None


@pytest.mark.needs(Can.DESCRIBE)
async def test_a_description_that_is_too_long_is_refused(storage: Storage) -> None:
    about = bytes(storage.limits.max_description + 1)
    with pytest.raises(Unsupported):
        await storage.write("b/k", body(b"data"), size=4, description=about)
    assert await paths(storage) == []


HEADERS = {
    "cache-control": "public, max-age=7",
    "content-disposition": 'attachment; filename="a b.txt"',
    "content-encoding": "br",
    "content-language": "de",
    "content-type": "text/x-odd; charset=utf-8",
    "expires": "Thu, 01 Dec 2044 16:00:00 GMT",
}
"""What others are to be answered with."""


async def headers_of(storage: Storage, path: str) -> Mapping[str, str]:
    """Those of HEADERS that others are answered with, as ``stat`` tells."""
    headers = (await storage.stat(path)).headers
    assert headers is not None
    return {name: value for name, value in headers.items() if value == HEADERS.get(name)}


@pytest.mark.needs(Can.HEADERS)
async def test_headers_are_kept_with_the_bytes(storage: Storage) -> None:
    written = await storage.write("b/k", body(b"data"), size=4, headers=HEADERS)
    assert await headers_of(storage, "b/k") == HEADERS
    assert (await storage.stat("b/k")).fingerprint == written.fingerprint
    assert await bytes_at(storage, "b/k") == b"data"
    await storage.write("b/k", body(b"data"), size=4)
    assert await headers_of(storage, "b/k") == {}


@pytest.mark.needs(Can.HEADERS, Can.COPY, Can.DESCRIBE)
async def test_a_copy_takes_its_headers_along_or_others(storage: Storage) -> None:
    written = await storage.write(
        "b/k", body(b"data"), size=4, description=b"about", headers=HEADERS
    )
    of = written.fingerprint
    await storage.copy("b/k", "c/same", only_if=of)
    await storage.copy("b/k", "c/described", only_if=of, description=b"anew")
    await storage.copy("b/k", "c/headed", only_if=of, headers={"content-type": "x/y"})
    for path in ("c/same", "c/described"):
        assert await headers_of(storage, path) == HEADERS
    headed = await storage.stat("c/headed")
    assert headed.description == b"about"
    assert (headed.headers or {})["content-type"] == "x/y"
    assert await headers_of(storage, "c/headed") == {}
    assert (await storage.stat("c/described")).description == b"anew"


@pytest.mark.needs(Can.HEADERS, Can.COPY, Can.CREATE)
async def test_a_copy_that_creates_takes_its_headers_along(storage: Storage) -> None:
    of = (await storage.write("b/k", body(b"data"), size=4, headers=HEADERS)).fingerprint
    await storage.copy("b/k", "c/k", only_if=of, create=True)
    assert await headers_of(storage, "c/k") == HEADERS


@pytest.mark.needs(Can.HEADERS, Can.PARTS)
async def test_what_is_written_in_parts_has_headers(storage: Storage) -> None:
    upload = await storage.begin_parts("b/k", headers=HEADERS)
    tag = await send(storage, "b/k", upload, 1, b"data")
    await storage.complete_parts("b/k", upload, [(1, tag)])
    assert await headers_of(storage, "b/k") == HEADERS


@pytest.mark.needs(Can.COPY)
@pytest.mark.parametrize("data", [b"", b"data", LONG], ids=len)
async def test_a_copy_holds_the_same_bytes(storage: Storage, data: bytes) -> None:
    of = await put(storage, "b/k", data)
    copied = await storage.copy("b/k", "c/deep/k", only_if=of)
    assert copied.path == "c/deep/k"
    assert known(await storage.stat("c/deep/k")) == known(copied)
    assert await drained(await storage.read("c/deep/k", only_if=copied.fingerprint)) == data
    assert await drained(await storage.read("b/k", only_if=of)) == data
    other = await put(storage, "b/k", data + b"!")
    await storage.copy("b/k", "c/deep/k", only_if=other)
    assert await bytes_at(storage, "c/deep/k") == data + b"!"


@pytest.mark.needs(Can.COPY)
async def test_only_the_bytes_that_are_meant_are_copied(storage: Storage) -> None:
    with pytest.raises(NotFound):
        await storage.copy("b/k", "c/k", only_if=NOBODY)
    before = await put(storage, "b/k", b"old")
    await put(storage, "b/k", b"new")
    with pytest.raises(Damaged):
        await storage.copy("b/k", "c/k", only_if=before)
    assert await paths(storage) == ["b/k"]


@pytest.mark.needs(Can.COPY, Can.DESCRIBE)
async def test_a_copy_takes_its_description_along_or_another(storage: Storage) -> None:
    written = await storage.write("b/k", body(b"data"), size=4, description=b"about")
    await storage.copy("b/k", "c/k", only_if=written.fingerprint)
    assert (await storage.stat("c/k")).description == b"about"
    await storage.copy("b/k", "c/l", only_if=written.fingerprint, description=b"anew")
    assert (await storage.stat("c/l")).description == b"anew"
    assert (await storage.stat("b/k")).description == b"about"


@pytest.mark.needs(Can.COPY, Can.CREATE)
async def test_a_copy_that_creates_replaces_nothing(storage: Storage) -> None:
    of = await put(storage, "b/k", b"data")
    await storage.copy("b/k", "c/k", only_if=of, create=True)
    await put(storage, "c/k", b"other")
    with pytest.raises(Exists):
        await storage.copy("b/k", "c/k", only_if=of, create=True)
    assert await bytes_at(storage, "c/k") == b"other"


@pytest.mark.needs(Can.MOVE)
async def test_what_is_moved_has_another_name(storage: Storage) -> None:
    of = await put(storage, "b/k", LONG)
    moved = await storage.move("b/k", "c/deep/l", only_if=of)
    assert known(await storage.stat("c/deep/l")) == known(moved)
    assert await drained(await storage.read("c/deep/l", only_if=moved.fingerprint)) == LONG
    assert await paths(storage) == ["c/deep/l"]
    with pytest.raises(NotFound):
        await storage.move("b/k", "b/m", only_if=of)


@pytest.mark.needs(Can.MOVE)
async def test_moving_replaces_nothing(storage: Storage) -> None:
    of = await put(storage, "b/k", b"one")
    there = await put(storage, "b/l", b"other")
    with pytest.raises(Exists):
        await storage.move("b/k", "b/l", only_if=of)
    assert await drained(await storage.read("b/l", only_if=there)) == b"other"
    assert await drained(await storage.read("b/k", only_if=of)) == b"one"
    with pytest.raises(Damaged):
        await storage.move("b/k", "b/m", only_if=there)
    assert await paths(storage) == ["b/k", "b/l"]


@pytest.mark.needs(Can.MOVE, Can.TREE)
async def test_what_is_in_the_way_of_a_move_leaves_all_as_it_was(storage: Storage) -> None:
    of = await put(storage, "b/k", b"data")
    await put(storage, "b/file", b"x")
    await put(storage, "b/dir/k", b"x")
    for path in ("b/file/k", "b/dir"):
        with pytest.raises((NameRefused, Exists)):
            await storage.move("b/k", path, only_if=of)
    assert await drained(await storage.read("b/k", only_if=of)) == b"data"
    assert await paths(storage) == ["b/dir/k", "b/file", "b/k"]


@pytest.fixture
def three(storage: Storage) -> Sequence[bytes]:
    """Bodies of three parts that the storage takes."""
    least = max(storage.limits.min_part, PIECE + 1)
    return (b"a" * least, b"b" * (least + 5), b"end")


async def send(storage: Storage, path: str, upload: str, number: int, data: bytes) -> str:
    pieces = body(*(data[at : at + PIECE] for at in range(0, len(data), PIECE)))
    return await storage.write_part(path, upload, number, pieces, size=len(data))


@pytest.mark.needs(Can.PARTS)
async def test_parts_become_the_bytes_in_their_order(
    storage: Storage, three: Sequence[bytes]
) -> None:
    upload = await storage.begin_parts("b/k")
    tags = {n: await send(storage, "b/k", upload, n, three[n - 1]) for n in (3, 1)}
    await send(storage, "b/k", upload, 2, b"z" * len(three[1]))
    tags[2] = await send(storage, "b/k", upload, 2, three[1])
    assert await paths(storage) == []
    stored = await storage.complete_parts("b/k", upload, sorted(tags.items()))
    assert stored.path == "b/k"
    assert known(await storage.stat("b/k")) == known(stored)
    read = await drained(await storage.read("b/k", only_if=stored.fingerprint))
    assert read == b"".join(three)


@pytest.mark.needs(Can.PARTS)
async def test_parts_that_are_not_named_are_dropped(
    storage: Storage, three: Sequence[bytes]
) -> None:
    upload = await storage.begin_parts("b/k")
    await send(storage, "b/k", upload, 5, three[0])
    tag = await send(storage, "b/k", upload, 9, b"last")
    await storage.complete_parts("b/k", upload, [(9, tag)])
    assert await bytes_at(storage, "b/k") == b"last"


@pytest.mark.needs(Can.PARTS)
async def test_a_part_of_the_wrong_size_is_not_kept(storage: Storage) -> None:
    upload = await storage.begin_parts("b/k")
    for size in (3, 5):
        with pytest.raises(Damaged):
            await storage.write_part("b/k", upload, 1, body(b"da", b"ta"), size=size)
    tag = await send(storage, "b/k", upload, 1, b"data")
    await storage.complete_parts("b/k", upload, [(1, tag)])
    assert await bytes_at(storage, "b/k") == b"data"


@pytest.mark.needs(Can.PARTS)
async def test_a_failing_part_fails_with_what_its_body_raises(storage: Storage) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"da"
        raise ConnectionResetError

    upload = await storage.begin_parts("b/k")
    with pytest.raises(ConnectionResetError):
        await storage.write_part("b/k", upload, 1, failing(), size=4)
    await storage.abort_parts("b/k", upload)


@pytest.mark.needs(Can.PARTS)
async def test_a_part_is_the_one_that_is_named(storage: Storage) -> None:
    upload = await storage.begin_parts("b/k")
    tag = await send(storage, "b/k", upload, 1, b"data")
    await send(storage, "b/k", upload, 1, b"atad")
    for parts in ([(1, tag)], [(2, tag)]):
        with pytest.raises(Damaged):
            await storage.complete_parts("b/k", upload, parts)
    assert await paths(storage) == []
    again = await send(storage, "b/k", upload, 1, b"data")
    await storage.complete_parts("b/k", upload, [(1, again)])
    assert await bytes_at(storage, "b/k") == b"data"


@pytest.mark.needs(Can.PARTS)
async def test_parts_are_gone_when_they_are_aborted_or_completed(storage: Storage) -> None:
    before = await put(storage, "b/k", b"old")
    upload = await storage.begin_parts("b/k")
    tag = await send(storage, "b/k", upload, 1, b"data")
    await storage.abort_parts("b/k", upload)
    await storage.abort_parts("b/k", upload)
    with pytest.raises(NotFound):
        await send(storage, "b/k", upload, 1, b"data")
    with pytest.raises(NotFound):
        await storage.complete_parts("b/k", upload, [(1, tag)])
    assert await drained(await storage.read("b/k", only_if=before)) == b"old"
    done = await storage.begin_parts("b/k")
    tag = await send(storage, "b/k", done, 1, b"data")
    stored = await storage.complete_parts("b/k", done, [(1, tag)])
    with suppress(NotFound):  # or the same again
        assert known(await storage.complete_parts("b/k", done, [(1, tag)])) == known(stored)
    await storage.abort_parts("b/k", done)
    assert await bytes_at(storage, "b/k") == b"data"


@pytest.mark.needs(Can.PARTS, Can.CREATE)
async def test_completing_that_creates_replaces_nothing(storage: Storage) -> None:
    upload = await storage.begin_parts("b/k")
    tag = await send(storage, "b/k", upload, 1, b"data")
    of = await put(storage, "b/k", b"other")
    with pytest.raises(Exists):
        await storage.complete_parts("b/k", upload, [(1, tag)], create=True)
    assert await drained(await storage.read("b/k", only_if=of)) == b"other"
    await storage.abort_parts("b/k", upload)


@pytest.mark.needs(Can.PARTS, Can.DESCRIBE)
async def test_what_is_written_in_parts_is_described(storage: Storage) -> None:
    upload = await storage.begin_parts("b/k", description=b"about")
    tag = await send(storage, "b/k", upload, 1, b"data")
    await storage.complete_parts("b/k", upload, [(1, tag)])
    assert (await storage.stat("b/k")).description == b"about"


async def begun(storage: Storage) -> list[str]:
    return sorted([one.path async for one in storage.open_parts()])


@pytest.mark.needs(Can.PARTS, Can.OPEN_PARTS)
async def test_what_was_begun_in_parts_is_told_until_it_ends(storage: Storage) -> None:
    assert await begun(storage) == []
    ours = ".s3front/o/aa/é +&"
    ids = [await storage.begin_parts(path) for path in ("b/k", "b/k", ours, "c")]
    tag = await send(storage, "b/k", ids[0], 1, b"data")
    assert await begun(storage) == [ours, "b/k", "b/k", "c"]
    times = [one.begun_ns async for one in storage.open_parts()]
    assert all(0 < begun_ns < time.time_ns() + 3600 * 10**9 for begun_ns in times)
    await storage.complete_parts("b/k", ids[0], [(1, tag)])
    await storage.abort_parts("c", ids[3])
    assert await begun(storage) == [ours, "b/k"]


@pytest.mark.needs(Can.PARTS, Can.OPEN_PARTS)
async def test_what_is_told_is_aborted_and_nothing_else(storage: Storage) -> None:
    ids = {path: await storage.begin_parts(path) for path in ("b/k", "b/l")}
    tags = {path: await send(storage, path, id, 1, b"data") for path, id in ids.items()}
    async for one in storage.open_parts():
        if one.path == "b/k":
            await storage.abort_parts(one.path, one.upload)
    assert await begun(storage) == ["b/l"]
    with pytest.raises(NotFound):
        await storage.complete_parts("b/k", ids["b/k"], [(1, tags["b/k"])])
    await storage.complete_parts("b/l", ids["b/l"], [(1, tags["b/l"])])


@pytest.mark.needs(Can.COPY_PARTS)
async def test_a_part_is_copied(storage: Storage, three: Sequence[bytes]) -> None:
    whole = b"".join(three)
    of = await put(storage, "b/source", whole)
    last = len(whole) - 3
    upload = await storage.begin_parts("b/k")
    tag = await storage.copy_part("b/k", upload, 1, "b/source", first=2, last=last, only_if=of)
    end = await send(storage, "b/k", upload, 2, b"end")
    await storage.complete_parts("b/k", upload, [(1, tag), (2, end)])
    assert await bytes_at(storage, "b/k") == whole[2 : last + 1] + b"end"


@pytest.mark.needs(Can.COPY_PARTS)
async def test_only_the_bytes_that_are_meant_become_a_part(storage: Storage) -> None:
    upload = await storage.begin_parts("b/k")
    with pytest.raises(NotFound):
        await storage.copy_part("b/k", upload, 1, "b/source", first=0, last=1, only_if=NOBODY)
    before = await put(storage, "b/source", b"old")
    of = await put(storage, "b/source", b"new")
    with pytest.raises(Damaged):
        await storage.copy_part("b/k", upload, 1, "b/source", first=0, last=1, only_if=before)
    await storage.abort_parts("b/k", upload)
    with pytest.raises(NotFound):
        await storage.copy_part("b/k", upload, 1, "b/source", first=0, last=1, only_if=of)


@pytest.mark.needs(Can.LINK)
async def test_anybody_reads_by_a_link(storage: Storage) -> None:
    await put(storage, "b/é k", b"data")
    url = storage.link(await storage.stat("b/é k"), seconds=60, answer_with={})
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert (answer.status, await answer.read()) == (200, b"data")
    if Can.HEADERS in storage.can:
        named = {name: HEADERS[name] for name in ("content-type", "cache-control")}
        await storage.write("b/é k", body(b"data"), size=4, headers=named)
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert named.items() <= {n.lower(): v for n, v in answer.headers.items()}.items()
    stored = await storage.stat("b/é k")
    with pytest.raises(Unsupported):
        storage.link(stored, seconds=60, answer_with={"x-nobody-knows": "x"})


async def test_what_is_not_declared_is_refused(storage: Storage) -> None:
    of = await put(storage, "b/k", b"data")

    async def write(
        *,
        create: bool = False,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        await storage.write(
            "b/l", body(b"x"), size=1, create=create, description=description, headers=headers
        )

    undeclared: Mapping[Can, Callable[[], Awaitable[object]]] = {
        Can.CREATE: lambda: write(create=True),
        Can.DESCRIBE: lambda: write(description=b"x"),
        Can.HEADERS: lambda: write(headers=HEADERS),
        Can.UNSIZED: lambda: storage.write("b/l", body(b"x"), size=None),
        Can.COPY: lambda: storage.copy("b/k", "b/l", only_if=of),
        Can.MOVE: lambda: storage.move("b/k", "b/l", only_if=of),
        Can.PARTS: lambda: storage.begin_parts("b/l"),
        Can.OPEN_PARTS: lambda: begun(storage),
        Can.COPY_PARTS: lambda: storage.copy_part(
            "b/l", "none", 1, "b/k", first=0, last=1, only_if=of
        ),
    }
    for can, use in undeclared.items():
        if can not in storage.can:
            with pytest.raises(Unsupported):
                await use()
    assert await paths(storage) == ["b/k"]


@pytest.mark.needs(Can.ETAGS)
async def test_stamps_that_look_like_etags_are_those_of_the_bytes(storage: Storage) -> None:
    of = await put(storage, "b/k", b"bytes")
    assert of.stamp == hashlib.md5(b"bytes").hexdigest()
