"""From a name to a connection: which of its addresses, and of whom nothing is asked."""

import asyncio
import socket

import pytest

from backends.http.addresses import AddressRefused
from backends.http.client import Client
from backends.http.connecting import Address, first_of
from backends.http.origin import Origin
from tests.backends.http.answering import answering, reply
from tests.backends.http.scripted import numbered, saying
from tests.backends.http.test_client import client_of, never


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    handle, asked = numbered(saying(reply(200)))
    elsewhere, passed = numbered(saying(reply(200)))
    async with answering(handle) as origin, answering(elsewhere) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, str(proxy))
        async with client_of(origin) as client:
            await (await client.send("GET", "/", {})).aclose()
    assert (asked, passed) == (["1 GET /"], [])


def addresses(*hosts: str) -> list[Address]:
    return [
        (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, 1))
        for host in hosts
    ]


async def test_the_next_address_is_tried_beside_one_that_does_not_answer() -> None:
    dismissed: list[str] = []
    cancelled = []

    async def attempt(address: Address) -> str:
        host = str(address[4][0])
        if host == "1.1.1.1":
            try:
                await never()
            except asyncio.CancelledError:
                cancelled.append(host)
                raise
        return host

    found = await first_of(addresses("1.1.1.1", "2.2.2.2"), attempt, dismiss=dismissed.append)
    assert (found, cancelled, dismissed) == ("2.2.2.2", ["1.1.1.1"], [])


async def test_what_fails_at_once_does_not_wait() -> None:
    tried = []

    async def attempt(address: Address) -> str:
        tried.append(str(address[4][0]))
        if len(tried) < 3:
            raise ConnectionRefusedError(f"no {tried[-1]}")
        return tried[-1]

    hosts = addresses("1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4")
    assert await first_of(hosts, attempt, dismiss=lambda _: None) == "3.3.3.3"
    assert tried == ["1.1.1.1", "2.2.2.2", "3.3.3.3"]


async def test_of_two_that_succeed_at_once_one_is_dismissed() -> None:
    dismissed: list[str] = []
    both = asyncio.Event()
    begun = []

    async def attempt(address: Address) -> str:
        begun.append(address)
        if len(begun) == 2:
            both.set()
        await both.wait()
        return str(address[4][0])

    found = await first_of(addresses("1.1.1.1", "2.2.2.2"), attempt, dismiss=dismissed.append)
    assert {found, *dismissed} == {"1.1.1.1", "2.2.2.2"}
    assert len(dismissed) == 1


async def test_an_address_that_was_refused_is_told_only_if_nothing_else_was_tried() -> None:
    async def attempt(address: Address) -> str:
        if address[4][0] == "10.0.0.1":
            raise AddressRefused("private")
        raise ConnectionRefusedError("nobody")

    for hosts, error in (
        (("10.0.0.1", "10.0.0.1"), AddressRefused),
        (("10.0.0.1", "1.1.1.1"), ConnectionRefusedError),
    ):
        with pytest.raises(error):
            await first_of(addresses(*hosts), attempt, dismiss=lambda _: None)


def stand_for(monkeypatch: pytest.MonkeyPatch, found: list[Address]) -> None:
    """Let the name storage.test stand for these addresses."""
    loop = asyncio.get_running_loop()
    real = loop.getaddrinfo

    async def getaddrinfo(host: str, port: int, **more: int) -> list[Address]:
        return found if host == "storage.test" else list(await real(host, port, **more))

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)


async def test_a_name_is_connected_to_at_each_of_its_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle, asked = numbered(saying(reply(200)))
    async with answering(handle) as origin:
        # Nobody listens there: ::1 is refused, or there is no IPv6 at all.
        v6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", origin.port, 0, 0))
        v4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", origin.port))
        stand_for(monkeypatch, [v6, v4])
        named = Origin(scheme="http", host="storage.test", port=origin.port)
        async with client_of(named) as client:
            await (await client.send("GET", "/", {})).aclose()
    assert asked == ["1 GET /"]


async def test_a_name_is_looked_up_once_for_all_who_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A resolver that nobody answers holds one thread of a storage, and not all that there are."""
    handle, asked = numbered(saying(reply(200)))
    go_on = asyncio.Event()
    looked_up = 0
    loop = asyncio.get_running_loop()
    async with answering(handle) as origin:

        async def getaddrinfo(host: str, port: int, **_: int) -> list[Address]:
            nonlocal looked_up
            looked_up += host == "storage.test"
            await go_on.wait()
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        named = Origin(scheme="http", host="storage.test", port=origin.port)
        async with client_of(named) as client:
            waiting = [asyncio.create_task(client.send("GET", "/", {})) for _ in range(20)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting[0].cancel()  # the others wait on
            await asyncio.wait(waiting[:1])
            go_on.set()
            answers = await asyncio.gather(*waiting[1:])
            assert looked_up == 1
            await (await client.send("GET", "/", {})).aclose()
            assert looked_up == 2  # it may stand for another by then
            for answer in answers:
                await answer.aclose()
    assert len(asked) == 20


async def test_no_address_of_a_name_is_connected_to_that_is_not_public(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle, asked = numbered(saying(reply(200)))
    reached = []
    async with answering(handle) as origin:
        v4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", origin.port))
        mapped = ("::ffff:127.0.0.1", origin.port, 0, 0)
        stand_for(monkeypatch, [v4, (socket.AF_INET6, socket.SOCK_STREAM, 6, "", mapped)])

        async def connect(_: socket.socket, where: object) -> None:
            reached.append(where)

        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
        client = Client(Origin(scheme="http", host="storage.test", port=origin.port))
        await client.open()
        with pytest.raises(Exception, match="allow_private"):
            await client.send("GET", "/", {})
        await client.aclose()
    assert (asked, reached) == ([], [])
