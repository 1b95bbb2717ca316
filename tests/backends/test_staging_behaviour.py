"""What a storage promises that writes in two steps."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from backends.errors import Damaged, NameRefused, NotFound, Unsupported
from backends.interface import MAX_DESCRIPTION, PIECE, Can, Content, Fingerprint, Storage, Stored
from tests.backends.making import body, bytes_at, drained, paths, sealed

pytestmark = pytest.mark.needs(Can.STAGE)

LONG = bytes(range(251)) * 2800


async def test_staged_bytes_are_sealed_then_placed(storage: Storage) -> None:
    fingerprint = await sealed(storage, "put-1", LONG, b"about these")
    assert storage.staged_names() == ["put-1"]
    assert storage.staged_description("put-1") == b"about these"
    assert await drained(await storage.staged("put-1", only_if=fingerprint)) == LONG
    assert await paths(storage) == []

    assert storage.prepare("b/dir/k")
    assert storage.place("put-1", "b/dir/k")
    assert storage.staged_names() == []
    assert storage.staged_description("put-1") is None
    with pytest.raises(NotFound):
        await storage.staged("put-1")
    stored = await storage.stat("b/dir/k")
    assert stored == Stored(
        path="b/dir/k",
        fingerprint=fingerprint,
        modified_ns=stored.modified_ns,
        description=b"about these",
    )
    assert await drained(await storage.read("b/dir/k", only_if=fingerprint)) == LONG


@pytest.mark.parametrize("length", [0, 1, 5000, len(LONG)])
async def test_what_is_taken_is_appended_in_order(storage: Storage, length: int) -> None:
    view = memoryview(LONG)[:length]
    views = [view[at : at + 8192] for at in range(0, length, 8192)]
    cut = [bytes(piece) for piece in views]
    staged = storage.stage("put-1", size=length * 2 + 4)
    await staged.write(b"<")
    await staged.take(lambda: [b"", *views, b""], length)
    await staged.take(lambda: [b"|"], 1)
    await staged.take(list, 0)
    await staged.take(lambda: cut, length)
    await staged.write(b">>")
    of = await staged.seal(lambda _: b"about", size=length * 2 + 4)
    whole = b"<" + LONG[:length] + b"|" + LONG[:length] + b">>"
    assert await drained(await storage.staged("put-1", only_if=of)) == whole


async def test_more_pieces_are_taken_than_one_call_writes(storage: Storage) -> None:
    pieces = [LONG[at : at + 3] for at in range(0, 9000, 3)]
    staged = storage.stage("put-1")
    await staged.take(lambda: pieces, 9000)
    of = await staged.seal(lambda _: b"about", size=9000)
    assert await drained(await storage.staged("put-1", only_if=of)) == LONG[:9000]


@pytest.mark.parametrize("length", [10, len(LONG)])
async def test_what_was_taken_is_a_copy(storage: Storage, length: int) -> None:
    theirs = memoryview(bytearray(LONG))[:length]
    staged = storage.stage("put-1")
    await staged.take(lambda: [theirs], length)
    theirs[:] = bytes(length)
    of = await staged.seal(lambda _: b"about", size=length)
    assert await drained(await storage.staged("put-1", only_if=of)) == LONG[:length]


@pytest.mark.parametrize("size", [10, 500_000])
async def test_a_failing_giver_fails_what_takes(storage: Storage, size: int) -> None:
    def fail() -> list[bytes]:
        raise ZeroDivisionError

    staged = storage.stage("put-1")
    await staged.write(b"data")
    with pytest.raises(ZeroDivisionError):
        await staged.take(fail, size)
    for go_on in (staged.write(b"more"), staged.take(list, 0), staged.seal(lambda _: b"")):
        with pytest.raises(Damaged):
            await go_on
    await staged.discard()
    assert storage.staged_names() == []


@pytest.mark.parametrize("size", [1, 3 * 1024**2])
async def test_bytes_for_which_room_was_made_end_where_they_end(
    storage: Storage, size: int
) -> None:
    staged = storage.stage("put-1", size=size)
    await staged.take(lambda: [LONG], len(LONG))
    of = await staged.seal(lambda _: b"about")
    assert of.size == len(LONG)
    assert await drained(await storage.staged("put-1", only_if=of)) == LONG


@pytest.mark.parametrize("about", [b"", b"x", b"x" * 3000, b"\0" * 9000, b"y" * MAX_DESCRIPTION])
async def test_descriptions_of_any_size_follow_the_bytes(storage: Storage, about: bytes) -> None:
    await sealed(storage, "put-1", b"data", about)
    assert storage.staged_description("put-1") == about
    assert storage.place("put-1", "b/k")
    assert (await storage.stat("b/k")).description == about
    assert storage.staged_description("put-1") is None


async def test_a_description_that_is_too_long_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(Unsupported):
        await sealed(storage, "put-1", b"data", b"x" * (MAX_DESCRIPTION + 1))
    assert storage.staged_names() == []


async def test_describe_is_given_the_fingerprint_that_is_returned(storage: Storage) -> None:
    given: list[Fingerprint] = []

    def describe(fingerprint: Fingerprint) -> bytes:
        given.append(fingerprint)
        return fingerprint.stamp.encode()

    staged = storage.stage("put-1")
    await staged.write(b"data")
    assert given == []
    assert given == [await staged.seal(describe)] or given[0].size == 4
    assert storage.staged_description("put-1") == given[0].stamp.encode()


async def test_a_description_is_void_when_the_bytes_are_written_again(storage: Storage) -> None:
    await sealed(storage, "put-1", b"data")
    assert storage.place("put-1", "b/k")
    await storage.write("b/k", body(b"atad"), size=4)
    assert (await storage.stat("b/k")).description is None


@pytest.mark.parametrize("about", [b"anew", b"z" * 9000])
async def test_bytes_that_are_placed_can_be_described_anew(storage: Storage, about: bytes) -> None:
    of = await sealed(storage, "put-1", b"data")
    assert storage.place("put-1", "b/k")
    assert await storage.describe("b/k", about, only_if=of)
    assert await storage.stat("b/k") == Stored(
        path="b/k", fingerprint=of, modified_ns=int(of.stamp), description=about
    )
    other = Fingerprint(size=of.size, stamp=str(int(of.stamp) + 1))
    assert not await storage.describe("b/k", b"another", only_if=other)
    assert (await storage.stat("b/k")).description == about
    with pytest.raises(Unsupported):
        await storage.describe("b/k", bytes(MAX_DESCRIPTION + 1), only_if=of)
    with pytest.raises(NotFound):
        await storage.describe("b/l", about, only_if=of)


async def test_placing_replaces_whole(storage: Storage) -> None:
    first = await sealed(storage, "put-1", LONG, b"one")
    second = await sealed(storage, "put-2", LONG[::-1], b"two")
    assert first != second
    assert storage.place("put-1", "b/k")
    reading = await storage.read("b/k", only_if=first)
    assert storage.place("put-2", "b/k")
    assert await drained(reading) == LONG
    assert await bytes_at(storage, "b/k") == LONG[::-1]
    assert (await storage.stat("b/k")).description == b"two"


async def test_placing_works_without_preparing(storage: Storage) -> None:
    await sealed(storage, "put-1", b"data")
    assert storage.place("put-1", "b/deep/er/k")
    assert await bytes_at(storage, "b/deep/er/k") == b"data"


async def test_what_is_in_the_way_leaves_the_bytes_staged(storage: Storage) -> None:
    await storage.write("b/file", body(b"x"), size=1)
    await storage.write("b/dir/k", body(b"x"), size=1)
    storage.make_folder("empty")
    fingerprint = await sealed(storage, "put-1", b"data")
    for path in ("b/dir", "b/file/k", "b/file/deep/k", "b", "empty"):
        assert not storage.prepare(path), path
        assert not storage.place("put-1", path), path
    assert await drained(await storage.staged("put-1", only_if=fingerprint)) == b"data"
    assert await bytes_at(storage, "b/file") == b"x"


async def test_a_path_that_holds_bytes_is_not_free(storage: Storage) -> None:
    await storage.write("b/k", body(b"somebody's"), size=10)
    assert not storage.prepare("b/k")
    await storage.delete("b/k")
    assert storage.prepare("b/k")


async def test_placing_what_is_not_staged_does_nothing(storage: Storage) -> None:
    await storage.write("b/k", body(b"x"), size=1)
    assert not storage.place("put-none", "b/k")
    assert not storage.place("put-none", "b/new/k")
    assert await bytes_at(storage, "b/k") == b"x"


async def test_shadow_paths_take_bytes(storage: Storage) -> None:
    fingerprint = await sealed(storage, "put-1", b"data")
    assert storage.prepare(".s3front/o/ab/put-1")
    assert storage.place("put-1", ".s3front/o/ab/put-1")
    assert await bytes_at(storage, ".s3front/o/ab/put-1") == b"data"
    assert storage.remove(".s3front/o/ab/put-1", only_if=fingerprint)
    assert storage.prepare(".s3front/o/ab/put-1")


async def test_removing_asks_for_the_fingerprint(storage: Storage) -> None:
    first = await sealed(storage, "put-1", b"one!")
    assert storage.place("put-1", "b/k")
    second = await sealed(storage, "put-2", b"two!")
    assert storage.place("put-2", "b/k")
    assert not storage.remove("b/k", only_if=first)
    assert await bytes_at(storage, "b/k") == b"two!"
    assert storage.remove("b/k", only_if=second)
    assert storage.remove("b/k", only_if=second)
    assert await paths(storage) == []
    await sealed(storage, "put-3", b"three")
    assert storage.place("put-3", "b/k")
    assert storage.remove("b/k", only_if=None)


async def test_removing_leaves_the_folder_of_the_bucket_alone(storage: Storage) -> None:
    storage.make_folder("b")
    for n in range(2):
        await sealed(storage, f"put-{n}", b"data")
        assert storage.place(f"put-{n}", f"b/dir/deep/{n}")
    assert storage.remove("b/dir/deep/0", only_if=None)
    assert await bytes_at(storage, "b/dir/deep/1") == b"data"
    assert storage.remove("b/dir/deep/1", only_if=None)
    assert storage.folders() == ["b"]
    assert storage.prepare("b/dir"), "parents that were left empty are in the way"


async def test_removing_what_is_below_a_file_or_nowhere_finds_it_free(storage: Storage) -> None:
    await storage.write("b/file", body(b"x"), size=1)
    for path in ("b/none", "none/none", "b/file/k"):
        assert storage.remove(path, only_if=None), path
        assert storage.remove(path, only_if=Fingerprint(size=1, stamp="1")), path


async def test_a_folder_is_not_removed_as_a_path(storage: Storage) -> None:
    await storage.write("b/dir/k", body(b"x"), size=1)
    assert not storage.remove("b/dir", only_if=None)
    assert not storage.remove("b", only_if=None)
    assert await paths(storage) == ["b/dir/k"]


async def test_folders(storage: Storage) -> None:
    assert storage.folders() == []
    for name in ("b", "a.b", "a", "é"):
        storage.make_folder(name)
        storage.make_folder(name)
    await storage.write("file", body(b"x"), size=1)
    await storage.write("c/k", body(b"x"), size=1)
    await storage.write(".s3front/o/aa/x", body(b"x"), size=1)
    assert storage.folders() == ["a", "a.b", "b", "c", "é"]
    storage.drop_folder("a")
    storage.drop_folder("c")
    storage.drop_folder("none")
    assert storage.folders() == ["a.b", "b", "c", "é"]
    for name in ("", ".", "..", "a/b", ".s3front", ".S3FRONT", "x" * 256, "\0"):
        with pytest.raises(NameRefused):
            storage.make_folder(name)
        with pytest.raises(NameRefused):
            storage.drop_folder(name)
    with pytest.raises(NameRefused):
        storage.make_folder("file")


async def test_a_staged_name_is_new(storage: Storage) -> None:
    await sealed(storage, "put-1", b"first")
    again = storage.stage("put-1")
    with pytest.raises(NameRefused):
        await again.write(b"second")
    await again.discard()
    assert await drained(await storage.staged("put-1")) == b"first"


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b", "a b", "é", "x" * 201, "a\0", "a\n"])
async def test_what_is_no_staged_name_is_refused(storage: Storage, name: str) -> None:
    with pytest.raises(NameRefused):
        storage.stage(name)
    with pytest.raises(NameRefused):
        await storage.staged(name)
    with pytest.raises(NameRefused):
        storage.place(name, "b/k")
    with pytest.raises(NameRefused):
        storage.drop_staged(name)
    with pytest.raises(NameRefused):
        storage.staged_description(name)


async def test_staging_does_nothing_before_it_is_awaited(storage: Storage) -> None:
    storage.stage("put-1")
    assert storage.staged_names() == []


async def test_an_empty_object_is_sealed(storage: Storage) -> None:
    fingerprint = await storage.stage("put-1").seal(lambda _: b"about", size=0)
    assert fingerprint.size == 0
    assert storage.staged_names() == ["put-1"]
    assert storage.staged_description("put-1") == b"about"


@pytest.mark.parametrize("data", [b"", b"data", LONG, LONG * 2], ids=len)
async def test_discarded_bytes_are_gone(storage: Storage, data: bytes) -> None:
    staged = storage.stage("put-1")
    await staged.write(data)
    await staged.discard()
    await staged.discard()
    assert storage.staged_names() == []
    for ended in (staged.write(b"x"), staged.keep(), staged.seal(lambda _: b"")):
        with pytest.raises(Unsupported):
            await ended


async def test_discarding_after_sealing_removes_the_bytes(storage: Storage) -> None:
    staged = storage.stage("put-1")
    await staged.write(b"data")
    await staged.seal(lambda _: b"about")
    await staged.discard()
    assert storage.staged_names() == []


@pytest.mark.parametrize("about", [b"about", b"x" * 9000], ids=len)
async def test_discarding_after_placing_leaves_what_was_placed(
    storage: Storage, about: bytes
) -> None:
    staged = storage.stage("put-1")
    await staged.write(b"data")
    await staged.seal(lambda _: about)
    assert storage.place("put-1", "b/k")
    await staged.discard()
    assert await bytes_at(storage, "b/k") == b"data"
    assert (await storage.stat("b/k")).description == about


async def test_sealing_cuts_to_size_and_refuses_less(storage: Storage) -> None:
    staged = storage.stage("put-1")
    await staged.write(b"0123456789")
    fingerprint = await staged.seal(lambda _: b"about", size=4)
    assert fingerprint.size == 4
    assert await drained(await storage.staged("put-1", only_if=fingerprint)) == b"0123"

    short = storage.stage("put-2")
    await short.write(b"0123")
    with pytest.raises(Damaged):
        await short.seal(lambda _: b"about", size=5)
    assert storage.staged_names() == ["put-1"]


async def test_a_describe_that_fails_leaves_nothing(storage: Storage) -> None:
    def failing(_: Fingerprint) -> bytes:
        raise ZeroDivisionError

    staged = storage.stage("put-1")
    await staged.write(b"data")
    with pytest.raises(ZeroDivisionError):
        await staged.seal(failing)
    assert storage.staged_names() == []


async def test_a_cancelled_seal_leaves_nothing_or_all(storage: Storage) -> None:
    for turns in range(1, 8):
        staged = storage.stage("put-1")
        await staged.write(LONG)
        sealing = asyncio.create_task(staged.seal(lambda _: b"x" * 9000))
        for _ in range(turns):
            await asyncio.sleep(0)
        sealing.cancel()
        try:
            await sealing
        except asyncio.CancelledError:
            assert storage.staged_names() == []
        else:
            assert storage.staged_description("put-1") == b"x" * 9000
            await staged.discard()


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancelled_write_leaves_nothing_once_discarded(
    storage: Storage, turns: int
) -> None:
    async def fill() -> None:
        for _ in range(8):
            await staged.write(LONG)
            await asyncio.sleep(0)

    staged = storage.stage("put-1")
    filling = asyncio.create_task(fill())
    for _ in range(turns):
        await asyncio.sleep(0)
    filling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await filling
    await staged.discard()
    assert storage.staged_names() == []


async def test_dropping_staged_bytes(storage: Storage) -> None:
    await sealed(storage, "put-1", b"data", b"x" * 9000)
    storage.drop_staged("put-1")
    storage.drop_staged("put-1")
    assert storage.staged_names() == []
    assert storage.staged_description("put-1") is None


async def test_kept_parts_are_read_and_copied(storage: Storage) -> None:
    for number, data in enumerate((LONG, b"", b"end")):
        part = storage.stage(f"part-{number}")
        await part.write(data)
        assert await part.keep() == len(data)
        assert storage.staged_description(f"part-{number}") is None
    whole = storage.stage("put-1")
    await whole.write(b"begin")
    for number in range(3):
        content = await storage.staged(f"part-{number}")
        await whole.copy(content)
        await content.aclose()
    fingerprint = await whole.seal(lambda _: b"about", size=5 + len(LONG) + 3)
    read = await drained(await storage.staged("put-1", only_if=fingerprint))
    assert read == b"begin" + LONG + b"end"


@pytest.mark.needs(Can.KERNEL_COPY)
async def test_copying_in_the_kernel_holds_the_same_bytes(storage: Storage) -> None:
    await sealed(storage, "put-1", LONG * 3)
    staged = storage.stage("put-2")
    source = await storage.staged("put-1")
    await staged.copy(source)
    await source.aclose()
    await staged.seal(lambda _: b"", size=3 * len(LONG))
    assert await drained(await storage.staged("put-2")) == LONG * 3


async def test_a_range_is_copied(storage: Storage) -> None:
    await storage.write("b/k", body(LONG), size=len(LONG))
    staged = storage.stage("put-1")
    source = await storage.read("b/k", first=7, last=PIECE + 9)
    await staged.copy(source)
    await source.aclose()
    assert await staged.keep() == PIECE + 3
    assert await drained(await storage.staged("put-1")) == LONG[7 : PIECE + 10]


async def test_a_foreign_reading_is_copied(storage: Storage) -> None:
    class Foreign(Content):
        first = 0
        length = 6

        async def chunks(self) -> AsyncIterator[bytes]:
            yield b"for"
            yield b"ign"

        async def aclose(self) -> None: ...

    staged = storage.stage("put-1")
    await staged.copy(Foreign())
    assert await staged.keep() == 6
    assert await drained(await storage.staged("put-1")) == b"forign"


@pytest.mark.needs(Can.PARTS_IN_PLACE)
async def test_parts_are_written_in_place_in_any_order_at_once(storage: Storage) -> None:
    size = 150_000
    parts = [bytes([n + 1]) * size for n in range(6)] + [b"last"]

    async def write(number: int) -> None:
        part = storage.stage("upload-1", offset=number * size, exclusive=False)
        data = parts[number]
        for at in range(0, len(data), 50_000):
            await part.write(data[at : at + 50_000])
        assert await part.keep() == len(data)

    order = list(range(len(parts)))
    random.Random(7).shuffle(order)
    await asyncio.gather(*(write(number) for number in order))
    whole = b"".join(parts)
    content = await storage.staged("upload-1", first=size, last=2 * size - 1)
    assert await drained(content) == parts[1]
    sealing = storage.stage("upload-1", exclusive=False)
    fingerprint = await sealing.seal(lambda _: b"about", size=len(whole))
    assert storage.place("upload-1", "b/k")
    assert await drained(await storage.read("b/k", only_if=fingerprint)) == whole
    assert (await storage.stat("b/k")).description == b"about"


@pytest.mark.needs(Can.PARTS_IN_PLACE)
async def test_a_part_in_place_leaves_a_hole_of_zeros(storage: Storage) -> None:
    part = storage.stage("upload-1", offset=100_000, exclusive=False)
    await part.write(b"end")
    await part.keep()
    assert await drained(await storage.staged("upload-1")) == bytes(100_000) + b"end"


@pytest.mark.needs(Can.PARTS_IN_PLACE)
async def test_discarding_one_part_in_place_leaves_the_others(storage: Storage) -> None:
    kept = storage.stage("upload-1", exclusive=False)
    await kept.write(b"kept")
    await kept.keep()
    failed = storage.stage("upload-1", offset=4, exclusive=False)
    await failed.write(b"failed")
    await failed.discard()
    assert await drained(await storage.staged("upload-1", last=3)) == b"kept"
    short = storage.stage("upload-1", exclusive=False)
    with pytest.raises(Damaged):
        await short.seal(lambda _: b"", size=1000)
    assert storage.staged_names() == ["upload-1"]


@pytest.mark.needs(Can.PARTS_IN_PLACE)
async def test_a_late_part_voids_the_description(storage: Storage) -> None:
    fingerprint = await sealed(storage, "upload-1", b"0123")
    late = storage.stage("upload-1", offset=0, exclusive=False)
    await late.write(b"x")
    await late.keep()
    assert storage.staged_description("upload-1") is None
    with pytest.raises(Damaged):
        await storage.staged("upload-1", only_if=fingerprint)


@pytest.mark.needs(Can.PARTS_IN_PLACE)
async def test_nothing_staged_cannot_be_sealed_in_place(storage: Storage) -> None:
    with pytest.raises(NotFound):
        await storage.stage("upload-none", exclusive=False).seal(lambda _: b"", size=0)
    assert storage.staged_names() == []


async def test_data_of_any_buffer_is_written(storage: Storage) -> None:
    staged = storage.stage("put-1")
    await staged.write(bytearray(b"ab"))
    await staged.write(memoryview(b"xcdx")[1:3])
    assert await staged.keep() == 4
    assert await drained(await storage.staged("put-1")) == b"abcd"
