"""A mirror of members that fail, lose answers, answer late and come back, against a dictionary."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from backends.cache.sizes import LEAST
from backends.errors import Damaged, Exists, NotFound, Unavailable
from backends.interface import Fingerprint, Storage, Stored
from backends.layers.caching import Caching
from backends.mirror.breaker import Breaker
from backends.mirror.finishing import DOUBT_S
from backends.mirror.ledger import State
from backends.mirror.marking import generation_of
from backends.mirror.meeting import MARK
from backends.mirror.repairing import Repaired
from backends.mirror.storage import Mirror
from backends.remote_memory import AS_S3, S3_LIMITS, RemoteMemoryStorage
from gateway.catalog.sqlite.mirrors import SqliteMirrorLedger
from tests.backends.making import body, bytes_at, drained, paths
from tests.backends.mirror.members import Faulty, Time

_T = TypeVar("_T")
MODES = ("up", "down", "loses answers", "answers late", "forgets")
PATHS = st.sampled_from(["b/one", "b/two", ".s3front/o/aa/three"])
NAMES = st.sampled_from(["nas", "cloud", "far"])
SIZES = st.sampled_from([0, 1, 1, 300_000])


class AnyOrder(RuleBasedStateMachine):
    copies = True

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.time = Time()
        self.number = 0
        self.members = {
            name: Faulty(RemoteMemoryStorage(AS_S3, S3_LIMITS)) for name in ("nas", "cloud", "far")
        }
        self.mirror = Mirror(
            self.members,
            SqliteMirrorLedger(None, process="p", now_ns=self.time.ns),
            copies=self.copies,
            breaker=lambda: Breaker(clock=self.time),
        )
        self.storage = self.around(self.mirror)
        """What is asked: the mirror, or what is around it."""
        self.versions: dict[tuple[str, Fingerprint], bytes] = {}
        """All that was ever seen under a path."""
        self.acknowledged: dict[str, bytes] = {}
        self.fingerprints: dict[str, str] = {}
        self.possible: dict[str, list[bytes]] = {}
        """What failed writes wanted: each may have replaced what was acknowledged before."""
        self.lost: set[str] = set()
        """What may be nowhere any more, since a member was set back that alone had it."""
        self.is_set_back = False
        self.has_forgotten = False
        """Some member has said that it has not what it has."""

    def around(self, mirror: Mirror) -> Storage:
        return mirror

    def run(self, act: Awaitable[_T]) -> _T:
        async def awaited() -> _T:
            return await act

        return self.runner.run(awaited())

    def unlike_others(self, size: int) -> bytes:
        """As no others are, if there are any."""
        self.number += 1
        return bytes([self.number % 256]) * size

    @initialize()
    def open(self) -> None:
        self.run(self.storage.open())

    @rule(path=PATHS, size=SIZES, create=st.booleans())
    def write(self, path: str, size: int, create: bool) -> None:
        self.run(self._write(path, self.unlike_others(size), create=create))

    async def _write(self, path: str, data: bytes, *, create: bool) -> None:
        pieces = body(data[:100_000], data[100_000:])
        try:
            stored = await self.storage.write(path, pieces, size=len(data), create=create)
        except Exists:
            assert create
            assert path in self.acknowledged or self.is_set_back  # some of ours is left there
        except Unavailable:
            self._failed(path, data)
        else:
            assert not (create and path in self.acknowledged)
            self._acknowledged(path, data, stored)

    def _acknowledged(self, path: str, data: bytes, stored: Stored) -> None:
        self.acknowledged[path] = data
        self.versions[path, stored.fingerprint] = data
        self.fingerprints[path] = stored.fingerprint.stamp
        self.possible.pop(path, None)
        self.lost.discard(path)

    def _failed(self, path: str, data: bytes) -> None:
        if path in self.acknowledged:
            self.possible.setdefault(path, []).append(data)

    @rule(path=PATHS)
    def delete(self, path: str) -> None:
        self.run(self.storage.delete(path))
        self.acknowledged.pop(path, None)
        self.fingerprints.pop(path, None)
        self.possible.pop(path, None)
        self.lost.discard(path)

    @rule(source=PATHS, path=PATHS)
    def copy(self, source: str, path: str) -> None:
        if source != path and source in self.acknowledged:
            self.run(self._copy(source, path))

    async def _copy(self, source: str, path: str) -> None:
        try:
            of = (await self.mirror.stat(source)).fingerprint
            data = await bytes_at(self.mirror, source)
        except (NotFound, Damaged, Unavailable):
            return
        try:
            stored = await self.storage.copy(source, path, only_if=of)
        except (NotFound, Unavailable, Damaged):
            self._failed(path, data)
        else:
            self._acknowledged(path, data, stored)

    @rule(path=PATHS, size=SIZES)
    def upload(self, path: str, size: int) -> None:
        self.run(self._upload(path, self.unlike_others(size)))

    async def _upload(self, path: str, data: bytes) -> None:
        try:
            upload = await self.storage.begin_parts(path)
            tag = await self.storage.write_part(path, upload, 1, body(data), size=len(data))
        except Unavailable:
            return
        try:
            stored = await self.storage.complete_parts(path, upload, [(1, tag)])
        except Unavailable:
            self._failed(path, data)
        else:
            self._acknowledged(path, data, stored)

    @rule(name=NAMES, mode=st.sampled_from(MODES))
    def become(self, name: str, mode: str) -> None:
        member = self.members[name]
        member.mode = mode
        self.has_forgotten |= mode == "forgets"

    @rule(name=NAMES)
    def arrive(self, name: str) -> None:
        self.run(self.members[name].arrive())

    @rule(seconds=st.sampled_from([1, 6, 70]))
    def wait(self, seconds: int) -> None:
        """What is late arrives before doubts end, as they are long enough for."""
        self.time.now_s += seconds

    @rule()
    def doubts_end(self) -> None:
        for member in self.members.values():
            self.run(member.arrive())
        self.time.now_s += DOUBT_S + 1

    @rule()
    def repair(self) -> None:
        self.run(self.mirror.repairs.round())

    @rule(path=PATHS)
    def read(self, path: str) -> None:
        self.run(self._read(path))

    async def _read(self, path: str) -> None:
        entry = await self.mirror.ledger.find(path)
        held = path in self.acknowledged and any(
            copy.state is State.CURRENT and self.members[name].mode != "down"
            for name, copy in (entry.copies if entry else {}).items()
        )
        rests = set(self.mirror.resting())
        try:
            stored = await self.mirror.stat(path)
            data = await self.bytes_of(path, stored.fingerprint)
        except NotFound:
            assert path not in self.acknowledged or await self._may_be_told_lost(path)
        except Damaged:
            assert await self._may_be_told_lost(path)
        except Unavailable:
            assert not held or rests or await self._may_be_told_lost(path)
        else:
            is_known = stored.fingerprint.stamp == self.fingerprints.get(path)
            if not is_known and data in self.possible.get(path, []):
                self._acknowledged(path, data, stored)
            assert data == self.acknowledged.get(path)
            assert stored.fingerprint.stamp == self.fingerprints[path]

    async def _may_be_told_lost(self, path: str) -> bool:
        """Because it is; or by a member that forgets, if it alone has it, until it is looked at again."""
        if path in self.lost or any(one.mode == "forgets" for one in self.members.values()):
            return True
        entry = await self.mirror.ledger.find(path)
        copies = entry.copies.values() if entry else ()
        return self.has_forgotten and all(copy.fingerprint is None for copy in copies)

    async def bytes_of(self, path: str, of: Fingerprint) -> bytes:
        return await drained(await self.storage.read(path, only_if=of))

    @rule(path=PATHS)
    def read_every_version(self, path: str) -> None:
        """What it was once: these bytes, or none."""
        self.run(self._read_every_version(path))

    async def _read_every_version(self, path: str) -> None:
        for (at, of), data in self.versions.items():
            if at == path:
                try:
                    found = await self.bytes_of(path, of)
                except (NotFound, Damaged, Unavailable):
                    continue
                assert found == data

    @invariant()
    def listed(self) -> None:
        async def listed() -> list[str]:
            return [*await paths(self.storage, ".s3front/"), *await paths(self.storage)]

        assert self.run(listed()) == sorted(self.acknowledged)

    async def _look_at_all(self) -> None:
        """Where members are set back."""

    def teardown(self) -> None:
        try:
            self.run(self._rest())
        finally:
            self.run(self.storage.aclose())
            self.runner.close()

    async def _rest(self) -> None:
        """When all are well again and nothing is left to do, all are equal."""
        for member in self.members.values():
            member.mode = "up"
            await member.arrive()
        for path in list(self.lost):
            await self.mirror.delete(path)
            self.acknowledged.pop(path)
        if self.is_set_back:
            await self._look_at_all()
        done = Repaired()
        for _ in range(100):
            self.time.now_s += DOUBT_S + 400
            await self.mirror.repairs.knock()
            done = await self.mirror.repairs.round()
            if not (await self.mirror.ledger.backlog()).waiting:
                break
        else:
            raise AssertionError(done)
        for path in list(self.acknowledged):
            await self._read(path)
        held = [await _held(member.inner) for member in self.members.values()]
        if self.is_set_back:
            assert [{p: one.get(p) for p in self.acknowledged} for one in held] == [
                self.acknowledged
            ] * len(held)
        elif self.copies:
            assert held == [self.acknowledged] * len(held)
        else:
            together = {path: data for one in held for path, data in one.items()}
            assert together == self.acknowledged
            assert sum(map(len, held)) == len(together)


async def _held(storage: Storage) -> dict[str, bytes]:
    found = [*await paths(storage), *await paths(storage, ".s3front/")]
    return {path: await bytes_at(storage, path) for path in found if path != MARK}


class AnyOrderWithoutCopies(AnyOrder):
    copies = False


class AnyOrderSetBack(AnyOrder):
    """Members come back with what they had at another time."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, dict[str, Any]] = {}

    @rule(name=NAMES)
    def keep(self, name: str) -> None:
        self.kept[name] = dict(self.inner(name)._paths)

    @rule(name=NAMES)
    def set_back(self, name: str) -> None:
        if name in self.kept:
            self.inner(name)._paths = dict(self.kept[name])
            self.is_set_back = True
            self.run(self._note_what_is_lost())

    def inner(self, name: str) -> RemoteMemoryStorage:
        inner = self.members[name].inner
        assert isinstance(inner, RemoteMemoryStorage)
        return inner

    async def _note_what_is_lost(self) -> None:
        for path in self.acknowledged:
            entry = await self.mirror.ledger.find(path)
            assert entry is not None
            generations = {await _generation(self.inner(name), path) for name in self.members}
            if entry.generation not in generations:
                self.lost.add(path)

    async def _look_at_all(self) -> None:
        self.time.now_s += 400
        await self.mirror.repairs.knock()
        for _ in range(4):  # names of others and of ours, and the end of each
            await self.mirror.looking.some(100)


