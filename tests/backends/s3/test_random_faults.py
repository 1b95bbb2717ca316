"""Anything is asked of a storage while anything goes wrong: what it tells is always so.

After an error that leaves open what was done, either may be there; after any other nothing has changed.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from backends.errors import Exists, NotFound, StorageError, Throttled, Unavailable
from backends.interface import PIECE, Fingerprint, Storage
from backends.layers.retrying import Retrying
from tests.backends.making import body, bytes_at, paths
from tests.backends.s3.conftest import OLD, Rig
from tests.backends.s3.test_faults import LIES
from tests.faulty_proxy.faults import (
    CutAnswer,
    CutRequest,
    Fault,
    NoAnswer,
    Rewrite,
    Say,
    SayAfter,
)
from tests.seeds import seed

PATHS = ("b/a", "b/k", "c/k")
WRONG_STAMP = "another"
SLOW = Say(503, (("Retry-After", "1"),), b"<Error><Code>SlowDown</Code></Error>")


def where_there_is(header: bytes, lie: Fault) -> Fault:
    """That lie in answers with the header; others are passed on."""
    assert isinstance(lie, Rewrite)

    def change(head: bytes, rest: bytes) -> tuple[bytes, bytes]:
        there = b"\r\n" + header.lower() + b":" in head.lower()
        return lie.change(head, rest) if there else (head, rest)

    return Rewrite(change)


# What is wrong with a length is seen by who knows how long the answer is to be: of a range, that is.
NEEDS = {"other bytes": b"ETag", "no ETag": b"ETag", "two lengths": b"Content-Length"}
TRUE_LIES = [where_there_is(NEEDS.get(name, b"Content-Range"), lie) for name, lie in LIES.items()]

Possible = dict[str, set[bytes | None]]


async def no_pause(_seconds: float) -> None:
    await asyncio.sleep(0)


class Run:
    def __init__(self, rig: Rig, storage: Storage, chance: random.Random) -> None:
        self.rig = rig
        self.storage = storage
        self.chance = chance
        self.may_be: Possible = {path: {None} for path in PATHS}
        self.may_be["b/old"] = {OLD}
        self.known: dict[str, tuple[Fingerprint, bytes]] = {}
        """Fingerprints of what was seen, to be read or copied by."""
        self.outcomes: set[str] = set()

    async def step(self) -> None:
        acts = (
            *(self.write, self.write, self.delete, self.copy, self.upload),
            *(self.read, self.read_range, self.list),
        )
        act = self.chance.choice(acts)
        self.rig.proxy.faults.clear()
        if self.chance.random() < 0.7:
            self.rig.fail(*[self.fault() for _ in range(self.chance.randrange(1, 4))])
        try:
            await act()
            self.outcomes.add(f"{act.__name__} done")
        except StorageError as error:
            self.outcomes.add(f"{act.__name__} {type(error).__name__}")

    def fault(self) -> Fault | None:
        return self.chance.choice(
            [
                *(None, Say(500), SLOW, SayAfter(Say(500)), SayAfter(SLOW), NoAnswer()),
                *(
                    CutRequest(self.chance.randrange(3 * PIECE)),
                    CutAnswer(self.chance.randrange(9)),
                ),
                self.chance.choice(TRUE_LIES),
            ]
        )

    def data(self) -> bytes:
        size = self.chance.choice([0, 1, 9, 1000, 2 * PIECE + 5])
        return self.chance.randbytes(4) * (size // 4) + b"x" * (size % 4)

    async def change(
        self, path: str, data: bytes | None, act: Awaitable[object], *, create: bool = False
    ) -> object:
        """What ``act`` does to ``path`` is known from how it ends."""
        before = self.may_be[path]
        try:
            done = await act
        except (Unavailable, Throttled):
            self.may_be[path] = before | {data}
            raise
        except Exists:
            assert create
            assert before != {None}
            raise
        if create:
            assert None in before
        self.may_be[path] = {data}
        return done

    async def write(self) -> None:
        path, data, create = self.chance.choice(PATHS), self.data(), self.chance.random() < 0.3
        pieces = body(*(data[at : at + PIECE] for at in range(0, len(data), PIECE)))
        act = self.storage.write(path, pieces, size=len(data), create=create)
        await self.change(path, data, act, create=create)

    async def delete(self) -> None:
        path = self.chance.choice(PATHS)
        await self.change(path, None, self.storage.delete(path))

    async def upload(self) -> None:
        path, data = self.chance.choice(PATHS), self.chance.randbytes(9)
        upload = await self.storage.begin_parts(path)
        tag = await self.storage.write_part(path, upload, 1, body(data), size=9)
        try:
            await self.change(path, data, self.storage.complete_parts(path, upload, [(1, tag)]))
        except NotFound:  # an attempt before may have done it
            self.may_be[path] |= {data}
            raise

    async def copy(self) -> None:
        path = self.chance.choice(PATHS)
        sources = sorted(self.known.keys() - {path})
        if sources:
            source = self.chance.choice(sources)
            of, data = self.known[source]
            await self.change(path, data, self.storage.copy(source, path, only_if=of))

    async def read(self) -> None:
        path = self.chance.choice([*PATHS, "b/old"])
        try:
            content = await self.storage.read(path)
        except NotFound:
            assert None in self.may_be[path]
            raise
        try:
            data = b"".join([piece async for piece in content.chunks()])
        finally:
            await content.aclose()
        assert data in self.may_be[path]
        if WRONG_STAMP not in content.stored.fingerprint.stamp:
            self.known[path] = content.stored.fingerprint, data

    async def read_range(self) -> None:
        known = [path for path, (_, data) in sorted(self.known.items()) if data]
        if known:
            path = self.chance.choice(known)
            of, data = self.known[path]
            first = self.chance.randrange(len(data))
            last = self.chance.randrange(first, len(data))
            content = await self.storage.read(path, first=first, last=last, only_if=of)
            try:
                read = b"".join([piece async for piece in content.chunks()])
            finally:
                await content.aclose()
            assert read == data[first : last + 1]

    async def list(self) -> None:
        listed = set(await paths(self.storage))
        self.check_names(listed)

    def check_names(self, listed: set[str]) -> None:
        assert {path for path, may in self.may_be.items() if None not in may} <= listed
        assert listed <= {path for path, may in self.may_be.items() if may != {None}}

    async def settle(self) -> None:
        """What is there in truth is one of what may be; and it is known again."""
        listed = set(await paths(self.rig.straight))
        self.check_names(listed)
        for path in self.may_be:
            there = await bytes_at(self.rig.straight, path) if path in listed else None
            assert there in self.may_be[path]
            self.may_be[path] = {there}


Wrap = Callable[[Storage], Storage]


def once(inner: Storage) -> Storage:
    return inner


def again(inner: Storage) -> Storage:
    return Retrying(inner, sleep=no_pause)


async def run(rig: Rig, wrap: Wrap, steps: int) -> set[str]:
    """How it all ended."""
    run = Run(rig, wrap(rig.storage), random.Random(seed("faults")))
    for number in range(steps):
        await run.step()
        if number % 10 == 0:
            await run.settle()
    await run.settle()
    return run.outcomes


@pytest.mark.parametrize("wrap", [once, again])
async def test_what_is_told_is_so(honest: Rig, wrap: Wrap) -> None:
    outcomes = await run(honest, wrap, 200)
    acts = ("write", "delete", "read", "read_range", "copy", "list", "upload")
    assert {f"{act} done" for act in acts} <= outcomes
    assert {"write Unavailable", "read_range Damaged"} <= outcomes


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("wrap", [once, again])
async def test_what_is_told_is_so_for_long(honest: Rig, wrap: Wrap) -> None:
    await run(honest, wrap, 5000)
