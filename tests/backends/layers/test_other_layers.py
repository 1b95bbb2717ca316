"""What the layers do beyond being storages, which the behaviour suite holds them to."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NoReturn

import pytest

from backends.errors import Denied, NameRefused, Unavailable
from backends.interface import Can, Content, Fingerprint, Storage, Stored
from backends.interface.remote import Remote
from backends.layers import timing
from backends.layers.around import OWN_ROOT, Around
from backends.layers.limiting import Limiting
from backends.layers.metering import Metering
from backends.layers.prefixing import Prefixed
from backends.layers.timing import Timing
from backends.memory import MemoryStorage
from tests.backends.layers.flaky import ACTS, VERBS, Act, flaky
from tests.backends.making import body, bytes_at, paths


def verbs(of: type) -> set[str]:
    return {
        name for name, member in vars(of).items() if inspect.isfunction(member) and name[0] != "_"
    }


def test_every_verb_is_passed_on() -> None:
    """But those of who has a root of his own: ``Staging`` and ``Watching``."""
    own = {"ask", "declare_anew"}
    passed = verbs(Storage) | verbs(Remote)
    assert passed - {"itself", "check_readable"} == verbs(Around) - own
    assert verbs(Around) - own - {"open", "aclose", "check", "about", "tidy"} <= verbs(Prefixed)


class Refusing(Around):
    """Begins nothing, and writes down what it was asked for."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.asked: list[str] = []

    async def ask(self, verb: str, act: Callable[[], Awaitable[object]]) -> NoReturn:
        self.asked.append(verb)
        raise Denied(verb)


@pytest.mark.parametrize("verb", sorted(VERBS))
async def test_every_verb_passes_the_hook_before_it_begins(verb: str) -> None:
    inner, of, upload = await flaky()
    storage = Refusing(inner)
    with pytest.raises(Denied, match=verb):
        await {**ACTS, "move": moved}[verb](storage, of, upload)
    assert storage.asked == [verb]
    assert not inner.calls


def test_what_needs_a_root_is_not_passed_on() -> None:
    storage = Timing(MemoryStorage())
    assert not storage.can & OWN_ROOT
    assert Can.UNSIZED in storage.can


def moved(storage: Storage, of: Fingerprint, _upload: str) -> Awaitable[Stored]:
    return storage.move("b/k", "b/l", only_if=of)


class Stalling(Around):
    """Waits for ever before it does anything."""

    def __getattribute__(self, name: str) -> object:
        found = super().__getattribute__(name)
        if name not in {*ACTS, "move"}:
            return found

        async def called(*_given: object, **_named: object) -> None:
            await asyncio.Event().wait()

        return called

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        await asyncio.Event().wait()
        yield Stored(path="", fingerprint=Fingerprint(size=0, stamp=""), modified_ns=0)


@pytest.mark.parametrize("verb", [*sorted(ACTS), "move", "list"])
async def test_a_storage_that_stalls_is_given_up(verb: str) -> None:
    inner, of, upload = await flaky()
    storage = Timing(Stalling(inner), 0.05, long_seconds=0.05)
    acts: Mapping[str, Act] = {
        **ACTS,
        "list": lambda storage, _of, _upload: paths(storage),
        "move": moved,
        "complete_parts": lambda storage, _, upload: storage.complete_parts("b/new", upload, []),
    }
    with pytest.raises(Unavailable, match=r"0\.05 s"):
        await acts[verb](storage, of, upload)


async def test_a_reading_that_stalls_is_given_up() -> None:
    class Stuck(Content):
        stored = Stored(path="b/k", fingerprint=Fingerprint(size=2, stamp="x"), modified_ns=0)
        first, length = 0, 2

        async def chunks(self) -> AsyncIterator[bytes]:
            yield b"a"
            await asyncio.Event().wait()

        async def aclose(self) -> None:
            pass

    class Storing(Around):
        async def read(self, *_given: object, **_named: object) -> Content:
            return Stuck()

    inner, *_ = await flaky()
    content = await Timing(Storing(inner), 0.05).read("b/k")
    pieces = content.chunks()
    assert await anext(pieces) == b"a"
    with pytest.raises(Unavailable):
        await anext(pieces)