async def _generation(storage: Storage, path: str) -> int | None:
    try:
        return generation_of(await storage.stat(path))
    except NotFound:
        return None


class AnyOrderCached(AnyOrder):
    """Also what is in the cache is of the version that is asked for."""

    def around(self, mirror: Mirror) -> Storage:
        self.folder = TemporaryDirectory()
        cached = Caching(mirror, Path(self.folder.name) / "cache", LEAST, complain=pytest.fail)
        mirror.declared = cached.declare_anew
        self.cached = cached
        return cached

    async def bytes_of(self, path: str, of: Fingerprint) -> bytes:
        read = await super().bytes_of(path, of)
        await self.cached.cache.settled()
        again = await self.cached.read(path, only_if=of)
        assert await drained(again) == read
        return read

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.folder.cleanup()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrderSetBack = AnyOrderSetBack.TestCase
TestAnyOrderSetBack.settings = settings(max_examples=25, stateful_step_count=30)
TestAnyOrderCached = AnyOrderCached.TestCase
TestAnyOrderCached.settings = settings(max_examples=6, stateful_step_count=30)
TestAnyOrderWithoutCopies = AnyOrderWithoutCopies.TestCase
TestAnyOrder.settings = settings(max_examples=40, stateful_step_count=30)
TestAnyOrderWithoutCopies.settings = settings(max_examples=25, stateful_step_count=30)
