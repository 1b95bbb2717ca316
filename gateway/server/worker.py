"""One worker process: ``python -m gateway.server.worker``, started by the supervisor only."""

import asyncio
import gc
import importlib
import ipaddress
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace

import structlog

from gateway.launch import SIGNALS
from gateway.observe import log
from gateway.observe.access_log import AccessLog
from gateway.observe.event import RequestEvent
from gateway.observe.sink import Sink
from gateway.s3 import checksums
from gateway.s3.message import Request, Response
from gateway.s3.target import Domains
from gateway.server import orders
from gateway.server.application import Application, Factory
from gateway.server.failure import Exit, StartError
from gateway.server.health import Health, State
from gateway.server.processes import receive_files
from gateway.server.sockets import raise_descriptor_limit
from gateway.server.tls import Certificate
from gateway.settings.model import Settings
from gateway.wire.files import MOST_KEPT
from gateway.wire.limits import Limits
from gateway.wire.listener import Listener
from gateway.wire.pipes import MOST as PIPES

_log = structlog.get_logger("s3front.worker")
_INFLIGHT_S = 1.0
_SETTLED_S = 1.0
_DESCRIPTORS_OF_OURS = 128 + 3 * PIPES
"""Open files that are not those of connections: catalog, logs, directories, threads; and of each pipe that
answers pass through its two ends, and the duplicate of the storage's socket."""


