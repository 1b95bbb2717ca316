"""From an origin to a connection: its name, its addresses, TLS."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain, zip_longest
from typing import Final, TypeVar

from backends.http.addresses import AddressRefused, is_public
from backends.http.failures import Unconnected
from backends.http.origin import Origin

MOST_ADDRESSES: Final = 16
"""Addresses of one name that are tried."""
STAGGER_S: Final = 0.25
"""After so long without a connection the next address is tried beside: RFC 8305, 5."""

_T = TypeVar("_T")
_P = TypeVar("_P", bound=asyncio.Protocol)
Address = tuple[int, int, int, str, tuple[str | int | bytes, ...]]


def tls_context() -> ssl.SSLContext:
    """That trusts whom this machine trusts (``SSL_CERT_FILE``, ``SSL_CERT_DIR``) and verifies the name.

    Reads their certificates: to be called in a thread.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Names:
    """Looks names up: one question for a name at a time, whoever waits for its answer.

    The system's resolver holds a thread while it waits, for half a minute perhaps, and all storages
    have the same few threads.
    """

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], asyncio.Task[list[Address]]] = {}

    async def addresses(self, host: str, port: int) -> list[Address]:
        """What it stands for now. OSError, UnicodeError."""
        asked = self._asked.get((host, port))
        if asked is None:
            asked = self._asked[host, port] = asyncio.create_task(_looked_up(host, port))
            asked.add_done_callback(lambda done: self._answered(host, port, done))
        return await asyncio.shield(asked)

    def _answered(self, host: str, port: int, done: asyncio.Task[list[Address]]) -> None:
        del self._asked[host, port]
        if not done.cancelled():
            done.exception()  # asked for, so that one nobody waits for logs nothing


async def _looked_up(host: str, port: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    return list(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))


async def connected(
    origin: Origin,
    protocol: Callable[[], _P],
    *,
    names: Names,
    tls: ssl.SSLContext | None,
    allow_private: bool,
    connect_s: float,
) -> _P:
    """A connection to one of the addresses of the origin's host. Unconnected.

    Each address is asked whether it may be connected to, and is then the one that is.
    """
    host = origin.host.strip("[]")
    try:
        found = await names.addresses(host, origin.port)
        reached = await _reached(found, allow_private=allow_private, connect_s=connect_s)
    except UnicodeError:  # a label of the name is empty or too long
        raise Unconnected(OSError("no such name")) from None
    except OSError as error:
        raise Unconnected(error) from None
    loop = asyncio.get_running_loop()
    try:
        _, made = await loop.create_connection(
            protocol, sock=reached, ssl=tls, server_hostname=None if tls is None else host
        )
    except BaseException as error:
        reached.close()
        if isinstance(error, ConnectionError) and tls is not None:
            raise Unconnected(ssl.SSLError()) from None
        if isinstance(error, OSError):
            raise Unconnected(error) from None
        raise
    return made


async def _reached(
    found: Sequence[Address], *, allow_private: bool, connect_s: float
) -> socket.socket:
    return await first_of(
        _alternating(found)[:MOST_ADDRESSES],
        lambda address: _socket(address, allow_private=allow_private, connect_s=connect_s),
        dismiss=socket.socket.close,
    )


async def first_of(
    addresses: Sequence[Address],
    attempt: Callable[[Address], Awaitable[_T]],
    *,
    dismiss: Callable[[_T], None],
) -> _T:
    """The outcome of the first attempt that succeeds; what else succeeds is dismissed.

    Raises the first error that is no AddressRefused, if any, when all have failed.
    """
    if len(addresses) == 1:
        return await attempt(addresses[0])
    left, errors = list(addresses), list[OSError]()
    running: set[asyncio.Task[_T]] = set()
    try:
        while left or running:
            if left:
                running.add(asyncio.ensure_future(attempt(left.pop(0))))
            patience = STAGGER_S if left else None
            done, running = await asyncio.wait(
                running, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            running |= done
            for task in done:
                error = task.exception()
                if error is None:
                    running.discard(task)
                    return task.result()
                running.discard(task)
                if not isinstance(error, OSError):
                    raise error
                errors.append(error)
    finally:
        await _dismissed(running, dismiss)
    others = [error for error in errors if not isinstance(error, AddressRefused)]
    raise (others or errors or [OSError("no such name")])[0]


async def _dismissed(tasks: set[asyncio.Task[_T]], dismiss: Callable[[_T], None]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        with suppress(asyncio.CancelledError, OSError):
            dismiss(task.result())


async def _socket(address: Address, *, allow_private: bool, connect_s: float) -> socket.socket:
    family, type, proto, _, where = address
    if not allow_private and not is_public(str(where[0])):
        # The same words for each address: of several that fail alike, the first error is raised.
        raise AddressRefused("its name stands for an address that is not public")
    made = socket.socket(family, type, proto)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        async with asyncio.timeout(connect_s):
            await asyncio.get_running_loop().sock_connect(made, where)
    except BaseException:
        made.close()
        raise
    return made


def _alternating(found: Iterable[Address]) -> list[Address]:
    """In their order, but each family in turn with the other: RFC 8305, 4."""
    all_of_them = list(found)
    first = all_of_them[0][0] if all_of_them else None
    ours = [each for each in all_of_them if each[0] == first]
    others = [each for each in all_of_them if each[0] != first]
    return [each for each in chain(*zip_longest(ours, others)) if each is not None]
