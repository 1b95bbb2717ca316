"""What is tried again, how often and after which pause."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest

from backends.errors import (
    Damaged,
    Denied,
    Exists,
    Full,
    NotFound,
    StorageError,
    Throttled,
    Unavailable,
)
from backends.interface import PIECE, Fingerprint
from backends.layers.retrying import Patience, Retrying
from tests.backends.layers.flaky import ACTS, DATA, Flaky, flaky
from tests.backends.making import body, bytes_at, drained, paths

REPEATED = sorted(ACTS.keys() - {"begin_parts"})


class Pauses:
    """A clock that goes on only in pauses."""

    def __init__(self) -> None:
        self.of: list[float] = []
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.of.append(seconds)
        self.now += seconds


async def retrying(
    patience: Patience | None = None,
) -> tuple[Retrying, Flaky, Fingerprint, str, Pauses]:
    inner, of, upload = await flaky()
    pauses = Pauses()
    storage = Retrying(
        inner, patience, sleep=pauses.sleep, clock=lambda: pauses.now, chance=lambda: 0.5
    )
    return storage, inner, of, upload, pauses


@pytest.mark.parametrize("verb", REPEATED)
async def test_what_fails_in_passing_succeeds(verb: str) -> None:
    storage, inner, of, upload, pauses = await retrying()
    inner.errors.extend([Unavailable("a"), Throttled("b", after_s=3), Unavailable("c")])
    await ACTS[verb](storage, of, upload)
    assert inner.calls[verb] == 4
    assert pauses.of == [0.1, 3 + 0.2, 0.4]


@pytest.mark.parametrize("verb", REPEATED)
async def test_what_goes_on_failing_is_given_up(verb: str) -> None:
    storage, inner, of, upload, pauses = await retrying()
    errors = [Unavailable(str(n)) for n in range(9)]
    inner.errors.extend(errors)
    with pytest.raises(Unavailable, match="3"):
        await ACTS[verb](storage, of, upload)
    assert inner.calls[verb] == 4
    assert len(pauses.of) == 3


@pytest.mark.parametrize("error", [NotFound, Exists, Denied, Full, Damaged, ConnectionResetError])
@pytest.mark.parametrize("verb", ACTS)
async def test_what_stays_wrong_is_not_tried_again(verb: str, error: type[Exception]) -> None:
    storage, inner, of, upload, pauses = await retrying()
    inner.errors.append(error("no"))
    with pytest.raises(error):
        await ACTS[verb](storage, of, upload)
    assert inner.calls[verb] == 1
    assert pauses.of == []


@pytest.mark.parametrize("verb", ["write", "copy", "complete_parts"])
@pytest.mark.parametrize("error", [Denied, Full, Damaged])
async def test_what_is_refused_in_the_end_may_have_been_done_before(
    verb: str, error: type[StorageError]
) -> None:
    storage, inner, of, upload, _ = await retrying()
    inner.errors.extend([Unavailable("lost"), error("no")])
    with pytest.raises(Unavailable, match="before"):
        await ACTS[verb](storage, of, upload)
    inner.errors.extend([Unavailable("lost"), NotFound("no such upload")])
    with pytest.raises(NotFound if verb == "complete_parts" else Unavailable):
        await ACTS[verb](storage, of, upload)
    inner.errors.extend([Unavailable("lost"), error("no")])
    with pytest.raises(error):
        await storage.stat("b/k")


async def test_what_is_not_safe_is_done_once() -> None:
    storage, inner, of, upload, _ = await retrying()
    unsafe: Mapping[str, Callable[[], Awaitable[object]]] = {
        "begin_parts": lambda: storage.begin_parts("b/new"),
        "write": lambda: storage.write("b/new", body(b"data"), size=4, create=True),
        "copy": lambda: storage.copy("b/k", "b/new", only_if=of, create=True),
        "complete_parts": lambda: storage.complete_parts("b/new", upload, [(1, "x")], create=True),
        "write_part": lambda: storage.write_part("b/new", upload, 1, large(), size=PIECE + 1),
    }
    for verb, act in unsafe.items():
        inner.errors.append(Unavailable("once"))
        with pytest.raises(Unavailable):
            await act()
        assert inner.calls[verb] == 1
    inner.errors.append(Unavailable("once"))
    with pytest.raises(Unavailable):
        await storage.write("b/new", large(), size=PIECE + 1)
    assert inner.calls["write"] == 2


async def large() -> AsyncIterator[bytes]:
    yield bytes(PIECE)
    yield b"x"


async def test_a_move_is_done_once() -> None:
    inner, of, _ = await flaky(as_webdav=True)
    storage = Retrying(inner, sleep=Pauses().sleep)
    inner.errors.append(Unavailable("once"))
    with pytest.raises(Unavailable):
        await storage.move("b/k", "b/new", only_if=of)
    assert inner.calls["move"] == 1


async def test_a_body_of_the_wrong_size_is_not_tried_again() -> None:
    storage, inner, *_ = await retrying()
    for size in (3, 5):
        with pytest.raises(Damaged):
            await storage.write("b/new", body(b"da", b"ta"), size=size)
    assert inner.calls["write"] == 2
    assert await paths(storage) == ["b/k"]


async def test_a_pause_that_is_too_long_is_not_made() -> None:
    storage, inner, _, _, pauses = await retrying()
    inner.errors.append(Throttled("later", after_s=600))
    with pytest.raises(Throttled):
        await storage.stat("b/k")
    assert pauses.of == []


async def test_nothing_is_tried_again_when_whoever_asked_has_given_up() -> None:
    storage, inner, _, _, pauses = await retrying(Patience(within_s=5))
    inner.errors.extend([Throttled("slow", after_s=4), Throttled("slow", after_s=4)])
    inner.errors.append(Unavailable("third"))
    with pytest.raises(Unavailable, match="third"):
        await storage.stat("b/k")
    assert pauses.of == [4.1, 4.2]


async def test_a_reading_of_what_is_gone_is_damaged() -> None:
    storage, inner, *_ = await retrying()
    content = await storage.read("b/k")
    await inner.inner.delete("b/k")
    inner.breaks.append(Unavailable("cut"))
    with pytest.raises(Damaged):
        await drained(content)


async def test_all_together_ask_a_storage_that_is_down_little_more_often() -> None:
    storage, inner, _, _, pauses = await retrying(Patience(budget=5, refund=0.5))
    inner.errors.extend(Unavailable("down") for _ in range(200))
    for _ in range(100):
        with pytest.raises(Unavailable):
            await storage.stat("b/k")
    assert len(pauses.of) == 5
    assert inner.calls["stat"] == 105
    inner.errors.clear()
    for _ in range(4):
        await storage.stat("b/k")
    inner.errors.extend(Unavailable("again") for _ in range(9))
    with pytest.raises(Unavailable):
        await storage.stat("b/k")
    assert len(pauses.of) == 7  # what four successes gave back


@pytest.mark.parametrize("error", [Unavailable("cut"), Damaged("ended early")])
async def test_a_reading_goes_on_where_it_broke_off(error: StorageError) -> None:
    storage, inner, *_ = await retrying()
    inner.breaks.extend([error] * 3)
    assert await bytes_at(storage, "b/k") == DATA
    inner.breaks.extend([error] * 2)
    assert await drained(await storage.read("b/k", first=5, last=600_000)) == DATA[5:600_001]
    assert inner.calls["read"] == 4 + 3


async def test_a_reading_does_not_go_on_in_other_bytes() -> None:
    storage, inner, *_ = await retrying()
    content = await storage.read("b/k")
    pieces = content.chunks()
    first = await anext(pieces)
    assert DATA.startswith(first)
    await inner.inner.write("b/k", body(DATA[::-1]), size=len(DATA))
    inner.breaks.append(Unavailable("cut"))
    with pytest.raises(Damaged):
        await anext(pieces)
    await content.aclose()


async def test_a_reading_that_gets_nowhere_is_given_up() -> None:
    storage, inner, *_ = await retrying()
    content = await storage.read("b/k")
    inner.breaks.append(Unavailable("cut"))
    inner.errors.extend(Unavailable("down") for _ in range(9))
    with pytest.raises(Unavailable, match="down"):
        await drained(content)
    assert inner.calls["read"] == 5


async def test_a_listing_goes_on_after_the_path_it_told_last() -> None:
    storage, inner, *_ = await retrying()
    for n in range(5):
        await inner.inner.write(f"b/{n}", body(b"x"), size=1)
    inner.errors.append(Unavailable("first"))
    inner.breaks.extend([Unavailable("cut"), Throttled("cut", after_s=1), Unavailable("cut")])
    assert await paths(storage) == ["b/0", "b/1", "b/2", "b/3", "b/4", "b/k"]
    inner.errors.extend(Unavailable("down") for _ in range(9))
    with pytest.raises(Unavailable):
        await paths(storage)


async def test_a_pause_can_be_cancelled() -> None:
    inner, _, _ = await flaky()
    begun = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        begun.set()
        await asyncio.Event().wait()

    storage = Retrying(inner, sleep=sleep)
    inner.errors.append(Unavailable("a"))
    looking = asyncio.create_task(storage.stat("b/k"))
    await begun.wait()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert inner.calls["stat"] == 1