class Worker:
    """Composes, serves until told to stop, drains."""

    def __init__(
        self, start: orders.Start, listener: int, report: Callable[[orders.Report], None]
    ) -> None:
        """``listener``: descriptor of the socket to listen on."""
        self._start = start
        self._listens_on = listener
        self._report = report
        self._settings = Settings.model_validate(start.settings)
        self._stop = asyncio.Event()
        self._handed_over = False
        self._in_flight: set[str] = set()
        self._observers: list[Callable[[RequestEvent], None]] = []
        self._background: list[asyncio.Task[None]] = []
        self._certificate: Certificate | None = None
        self._listener: Listener | None = None
        self._application: Application | None = None

    async def run(self) -> int:
        """Serve; returns the exit code."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        raise_descriptor_limit()
        self._sink = log.stderr_sink()
        try:
            log.configure(
                self._sink, form=self._settings.log_format, level=self._settings.log_level
            )
            return await self._serve()
        except StartError as error:
            self._report(orders.Report(kind="failed", message=str(error), exit=error.exit))
            return error.exit
        except Exception as error:  # noqa: BLE001 - told to the parent whole, whatever it is
            _log.exception("worker failed", worker=self._start.number)
            message = f"{type(error).__name__}: {error}"
            self._report(orders.Report(kind="failed", message=message, exit=Exit.FAILED))
            return Exit.FAILED
        finally:
            for task in self._background:
                task.cancel()
            await asyncio.gather(*self._background, return_exceptions=True)
            self._sink.close()

    async def _serve(self) -> int:
        settings, start = self._settings, self._start
        if settings.tls_cert is not None and settings.tls_key is not None:
            self._certificate = Certificate(settings.tls_cert, settings.tls_key)
            self._run_beside(self._certificate.watch())
        self._observe_with(self._sink)
        # The parent may order to stop, or die, while the application is still opening.
        self._run_beside(self._take_orders())
        application = self._application = _factory(start.factory)(
            settings, start.credentials, start.catalog, start.number
        )
        try:
            await application.open(first=start.first)
            await self._listen(application)
        finally:
            await application.aclose()
        return 0

    async def _listen(self, application: Application) -> None:
        health = Health(probe=application.probe, bucket_exists=application.bucket_exists)

        async def answer(request: Request, event: RequestEvent) -> Response:
            self._in_flight.add(event.id)
            return await application.answer(request, event)

        listener = self._listener = Listener(
            answer,
            site=health.answer,
            limits=_limits(self._settings),
            observe=self._observe,
            trusted_proxies=[
                ipaddress.ip_network(network) for network in self._settings.trusted_proxies
            ],
            domains=Domains(self._settings.domains),
        )
        sock = socket.socket(fileno=self._listens_on)
        await listener.start(sock, self._certificate.context if self._certificate else None)
        health.state = State.READY
        self._report(orders.Report(kind="ready"))
        self._run_beside(_load_checksums())
        await self._stop.wait()
        if not self._handed_over:
            health.state = State.DRAINING
        await listener.drain(self._settings.drain_seconds, handed_over=self._handed_over)

    def _observe(self, event: RequestEvent) -> None:
        self._in_flight.discard(event.id)
        for observer in self._observers:
            observer(event)

    def _observe_with(self, sink: Sink) -> None:
        self._access_log = AccessLog(sink, log.access_form(self._settings.log_format, sink))
        self._observers.append(self._access_log.write)
        if self._start.metrics_folder is not None:
            # Imported here and not above: the library decides on import where its values live.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = self._start.metrics_folder
            from gateway.observe.metrics import Metrics, number_this_worker  # noqa: PLC0415

            number_this_worker(self._start.metrics_number)
            metrics = Metrics()
            self._observers.append(metrics.observe)
            self._run_beside(self._tell_inflight(metrics.set_inflight))

    async def _tell_inflight(self, tell: Callable[[int], None]) -> None:
        while True:
            tell(len(self._in_flight))
            await asyncio.sleep(_INFLIGHT_S)

    async def _take_orders(self) -> None:
        """Obey the parent; when it is gone, stop."""
        reader = asyncio.StreamReader(limit=2**22)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb", buffering=0)
        )
        while not self._stop.is_set():
            line = await reader.readline()
            order, settings = orders.read_order(line) if line else ("drain", None)
            if order in {"drain", "hand over"}:
                self._handed_over = order == "hand over"
                self._stop.set()
            elif settings is not None:
                self._reload(settings)

    def _reload(self, settings: Settings) -> None:
        self._settings = settings
        log.configure(self._sink, form=settings.log_format, level=settings.log_level)
        self._access_log.reconfigure(log.access_form(settings.log_format, self._sink))
        if self._certificate is not None:
            self._certificate.reload(settings.tls_cert, settings.tls_key)
        if self._listener is not None:
            self._listener.set_limits(_limits(settings))
        if self._application is not None:
            self._application.reload(settings)

    def _run_beside(self, work: "asyncio._CoroutineLike[None]") -> None:
        self._background.append(asyncio.get_running_loop().create_task(work))


async def _load_checksums() -> None:
    """Not at once: who waits for the start has something to ask."""
    await asyncio.sleep(_SETTLED_S)
    await asyncio.to_thread(checksums.load)


def _limits(settings: Settings) -> Limits:
    """The limits that are set, as far as the process may have descriptors for them."""
    limits = Limits.of(settings)
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = connections_with(descriptors - _DESCRIPTORS_OF_OURS, limits.requests)
    if most < limits.connections:
        _log.warning(
            "max_connections is lowered: too few open files are allowed",
            connections=most,
            open_files=descriptors,
        )
        limits = replace(limits, connections=most)
    return limits


def connections_with(descriptors: int, requests: int) -> int:
    """How many connections there may be, one at least, if so many files may be open for them.

    Each has one; each request that is answered has two more at most: the file it reads or writes, and
    the way around the transport. Of these some are kept for the next request.
    """
    free = max(0, descriptors - MOST_KEPT)
    return max(1, free - 2 * requests if free >= 3 * requests else free // 3)


def _factory(name: str) -> Factory:
    module, _, function = name.partition(":")
    factory: Factory = getattr(importlib.import_module(module), function)
    return factory


def _import_ahead() -> None:
    """Import what will be needed, before the order that tells. Nothing of it is ever garbage."""
    gc.disable()
    importlib.import_module("gateway.server.build")
    gc.freeze()
    gc.enable()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def main() -> int:
    """Read the order from standard input, serve, drain."""
    # The terminal sends these to all its processes; the parent decides what is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    reports = os.dup(1)
    os.dup2(2, 1)
    _import_ahead()
    try:
        listener, *_ = receive_files(0)
        start = orders.read_start(0)
    except EOFError:
        return Exit.FAILED

    def report(what: orders.Report) -> None:
        try:
            os.write(reports, orders.report_line(what))
        except BrokenPipeError:
            return  # the parent is gone; the end of standard input says so too

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(Worker(start, listener, report).run())


if __name__ == "__main__":
    sys.exit(main())
