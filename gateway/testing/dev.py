"""``s3front dev``: the server of the tests as a program of its own, for a laptop and for CI."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence

from gateway.access.credentials import Credentials
from gateway.observe.event import RequestEvent
from gateway.s3.target import Domains
from gateway.server.failure import StartError
from gateway.settings.model import Settings
from gateway.testing.control import Control
from gateway.testing.faults import Faults
from gateway.testing.journal import Journal
from gateway.testing.server import Server, in_memory

ACCESS_KEY = "S3FRONTDEV"
SECRET_KEY = "s3front-dev-secret"  # noqa: S105 - known to everybody, which is its use
_SIGNALLED = 128
"""A shell adds the signal's number to it."""


async def run(
    settings: Settings,
    credentials: Credentials,
    sock: socket.socket,
    *,
    ready: Callable[[], None],
    observe: Callable[[RequestEvent], None],
    command: Sequence[str] = (),
    variables: Mapping[str, str],
) -> int:
    """Serve on the bound socket until SIGINT or SIGTERM, or until ``command`` has ended.

    The command is run when the server is ready, with ``variables`` in its environment; SIGTERM is
    passed on to it. Returns the exit code: the command's, as a shell tells it, else 0. StartError,
    ValueError if the server or the command cannot start.
    """
    faults, journal = Faults(), Journal()
    server = Server(
        settings=in_memory(settings),
        credentials=credentials,
        faults=faults,
        journal=journal,
        buckets=[bucket.name for bucket in settings.buckets],
        observe=observe,
    )
    control = Control(
        faults=faults,
        journal=journal,
        domains=Domains(settings.domains),
        reset=server.reset,
    )
    try:
        await server.open(sock, control=control)
        ready()
        return await (_beside(command, variables) if command else _until_told())
    finally:
        await server.aclose()


async def _until_told() -> int:
    told = asyncio.Event()
    _on_signals(lambda _: told.set())
    await told.wait()
    return 0


async def _beside(command: Sequence[str], variables: Mapping[str, str]) -> int:
    try:
        process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **variables})
    except OSError as error:
        raise StartError(f"{command[0]!r} cannot be run: {error.strerror}.") from None

    def pass_on(number: signal.Signals) -> None:
        # Ctrl-C comes from the terminal, which has told the command as well.
        if number is signal.SIGTERM and process.returncode is None:
            process.send_signal(number)

    _on_signals(pass_on)
    code = await process.wait()
    return code if code >= 0 else _SIGNALLED - code


def _on_signals(do: Callable[[signal.Signals], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, do, number)
