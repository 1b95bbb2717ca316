"""The parent: starts workers, starts dead ones again, passes on signals."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.access.credentials import Credentials
from gateway.server import orders
from gateway.server.failure import Exit, StartError
from gateway.settings.model import Settings, named

_log = structlog.get_logger("s3front.supervisor")
_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 30.0
_HEALTHY_S = 30.0
_GRACE_S = 5.0
"""What a worker may take beyond the drain itself before it is killed."""
_IMPATIENT_S = 1.0
"""Signals closer together are one wish: ``timeout`` and terminals send theirs to process and group."""
_HIDDEN = ("S3FRONT_", "MINIO_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to run."""

    settings: Settings
    credentials: Credentials
    catalog: str
    factory: str
    reserved: socket.socket
    """Bound, holds the port; see ``sockets.reserve``."""
    locks: Sequence[int]
    """Descriptors that workers inherit."""
    check: Callable[[], None] = lambda: None
    """OSError if no worker can be started now, since the directories are not those that were locked."""
    metrics_folder: str | None = None


@dataclass(slots=True)
class _Slot:
    number: int
    process: Process | None = None
    ready: bool = False
    pause_s: float = _PAUSE_S


class Supervisor:
    """Runs a plan until SIGTERM or SIGINT (drain; a later second one kills) or a failed start.

    ``announce`` is called once, when all workers are ready; ``reload`` on SIGHUP, it gives the new
    settings or None if they cannot be used; ``died`` when a worker ended, by its number.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        announce: Callable[[], None],
        reload: Callable[[], Settings | None],
        died: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._plan = plan
        self._settings = plan.settings
        self._announce = announce
        self._reload = reload
        self._died = died
        self._slots = [_Slot(number) for number in range(plan.settings.workers)]
        self._stop = asyncio.Event()
        self._starting = asyncio.Lock()
        self._announced = False
        self._failure: StartError | None = None
        self._asked_to_stop = 0.0

    async def run(self) -> None:
        """Returns when all workers are gone after an order to stop. Raises StartError if a worker
        could not start before all had been ready once."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._on_stop)
        loop.add_signal_handler(signal.SIGINT, self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, self._on_reload)
        keepers = [asyncio.create_task(self._watch(slot)) for slot in self._slots]
        try:
            await self._stop.wait()
            await self._drain(keepers)
        finally:
            self._kill()
            for task in keepers:
                task.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
        if self._failure is not None:
            raise self._failure

    def _on_stop(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._stop.is_set() and now - self._asked_to_stop > _IMPATIENT_S:
            _log.warning("stopping at once")
            self._kill()
        elif not self._stop.is_set():
            self._asked_to_stop = now
            self._stop.set()

    async def _watch(self, slot: _Slot) -> None:
        """Keep the slot; a mistake of ours ends the server rather than leave a slot untended."""
        try:
            await self._keep(slot)
        except Exception:  # noqa: BLE001 - logged whole, and the server ends
            _log.exception("supervision failed", worker=slot.number)
            self._failure = StartError("Supervision failed; the log has the details.")
            self._stop.set()

    async def _keep(self, slot: _Slot) -> None:
        """Keep a worker running in this slot."""
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            started = loop.time()
            try:
                await self._run_worker(slot)
            except OSError as error:
                self._cannot_spawn(slot, error)
            if loop.time() - started > _HEALTHY_S:
                slot.pause_s = _PAUSE_S
            await self._pause(slot)

    async def _run_worker(self, slot: _Slot) -> None:
        """Start a worker and see it end.

        One that starts while no other lives recovers and bootstraps: until it has, or has failed and
        was judged, no other is started. OSError if there can be no process now.
        """
        report = None
        async with self._starting:
            if self._stop.is_set():
                return
            self._plan.check()
            first = not self._processes()
            process = slot.process = await self._spawn(slot.number, first=first)
            if first:
                report = await self._await_report(slot, process)
                if not slot.ready:
                    await self._end(slot, process, report)
                    return
        if not first:
            report = await self._await_report(slot, process)
        await self._end(slot, process, report)

    async def _end(self, slot: _Slot, process: Process, report: orders.Report | None) -> None:
        code = await process.wait()
        slot.process, slot.ready = None, False
        self._died(slot.number)
        if not self._stop.is_set():
            self._judge(slot, report, code)

    def _judge(self, slot: _Slot, report: orders.Report | None, code: int) -> None:
        """Decide whether a worker that ended unasked ends the server."""
        message = report.message if report is not None else ""
        if not self._announced:
            failed = report is not None and report.kind == "failed"
            text = message if failed else f"A worker ended while it started (exit code {code})."
            self._failure = StartError(text, exit=Exit(report.exit if failed and report else 1))
            self._stop.set()
            return
        _log.error("worker died", worker=slot.number, code=code, cause=message or None)
        if any(storage.type == "memory" for storage in self._settings.storages.values()):
            self._failure = StartError(
                "The worker died and what its storage held in memory is lost. Start again."
            )
            self._stop.set()

    def _cannot_spawn(self, slot: _Slot, error: OSError) -> None:
        if self._announced:
            _log.error("worker cannot be started", worker=slot.number, cause=error.strerror)
            return
        self._failure = StartError(
            f"A worker process cannot be started: {error.strerror}. Raise the limits of processes "
            "and memory for this user, or use fewer --workers."
        )
        self._stop.set()

    async def _pause(self, slot: _Slot) -> None:
        try:
            async with asyncio.timeout(slot.pause_s):
                await self._stop.wait()
        except TimeoutError:
            slot.pause_s = min(slot.pause_s * 2, _LONGEST_PAUSE_S)

    async def _await_report(self, slot: _Slot, process: Process) -> orders.Report | None:
        line = await process.stdout.readline() if process.stdout is not None else b""
        if not line:
            return None
        report = orders.read_report(line)
        if report.kind == "ready":
            slot.ready = True
            _log.debug("worker ready", worker=slot.number, pid=process.pid)
            if not self._announced and all(other.ready for other in self._slots):
                self._announced = True
                self._announce()
        return report

    async def _spawn(self, number: int, *, first: bool) -> Process:
        plan = self._plan
        host, port = plan.reserved.getsockname()[:2]
        start = orders.Start(
            number=number,
            first=first,
            factory=plan.factory,
            settings=orders.dump_settings(self._settings),
            access_key=plan.credentials.root_access_key,
            secret_key=plan.credentials.root_secret_key,
            catalog=plan.catalog,
            family=plan.reserved.family,
            host=host,
            port=port,
            metrics=plan.metrics_folder is not None,
        )
        # Blocked signals stay blocked in the new process until it can handle them.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "gateway.server.worker",
                stdin=PIPE,
                stdout=PIPE,
                env=self._environment(),
                pass_fds=plan.locks,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        _tell(process, orders.start_line(start))
        return process

    def _environment(self) -> dict[str, str]:
        """Ours without settings, for they may be secrets; with our own path of modules."""
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)
        }
        environ["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        if self._plan.metrics_folder is not None:
            environ["PROMETHEUS_MULTIPROC_DIR"] = self._plan.metrics_folder
        return environ

    async def _drain(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        _log.info("draining", seconds=self._settings.drain_seconds)
        for process in self._processes():
            _tell(process, orders.drain_line())
        done = asyncio.gather(*keepers)
        try:
            async with asyncio.timeout(self._settings.drain_seconds + _GRACE_S):
                await asyncio.shield(done)
        except TimeoutError:
            _log.warning("workers did not end in time and are killed")
            self._kill()
            await done

    def _processes(self) -> list[Process]:
        return [
            slot.process
            for slot in self._slots
            if slot.process is not None and slot.process.returncode is None
        ]

    def _kill(self) -> None:
        for process in self._processes():
            process.kill()

    def _on_reload(self) -> None:
        new = self._reload()
        if new is None:
            return
        self._settings, refused = taken_over(self._settings, new)
        if refused:
            _log.warning("these settings changed and need a restart", settings=refused)
        for process in self._processes():
            _tell(process, orders.reload_line(self._settings))
        _log.info("settings reloaded")


def taken_over(old: Settings, new: Settings) -> tuple[Settings, list[str]]:
    """What a running server uses of new settings, and the names of what needs a restart."""
    changes: dict[str, object] = {}
    refused = []
    tls_switched = (old.tls_cert is None) != (new.tls_cert is None)
    for name in Settings.model_fields:
        value = getattr(new, name)
        if value == getattr(old, name):
            continue
        if not named(name).reloadable or (tls_switched and name in {"tls_cert", "tls_key"}):
            refused.append(name)
        else:
            changes[name] = value
    return old.model_copy(update=changes), refused


def _tell(process: Process, line: bytes) -> None:
    if process.stdin is not None and not process.stdin.is_closing():
        process.stdin.write(line)
