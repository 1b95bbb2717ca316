"""The server as a test holds it: synchronous, on a thread of its own."""

import asyncio
import secrets
import socket
import sys
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from gateway.access.credentials import Credentials
from gateway.settings.model import Settings
from gateway.testing.environment import sdk_environment
from gateway.testing.faults import Faults
from gateway.testing.journal import Journal
from gateway.testing.server import Server, in_memory

_RUNNERS = ("pytest", "unittest")
_PATIENCE_S = 30.0

T = TypeVar("T")


class OutsideTests(RuntimeError):
    """No test runner is loaded in this process, so what would be started is no test's server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """What belongs to one start."""

    loop: asyncio.AbstractEventLoop
    server: Server
    stop: asyncio.Event
    port: int


class S3Front:
    """An S3 server in this process, in memory, for tests; a context manager.

    It listens on a free port of 127.0.0.1, checks every signature against random keys, and keeps
    nothing. Each method may be called from any thread, and from a coroutine: what blocks does so for
    milliseconds. ``buckets`` are there from the start and after each ``reset``.
    """

    def __init__(self, *, buckets: Sequence[str] = (), region: str = "us-east-1") -> None:
        self.region = region
        self.access_key = "S3FRONT" + secrets.token_hex(6).upper()
        self.secret_key = secrets.token_urlsafe(30)
        self.faults = Faults()
        self.requests = Journal()
        self._buckets = tuple(buckets)
        self._running: _Running | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Start it. OutsideTests unless pytest or unittest is loaded; RuntimeError if it runs already.

        ValueError for a name in ``buckets`` that no bucket can have.
        """
        if not any(runner in sys.modules for runner in _RUNNERS):
            raise OutsideTests(
                "gateway.testing is for tests, and neither pytest nor unittest is loaded here. "
                "Run `s3front dev` beside your program, or `s3front serve` to keep data."
            )
        if self._thread is not None:
            raise RuntimeError("This server runs already.")
        started: Future[_Running] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="s3front-testing", daemon=True
        )
        self._thread.start()
        try:
            self._running = started.result(_PATIENCE_S)
        except BaseException:
            self._thread.join(_PATIENCE_S)
            self._thread = None
            raise
        return self

    def stop(self) -> None:
        """Stop it and release all it had. Does nothing if it does not run."""
        thread, running = self._thread, self._running
        if thread is None or running is None:
            return
        self._thread = self._running = None
        running.loop.call_soon_threadsafe(running.stop.set)
        thread.join(_PATIENCE_S)
        if thread.is_alive():
            raise RuntimeError(f"The server did not stop within {_PATIENCE_S:g} s.")

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self._now.port

    @property
    def endpoint_url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self.port}"

    def client_arguments(self) -> dict[str, str]:
        """For ``boto3.client("s3", **...)``, ``boto3.resource`` and aiobotocore's ``create_client``."""
        return {
            "endpoint_url": self.endpoint_url,
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
            "region_name": self.region,
        }

    def environment(self) -> dict[str, str]:
        """The variables by which AWS SDKs of any language find the server."""
        return dict(
            sdk_environment(
                self.endpoint_url,
                access_key=self.access_key,
                secret_key=self.secret_key,
                region=self.region,
            )
        )

    def create_bucket(self, name: str) -> str:
        """A bucket of that name; returns the name. It is no recorded request.

        ValueError if no bucket can have that name, or one has it.
        """
        self._call(self._now.server.create_bucket(name))
        return name

    def reset(self) -> None:
        """Forget everything: objects, buckets, faults, recorded requests.

        Requests under way go on with what they had and leave no trace; delayed answers are sent.
        """
        self._call(self._now.server.reset())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def _now(self) -> _Running:
        if self._running is None:
            raise RuntimeError(
                "This server does not run: call start(), or use it as `with S3Front()`."
            )
        return self._running

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._now.loop).result(_PATIENCE_S)

    def _run(self, started: "Future[_Running]") -> None:
        with asyncio.Runner() as runner:
            runner.run(self._serve(started))

    async def _serve(self, started: "Future[_Running]") -> None:
        settings = {"storages": {"memory": {"type": "memory"}}, "region": self.region}
        server = Server(
            settings=in_memory(Settings.model_validate(settings)),
            credentials=Credentials(
                root_access_key=self.access_key, root_secret_key=self.secret_key
            ),
            faults=self.faults,
            journal=self.requests,
            buckets=self._buckets,
        )
        sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
        stop = asyncio.Event()
        try:
            await server.open(sock)
            port = sock.getsockname()[1]
            started.set_result(
                _Running(loop=asyncio.get_running_loop(), server=server, stop=stop, port=port)
            )
            await stop.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            await server.aclose()
            sock.close()