async def test_a_body_that_is_slow_is_waited_for() -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(0.3)
        yield b"b"

    inner, *_ = await flaky()
    storage = Timing(inner, 0.1)
    await storage.write("b/slow", slow(), size=2)
    assert await bytes_at(storage, "b/slow") == b"ab"


async def test_a_storage_is_given_time_for_what_it_does_with_a_large_body(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timing, "COPIED_A_SECOND", 1)

    class PuttingTogether(Around):
        async def write(self, path: str, body: AsyncIterator[bytes], **named: Any) -> Stored:
            stored = await super().write(path, body, **named)
            await asyncio.sleep(0.3)
            return stored

    inner, *_ = await flaky()
    storage = Timing(PuttingTogether(inner), 0.1)
    await storage.write("b/large", body(b"large"), size=5)
    with pytest.raises(Unavailable):
        await storage.write("b/small", body(b""), size=0)


class Counting(Around):
    """Counts how many verbs it is in at once; each leaves others time to come in."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.now = self.most = 0

    async def counted(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(20):
            await asyncio.sleep(0)
        self.now -= 1

    async def stat(self, path: str) -> Stored:
        await self.counted()
        return await super().stat(path)

    async def delete(self, path: str) -> None:
        await self.counted()
        await super().delete(path)


async def test_no_more_are_in_it_at_once() -> None:
    inner, *_ = await flaky()
    counting = Counting(inner)
    storage = Limiting(counting, readings=3, writings=2)
    await asyncio.gather(*(storage.stat("b/k") for _ in range(20)))
    assert counting.most == 3
    counting.most = 0
    await asyncio.gather(*(storage.delete("b/k") for _ in range(20)))
    assert counting.most == 2


async def test_what_is_read_can_be_written_with_the_least_of_limits() -> None:
    inner, *_ = await flaky()
    storage = Limiting(inner, readings=1, writings=1, bodies=1)

    async def copied(path: str) -> None:
        content = await storage.read("b/k")
        await storage.write(path, content.chunks(), size=content.length)
        await content.aclose()

    await asyncio.gather(*(copied(f"b/copy-{n}") for n in range(8)))
    async for stored in storage.list("b/copy-"):
        await storage.delete(stored.path)
    assert await paths(storage) == ["b/k"]


async def test_each_verb_is_told_with_its_time_and_outcome() -> None:
    inner, of, upload = await flaky()
    told: list[tuple[str, float, str]] = []
    times = iter(range(1000))
    storage = Metering(inner, lambda *what: told.append(what), clock=lambda: float(next(times)))
    for verb in ("stat", "read", "write", "copy", "begin_parts", "copy_part", "delete"):
        await ACTS[verb](storage, of, upload)
        assert told.pop() == (verb, 1.0, "ok")
        inner.errors.append(Unavailable("no"))
        with pytest.raises(Unavailable):
            await ACTS[verb](storage, of, upload)
        assert told.pop() == (verb, 1.0, "Unavailable")
    inner.errors.append(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await storage.stat("b/k")
    inner.errors.append(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await storage.stat("b/k")
    await paths(storage)
    assert [outcome for _, _, outcome in told] == ["failed", "cancelled", "ok"]


async def test_what_is_below_a_prefix_is_below_it() -> None:
    inner, *_ = await flaky()
    storage = Prefixed(inner, "team/files")
    await storage.write("b/k", body(b"mine"), size=4)
    await storage.write(".s3front/o/aa/x", body(b"mine"), size=4)
    assert await paths(inner) == ["b/k", "team/files/.s3front/o/aa/x", "team/files/b/k"]
    assert await paths(storage) == ["b/k"]
    assert await paths(storage, ".s3front/") == [".s3front/o/aa/x"]
    assert (await storage.read("b/k")).stored.path == "b/k"
    with pytest.raises(NameRefused):
        await storage.stat("../../b/k")
    with pytest.raises(NameRefused):
        Prefixed(inner, "a//b")
    assert storage.natural("b", "x" * (inner.limits.max_path - len("team/files/b/"))) is not None
    assert storage.natural("b", "x" * (inner.limits.max_path - len("team/files/b/") + 1)) is None
