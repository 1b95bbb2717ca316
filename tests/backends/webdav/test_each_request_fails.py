"""Each request of each verb fails once, in each way: what is told is so, and nothing is torn or lost."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count

import pytest
from aiohttp import web

from backends.errors import StorageError, Throttled, Unavailable
from backends.interface import Fingerprint
from backends.webdav.dialect import Dialect
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body, bytes_at, paths
from tests.backends.webdav.lying import Lying, lying
from tests.backends.webdav.opening import HONEST, opened, over

OLD, NEW, OTHER = b"the old bytes", b"the new bytes", b"those of another"
Act = Callable[[WebDavStorage, str, Fingerprint], Awaitable[object]]


async def overwrite(storage: WebDavStorage, at: str, _of: Fingerprint) -> object:
    about = _about(storage)
    return await storage.write(f"{at}/old", body(NEW), size=len(NEW), description=about)


async def create(storage: WebDavStorage, at: str, _of: Fingerprint) -> object:
    return await storage.write(f"{at}/d/new", body(NEW), size=len(NEW), create=True)


async def copy(storage: WebDavStorage, at: str, of: Fingerprint) -> object:
    return await storage.copy(f"{at}/old", f"{at}/d/new", only_if=of)


async def copy_over(storage: WebDavStorage, at: str, of: Fingerprint) -> object:
    return await storage.copy(f"{at}/old", f"{at}/other", only_if=of)


async def move(storage: WebDavStorage, at: str, of: Fingerprint) -> object:
    return await storage.move(f"{at}/old", f"{at}/d/new", only_if=of)


async def delete(storage: WebDavStorage, at: str, _of: Fingerprint) -> object:
    await storage.delete(f"{at}/old")
    return None


async def stat(storage: WebDavStorage, at: str, of: Fingerprint) -> object:
    stored = await storage.stat(f"{at}/old")
    assert stored.fingerprint == of
    assert stored.description == _about(storage)
    return stored


async def read(storage: WebDavStorage, at: str, _of: Fingerprint) -> object:
    data = await bytes_at(storage, f"{at}/old")
    assert data == OLD
    return data


async def walk(storage: WebDavStorage, at: str, _of: Fingerprint) -> object:
    found = await paths(storage, f"{at}/")
    assert found == [f"{at}/old", f"{at}/other"]
    return found


BEFORE = {"old": OLD, "other": OTHER}
ACTS: dict[str, tuple[Act, dict[str, bytes]]] = {
    "overwrite": (overwrite, {**BEFORE, "old": NEW}),
    "create": (create, {**BEFORE, "d/new": NEW}),
    "copy": (copy, {**BEFORE, "d/new": OLD}),
    "copy over": (copy_over, {"old": OLD, "other": OLD}),
    "move": (move, {"d/new": OLD, "other": OTHER}),
    "delete": (delete, {"other": OTHER}),
    "stat": (stat, BEFORE),
    "read": (read, BEFORE),
    "list": (walk, BEFORE),
}
FAULTS = ("cut before", "cut after", "done and 500", "403", "404", "504")


class Nth:
    """A lie about one request, the nth from when it was told."""

    def __init__(self, server: Lying, nth: int, fault: str) -> None:
        self._server = server
        self._left = nth
        self.fault = fault
        self.came = False

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        self._left -= 1
        if self._left != -1:
            return None
        self.came = True
        if self.fault in {"cut after", "done and 500"}:
            await self._server.honest(request)
        if self.fault.startswith("cut"):
            assert request.transport is not None
            request.transport.abort()
        number = self.fault.rpartition(" ")[2]
        return web.Response(status=int(number) if number.isdigit() else 500)


def kept(server: Lying, at: str) -> dict[str, bytes]:
    """What is stored in a folder."""
    return {path[len(at) + 1 :]: server.files[path].data for path in server.below(at)}


def _about(storage: WebDavStorage) -> bytes | None:
    return b"about" if storage.limits.max_description else None


DIALECTS = {
    "properties": HONEST,
    "beside": replace(HONEST, properties=False, spares_folders=False),
    "nowhere": replace(HONEST, properties=False, renames=False, spares_folders=False),
}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())
@pytest.mark.parametrize("name", ACTS)
async def test_each_request_fails_in_each_way(name: str, dialect: Dialect) -> None:
    act, after = ACTS[name]
    if not dialect.renames and name in {"create", "move"}:
        act, after = ACTS["copy"]
    requests = 0
    async with lying() as server, opened(over(server, dialect=dialect)) as storage:
        for fault in FAULTS:
            for number in count():
                nth = Nth(server, number, fault)
                at = f"b-{fault.replace(' ', '-')}-{number}"
                await _fails(server, storage, at, act=act, after=after, nth=nth)
                if not nth.came:
                    break
                requests += 1
    assert requests >= len(FAULTS)


async def _fails(
    server: Lying,
    storage: WebDavStorage,
    at: str,
    *,
    act: Act,
    after: dict[str, bytes],
    nth: Nth,
) -> None:
    about = _about(storage)
    written = await storage.write(f"{at}/old", body(OLD), size=len(OLD), description=about)
    await storage.write(f"{at}/other", body(OTHER), size=len(OTHER))
    server.lies.append(nth)
    outcome: object = None
    try:
        await act(storage, at, written.fingerprint)
    except (StorageError, AssertionError) as error:
        outcome = error
    server.lies.clear()
    match outcome:
        case Unavailable() | Throttled():
            # Not known: done or not, but nothing between.
            assert kept(server, at) in (BEFORE, after)
        case StorageError():
            assert kept(server, at) == BEFORE
        case None if nth.fault != "404":
            assert kept(server, at) == after
        case _:
            # That nothing is there is to be believed, by a listing too.
            assert nth.fault == "404"
            assert kept(server, at) in (BEFORE, after)
    there = kept(server, at)
    assert await paths(storage, f"{at}/") == sorted(f"{at}/{path}" for path in there)
    for path, data in there.items():
        assert await bytes_at(storage, f"{at}/{path}") == data
        stored = await storage.stat(f"{at}/{path}")
        assert not stored.description_damaged
        assert stored.description in {None, about}
