"""Taking connections from a listening socket, such that none is lost when the taking ends."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable

import structlog

_log = structlog.get_logger("s3front.accepting")
_PAUSE_S = 0.5
_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Acceptor:
    """Hands each connection of ``sock`` to a protocol. Loop thread only.

    The servers of asyncio and uvloop lose a connection that they have taken when they are closed
    before its protocol has it. And they cannot leave a socket that another process goes on with.
    """

    def __init__(
        self,
        sock: socket.socket,
        make: Callable[[], asyncio.BaseProtocol],
        *,
        tls: ssl.SSLContext | None,
        handshake_s: float,
        shutdown_s: float,
    ) -> None:
        self._sock = sock
        self._make = make
        self._tls = tls
        self._tls_times = {
            "ssl_handshake_timeout": handshake_s if tls is not None else None,
            "ssl_shutdown_timeout": shutdown_s if tls is not None else None,
        }
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._stopped = False

    def start(self, backlog: int) -> None:
        """Listen, and take what comes."""
        self._sock.setblocking(False)
        self._sock.listen(backlog)
        self._loop.add_reader(self._sock.fileno(), self._take)

    async def stop(self, *, leave_queue: bool) -> None:
        """Take no more and close our descriptor of the socket; what was taken has its protocol then.

        ``leave_queue``: others have the socket as well and go on with those who wait in its queue. Else
        these are taken still, for closing the socket would reset them.
        """
        if self._stopped:
            return
        self._stopped = True
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._sock.fileno())
        if not leave_queue:
            while self._take_one():
                pass
        self._sock.close()
        await asyncio.gather(*self._beginning)

    def _take(self) -> None:
        # One a turn of the loop: who takes all that are there leaves none to the other processes
        # that wait at the same socket.
        self._take_one()

    def _take_one(self) -> bool:
        """Whether there was one, and so may be more."""
        try:
            connection, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            self._cannot_take(error)
            return False
        connection.setblocking(False)
        task = self._loop.create_task(self._begin(connection))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)
        return True

    def _cannot_take(self, error: OSError) -> None:
        _log.warning("connections cannot be taken", cause=error.strerror)
        if error.errno in _SHORTAGES and not self._stopped:
            # They stay in the queue; asking again at once would only burn time.
            self._loop.remove_reader(self._sock.fileno())
            self._pause = self._loop.call_later(_PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._sock.fileno(), self._take)

    async def _begin(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._make, connection, ssl=self._tls, **self._tls_times
            )
        except (OSError, TimeoutError, ssl.SSLError):
            # It is gone, or never shook hands: what it was told is in TLS itself.
            connection.close()
