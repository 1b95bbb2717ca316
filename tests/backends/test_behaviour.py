"""What every storage promises: the five verbs."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, nullcontext, suppress
from pathlib import Path
from re import findall

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.errors import Damaged, NameRefused, NotFound, Unavailable
from backends.interface import PIECE, Can, Fingerprint, Storage
from tests.backends.making import NewStorage, body, bytes_at, drained, known, paths

LONG = bytes(range(256)) * 2600  # over two pieces, no multiple of one


@contextmanager
def damaged_unless(can: Can, storage: Storage) -> Iterator[None]:
    """What is in it may end with Damaged on a storage that does not declare ``can``."""
    with nullcontext() if can in storage.can else suppress(Damaged):
        yield


def test_every_capability_has_tests() -> None:
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    marks = " ".join(findall(r"\bneeds\(([^)]*)\)", source))
    tested = set(findall(r"\bCan\.([A-Z_]+)", marks))
    assert tested == {can.name for can in Can}


@pytest.mark.parametrize(
    "pieces",
    [(), (b"",), (b"x",), (b"ab", b"", b"cd"), (LONG,), (b"a" * 65_536, b"b", b"c" * PIECE)],
    ids=["none", "empty", "one", "several", "long", "growing"],
)
async def test_what_is_written_is_read(storage: Storage, pieces: tuple[bytes, ...]) -> None:
    whole = b"".join(pieces)
    written = await storage.write("b/k", body(*pieces), size=len(whole))
    assert await bytes_at(storage, "b/k") == whole
    assert written.path == "b/k"
    assert written.fingerprint.size == len(whole)
    stored = await storage.stat("b/k")
    assert known(stored) == known(written)
    assert abs(stored.modified_ns - written.modified_ns) < 60 * 10**9


@pytest.mark.needs(Can.UNSIZED)
async def test_a_body_of_unknown_size_is_written(storage: Storage) -> None:
    await storage.write("b/k", body(b"ab", b"c"), size=None)
    assert await bytes_at(storage, "b/k") == b"abc"


@pytest.mark.parametrize("path", ["b/k", "k", "b/deep/er/and/deeper/k", "b/é/\u65e5\u672c 語.txt"])
async def test_paths_of_any_depth_and_script(storage: Storage, path: str) -> None:
    await storage.write(path, body(b"x"), size=1)
    assert await bytes_at(storage, path) == b"x"
    assert await paths(storage) == [path]


@pytest.mark.parametrize("size", [2, 4])
async def test_a_body_of_the_wrong_size_changes_nothing(storage: Storage, size: int) -> None:
    before = await storage.write("b/k", body(b"old"), size=3)
    with pytest.raises(Damaged):
        await storage.write("b/k", body(b"ne", b"w"), size=size)
    with pytest.raises(Damaged):
        await storage.write("b/other", body(b"ne", b"w"), size=size)
    assert known(await storage.stat("b/k")) == known(before)
    assert await bytes_at(storage, "b/k") == b"old"
    assert await paths(storage) == ["b/k"]


@pytest.mark.parametrize("first", [b"new", LONG], ids=["short", "long"])
async def test_a_failing_body_changes_nothing(storage: Storage, first: bytes) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield first
        raise ConnectionResetError

    before = await storage.write("b/k", body(b"old"), size=3)
    with pytest.raises(ConnectionResetError):
        await storage.write("b/k", failing(), size=2 * len(first))
    assert known(await storage.stat("b/k")) == known(before)
    assert await bytes_at(storage, "b/k") == b"old"


@pytest.mark.parametrize("first", [b"new", LONG], ids=["short", "long"])
async def test_a_cancelled_body_changes_nothing(storage: Storage, first: bytes) -> None:
    begun = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield first
        begun.set()
        await asyncio.Event().wait()

    before = await storage.write("b/k", body(b"old"), size=3)
    writing = asyncio.create_task(storage.write("b/k", stalling(), size=2 * len(first)))
    await begun.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert known(await storage.stat("b/k")) == known(before)
    assert await bytes_at(storage, "b/k") == b"old"


@pytest.mark.needs(Can.OUTLIVE)
async def test_a_reading_outlives_what_replaces_and_deletes_it(storage: Storage) -> None:
    await storage.write("b/k", body(LONG), size=len(LONG))
    before_overwrite = await storage.read("b/k")
    await storage.write("b/k", body(LONG[::-1]), size=len(LONG))
    before_delete = await storage.read("b/k")
    await storage.delete("b/k")
    assert await drained(before_overwrite) == LONG
    assert await drained(before_delete) == LONG[::-1]


async def test_a_reading_gives_its_bytes_or_is_damaged(storage: Storage) -> None:
    await storage.write("b/k", body(LONG), size=len(LONG))
    replaced, begun = await storage.read("b/k"), await storage.read("b/k")
    pieces = begun.chunks()
    first = await anext(pieces)
    await storage.write("b/k", body(LONG[::-1]), size=len(LONG))
    deleted = await storage.read("b/k", first=5)
    await storage.delete("b/k")
    with damaged_unless(Can.OUTLIVE, storage):
        assert first + b"".join([piece async for piece in pieces]) == LONG
    await begun.aclose()
    with damaged_unless(Can.OUTLIVE, storage):
        assert await drained(replaced) == LONG
    with damaged_unless(Can.OUTLIVE, storage):
        assert await drained(deleted) == LONG[::-1][5:]


async def test_concurrent_writers_leave_the_whole_of_one(storage: Storage) -> None:
    bodies = [bytes([n]) * 100_000 for n in range(8)]
    await asyncio.gather(
        *(storage.write("b/k", body(one[:70_000], one[70_000:]), size=len(one)) for one in bodies)
    )
    assert await bytes_at(storage, "b/k") in bodies


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    length=st.sampled_from([0, 1, 7, 65_535, 65_537, PIECE, PIECE + 1, len(LONG)]),
    first=st.integers(0, len(LONG) + 5),
    last=st.none() | st.integers(-1, len(LONG) + 5),
)
async def test_a_range_is_a_slice(
    new_storage: NewStorage, length: int, first: int, last: int | None
) -> None:
    async with new_storage() as storage:
        whole = LONG[:length]
        await storage.write("b/k", body(whole), size=length)
        content = await storage.read("b/k", first=first, last=last)
        wanted = whole[first:] if last is None else whole[first : max(first, last + 1)]
        assert (content.first, content.length) == (first, len(wanted))
        assert await drained(content) == wanted


async def test_pieces_are_bounded(storage: Storage) -> None:
    await storage.write("b/k", body(LONG), size=len(LONG))
    content = await storage.read("b/k")
    async with aclosing(content):
        assert max([len(piece) async for piece in content.chunks()]) <= 4 * PIECE


async def test_a_reading_may_be_left_and_closed_more_than_once(storage: Storage) -> None:
    await storage.write("b/k", body(LONG), size=len(LONG))
    content = await storage.read("b/k")
    async for _ in content.chunks():
        break
    await content.aclose()
    await content.aclose()


async def test_nothing_is_not_found(storage: Storage) -> None:
    await storage.write("b/dir/k", body(b"x"), size=1)
    for path in ("b/none", "none/k", "b/dir", "b", "b/dir/k/below"):
        with pytest.raises(NotFound):
            await storage.stat(path)
        with pytest.raises(NotFound):
            await storage.read(path)


async def test_deleting_nothing_is_no_error(storage: Storage) -> None:
    await storage.write("b/dir/k", body(b"x"), size=1)
    for path in ("b/none", "none/k", "b/dir", "b/dir/k/below"):
        await storage.delete(path)
    assert await paths(storage) == ["b/dir/k"]
    await storage.delete("b/dir/k")
    assert await paths(storage) == []
    with pytest.raises(NotFound):
        await storage.read("b/dir/k")


async def test_other_bytes_are_damaged_for_who_wants_these(storage: Storage) -> None:
    first = (await storage.write("b/k", body(b"aaa"), size=3)).fingerprint
    assert await drained(await storage.read("b/k", only_if=first)) == b"aaa"
    second = (await storage.write("b/k", body(b"bbb"), size=3)).fingerprint
    with pytest.raises(Damaged):
        await storage.read("b/k", only_if=first)
    assert await drained(await storage.read("b/k", only_if=second)) == b"bbb"


@pytest.mark.needs(Can.UNIQUE)
async def test_every_write_has_its_own_fingerprint(storage: Storage) -> None:
    seen: set[Fingerprint] = set()
    for _ in range(20):
        seen.add((await storage.write("b/k", body(b"same"), size=4)).fingerprint)
    assert len(seen) == 20


NEVER = [
    "",
    "/",
    "/b",
    "b/",
    "b//k",
    "b/./k",
    "b/../k",
    "..",
    "../b",
    "b/k/..",
    "b/\0",
    "b/\udc80",
    "/".join(["x" * 200] * 40),
    ".s3front",
    ".s3front/o",
    ".s3front/catalog.db",
    ".s3front/staged/put-1",
    ".S3Front/o/aa/x",
    ".s3front /k",
    ".\uff533front/k",
]


@pytest.mark.parametrize("path", NEVER)
async def test_what_can_be_no_path_is_refused(storage: Storage, path: str) -> None:
    await refused(storage, path)


async def test_what_is_too_long_is_refused(storage: Storage) -> None:
    most = storage.limits.max_segment
    for segment in ("x" * (most + 1), "é" * (most // 2 + 1)):
        await refused(storage, f"b/{segment}")
    parts = "/".join(["x" * 200] * (storage.limits.max_path // 200 + 1))
    await refused(storage, parts)


async def refused(storage: Storage, path: str) -> None:
    with pytest.raises(NameRefused):
        await storage.stat(path)
    with pytest.raises(NameRefused):
        await storage.read(path)
    with pytest.raises(NameRefused):
        await storage.write(path, body(b"x"), size=1)
    with pytest.raises(NameRefused):
        await storage.delete(path)
    assert await paths(storage, path or "none") == []


@pytest.mark.needs(Can.TREE)
async def test_a_file_and_a_folder_cannot_have_one_name(storage: Storage) -> None:
    await storage.write("b/dir/k", body(b"x"), size=1)
    with pytest.raises(NameRefused):
        await storage.write("b/dir", body(b"y"), size=1)
    with pytest.raises(NameRefused):
        await storage.write("b/dir/k/below", body(b"y"), size=1)
    assert await paths(storage) == ["b/dir/k"]
    assert await bytes_at(storage, "b/dir/k") == b"x"


async def test_closing_twice_and_using_what_is_closed(storage: Storage) -> None:
    await storage.write("b/k", body(b"x"), size=1)
    content = await storage.read("b/k")
    await storage.aclose()
    await storage.aclose()
    await content.aclose()
    with pytest.raises(Unavailable):
        await storage.stat("b/k")
    with pytest.raises(Unavailable):
        await storage.read("b/k")
    with pytest.raises(Unavailable):
        await storage.write("b/k", body(b"x"), size=1)
    with pytest.raises(Unavailable):
        await storage.delete("b/k")
    with pytest.raises(Unavailable):
        await paths(storage)


async def test_what_was_closed_opens_again(storage: Storage) -> None:
    await storage.write("b/k", body(b"x"), size=1)
    before = await storage.stat("b/k")
    await storage.aclose()
    await storage.open()
    assert await storage.stat("b/k") == before
    assert await bytes_at(storage, "b/k") == b"x"
