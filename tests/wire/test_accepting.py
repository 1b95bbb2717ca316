"""Taking connections, and ending it, on the loop of asyncio and on that of the server."""

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine, Iterator

import pytest
import uvloop
from structlog.testing import capture_logs

from gateway.wire.accepting import Acceptor

MANY = 200
FEW = 16


class Greeter(asyncio.Protocol):
    """Says its name to whoever comes."""

    def __init__(self, name: bytes) -> None:
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert hasattr(transport, "write")
        transport.write(self._name)
        transport.close()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[None, None, None]], None]:
    def run_in_loop(work: Coroutine[None, None, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(work)

    return run_in_loop


def acceptor(sock: socket.socket, name: bytes = b"hello") -> Acceptor:
    return Acceptor(sock, lambda: Greeter(name), tls=None, handshake_s=1, shutdown_s=1)


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


def queued(sock: socket.socket, count: int) -> list[socket.socket]:
    """Clients that are connected, but not taken: the loop does not run."""
    return [socket.create_connection(sock.getsockname(), timeout=5) for _ in range(count)]


def greeting(client: socket.socket) -> bytes:
    with client:
        return client.recv(100)


async def greetings(clients: list[socket.socket]) -> list[bytes]:
    return [await asyncio.to_thread(greeting, client) for client in clients]


def test_who_is_in_the_queue_is_taken_before_the_socket_closes(
    run: Callable[[Coroutine[None, None, None]], None], bound: socket.socket
) -> None:
    async def work() -> None:
        taking = acceptor(bound.dup())
        taking.start(MANY)
        clients = queued(bound, MANY)
        bound.close()
        await taking.stop(leave_queue=False)
        assert await greetings(clients) == [b"hello"] * MANY

    run(work())


def test_who_is_in_the_queue_is_left_to_the_successor(
    run: Callable[[Coroutine[None, None, None]], None], bound: socket.socket
) -> None:
    async def work() -> None:
        old, new = acceptor(bound.dup(), b"old"), acceptor(bound.dup(), b"new")
        old.start(MANY)
        clients = queued(bound, 3)
        await old.stop(leave_queue=True)
        clients += queued(bound, 3)
        new.start(MANY)
        assert await greetings(clients) == [b"new"] * 6
        await new.stop(leave_queue=False)

    run(work())


def test_a_shortage_of_descriptors_passes(
    run: Callable[[Coroutine[None, None, None]], None],
    bound: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Short(socket.socket):
        failures = 2

        def accept(self) -> tuple[socket.socket, object]:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    async def work() -> None:
        taking = acceptor(Short(fileno=bound.dup().detach()))
        taking.start(MANY)
        with capture_logs() as logged:
            assert await greetings(queued(bound, 1)) == [b"hello"]
        assert [line["cause"] for line in logged] == ["Too many open files"] * 2
        await taking.stop(leave_queue=False)

    monkeypatch.setattr("gateway.wire.accepting._PAUSE_S", 0.01)
    run(work())


def test_who_waits_at_the_same_socket_gets_a_share(
    run: Callable[[Coroutine[None, None, None]], None], bound: socket.socket
) -> None:
    async def work() -> None:
        one, other = acceptor(bound.dup(), b"one"), acceptor(bound.dup(), b"other")
        bound.listen(MANY)
        clients = queued(bound, FEW)
        one.start(MANY)
        other.start(MANY)
        heard = await greetings(clients)
        assert heard.count(b"one") > FEW // 4
        assert heard.count(b"other") > FEW // 4
        await one.stop(leave_queue=False)
        await other.stop(leave_queue=False)

    run(work())
