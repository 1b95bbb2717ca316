"""What is left to send on a connection that closes, on the loop of asyncio and on that of the server."""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

import pytest
import uvloop

from gateway.wire.outlet import Outlet

SOON_S = 0.2
LEFT = 4 * 1024**2


class Sender(asyncio.Protocol):
    """Writes and closes at once."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast("asyncio.Transport", transport)
        stream.write(b"x" * LEFT)
        stream.close()
        self.outlet = Outlet(stream, stall_s=SOON_S, rate=self.rate)
        self.outlet.closing()

    def connection_lost(self, _: Exception | None) -> None:
        self.outlet.closed()
        self.lost.set_result(None)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop])
def runner(request: pytest.FixtureRequest) -> asyncio.Runner:
    return asyncio.Runner(loop_factory=request.param)


def taken_by(runner: asyncio.Runner, take: Callable[[socket.socket], int]) -> int:
    """Bytes that came from a connection that was closed with all of them still to be sent."""

    async def main() -> int:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.settimeout(10)
        with theirs:
            loop = asyncio.get_running_loop()
            _, sender = await loop.create_connection(lambda: Sender(1000), sock=ours)
            taken = asyncio.create_task(asyncio.to_thread(take, theirs))
            async with asyncio.timeout(20):
                await sender.lost
                return await taken

    with runner:
        return runner.run(main())


def test_what_is_taken_in_time_is_sent(runner: asyncio.Runner) -> None:
    def take(sock: socket.socket) -> int:
        return sum(iter(lambda: len(sock.recv(65536)), 0))

    assert taken_by(runner, take) == LEFT


def test_what_nobody_takes_is_dropped(runner: asyncio.Runner) -> None:
    assert taken_by(runner, lambda _: 0) == 0
