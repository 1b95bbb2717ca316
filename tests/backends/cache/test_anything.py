"""Anything, in any order, against a model that is a dictionary: bytes are right or are not had."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from backends.cache.sizes import BLOCK, LEAST
from backends.errors import Damaged, NotFound, Unavailable
from backends.interface import Content, Fingerprint
from backends.layers.caching import Caching
from backends.remote_memory import AS_S3, S3_LIMITS, RemoteMemoryStorage
from tests.backends.cache.shelves import files, taken
from tests.backends.making import body, drained

T = TypeVar("T")
PATHS = st.sampled_from(["b/a", "b/b", "b/c", "b/d", "b/e"])
SIZES = st.sampled_from([0, 1, 70_000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
AT = st.integers(0, 3 * BLOCK + 10) | st.sampled_from([0, BLOCK - 1, BLOCK, BLOCK + 1])


class Upstream(RemoteMemoryStorage):
    is_down = False

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        if self.is_down:
            raise Unavailable("no route")
        return await super().read(path, first=first, last=last, only_if=only_if)


class Anything(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.upstream = Upstream(AS_S3, S3_LIMITS)
        self.there: dict[str, tuple[bytes, Fingerprint]] = {}
        self.before: dict[str, list[Fingerprint]] = {}
        self.complaints: list[str] = []

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(act)

    @initialize()
    def begin(self) -> None:
        self.storage = Caching(
            self.upstream, self.folder / "cache", LEAST, complain=self.complaints.append
        )
        self.run(self.storage.open())

    @rule(path=PATHS, size=SIZES, salt=st.integers(0, 255))
    def write(self, path: str, size: int, salt: int) -> None:
        data = (bytes(range(256)) + bytes([salt])) * (size // 257 + 1)
        data = data[:size]
        stored = self.run(self.storage.write(path, body(data), size=size))
        self.forget(path, stored.fingerprint)
        self.there[path] = data, stored.fingerprint

    @rule(path=PATHS)
    def delete(self, path: str) -> None:
        self.run(self.storage.delete(path))
        self.forget(path, None)

    @rule(source=PATHS, path=PATHS)
    def copy(self, source: str, path: str) -> None:
        if source != path and source in self.there:
            data, of = self.there[source]
            stored = self.run(self.storage.copy(source, path, only_if=of))
            self.forget(path, stored.fingerprint)
            self.there[path] = data, stored.fingerprint

    @rule(path=PATHS, first=AT, length=AT | st.none(), readers=st.sampled_from([1, 1, 3]))
    def read(self, path: str, first: int, length: int | None, readers: int) -> None:
        if path not in self.there:
            return
        data, of = self.there[path]
        last = None if length is None else first + length - 1

        async def read() -> bytes:
            return await drained(await self.storage.read(path, first=first, last=last, only_if=of))

        async def side_by_side() -> list[bytes | BaseException]:
            return await asyncio.gather(*(read() for _ in range(readers)), return_exceptions=True)

        wanted = data[first:] if last is None else data[first : max(first, last + 1)]
        for got in self.run(side_by_side()):
            assert got == wanted or (self.upstream.is_down and isinstance(got, Unavailable)), got

    @rule(path=PATHS)
    def read_what_was(self, path: str) -> None:
        for of in self.before.get(path, []):
            try:
                self.run(self.storage.read(path, only_if=of))
            except (Damaged, NotFound):
                continue
            except Unavailable:
                assert self.upstream.is_down
                continue
            raise AssertionError(f"{of} is served still")

    @rule(path=PATHS, first=AT)
    def read_a_little_and_leave(self, path: str, first: int) -> None:
        if path not in self.there or self.upstream.is_down:
            return
        data, of = self.there[path]

        async def begun() -> bytes | None:
            content = await self.storage.read(path, first=first, only_if=of)
            piece = await anext(content.chunks(), None)
            await content.aclose()
            return piece

        piece = self.run(begun())
        assert data[first:].startswith(piece or b"")
        assert piece or first >= len(data)

    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        self.run(self.storage.cache.settled())
        there = sorted((self.folder / "cache").glob("??/*"))
        if not there:
            return
        file, other = data.draw(st.sampled_from(there)), data.draw(st.sampled_from(there))
        raw = bytearray(file.read_bytes())
        match data.draw(st.sampled_from(["flip", "cut", "empty", "gone", "zero", "other"])):
            case "flip":
                raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
                file.write_bytes(raw)
            case "cut":
                file.write_bytes(raw[: data.draw(st.integers(0, len(raw) - 1))])
            case "empty":
                file.write_bytes(b"")
            case "gone":
                file.unlink()
            case "zero":
                file.write_bytes(bytes(len(raw)))
            case _:
                file.write_bytes(other.read_bytes())

    @rule(settled=st.booleans())
    def restart(self, *, settled: bool) -> None:
        if settled:
            self.run(self.storage.cache.settled())
        self.run(self.storage.aclose())
        self.begin()

    @rule()
    def come_and_go(self) -> None:
        self.upstream.is_down = not self.upstream.is_down

    @precondition(lambda self: hasattr(self, "storage"))
    @invariant()
    def it_takes_no_more_than_it_may(self) -> None:
        assert taken(self.folder) <= LEAST
        assert not self.complaints

    def forget(self, path: str, now: Fingerprint | None) -> None:
        """What is there now is not what was: but the same bytes have the same fingerprint."""
        before = self.before.setdefault(path, [])
        if path in self.there:
            before.append(self.there.pop(path)[1])
        self.before[path] = [of for of in before if of != now]

    def teardown(self) -> None:
        self.run(self.storage.cache.settled())
        self.run(self.storage.aclose())
        assert all(not name.endswith(".new") for name in files(self.folder / "cache"))
        self.runner.close()
        shutil.rmtree(self.folder)


@pytest.mark.timeout(300)
def test_bytes_are_right_or_are_not_had() -> None:
    run_state_machine_as_test(
        Anything,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
