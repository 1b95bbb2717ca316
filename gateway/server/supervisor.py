"""The parent: starts workers, starts dead ones again, replaces them, passes on signals."""

import asyncio
import signal
from collections.abc import Callable

import structlog

from gateway.launch import SIGNALS
from gateway.server import orders
from gateway.server.failure import Exit, StartError
from gateway.server.processes import WorkerProcess
from gateway.server.reloading import taken_over
from gateway.server.slots import FIRST_PAUSE_S, Plan, Slot, spawn
from gateway.settings.model import Settings

_log = structlog.get_logger("s3front.supervisor")
_LONGEST_PAUSE_S = 30.0
_HEALTHY_S = 30.0
_GRACE_S = 5.0
"""What a worker may take beyond the drain itself before it is killed."""
_TRIAL_S = 120.0
"""How long a successor may take to be ready."""
_IMPATIENT_S = 1.0
"""Signals closer together are one wish: ``timeout`` and terminals send theirs to process and group."""


class Supervisor:
    """Runs a plan until SIGTERM or SIGINT (drain; a later second one kills) or a failed start.

    SIGHUP reloads the settings, SIGUSR2 too and then replaces the workers, one after the other, such
    that no request is lost. ``announce`` is called once, when all workers are ready; ``reload`` gives
    the new settings or None if they cannot be used; ``died`` when a worker ended, by its number
    among the metrics.
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
        self._slots = [Slot(number) for number in range(plan.settings.workers)]
        self._leaving: set[Slot] = set()
        self._keepers: set[asyncio.Task[None]] = set()
        self._rolling: asyncio.Task[None] | None = None
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
        loop.add_signal_handler(signal.SIGUSR2, self._on_restart)
        for slot in self._slots:
            self._keep_watch(slot)
        try:
            await self._stop.wait()
            await self._drain()
        finally:
            self._kill()
            rest = [*self._keepers, *([self._rolling] if self._rolling is not None else [])]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
            for number in SIGNALS:
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

    def _keep_watch(self, slot: Slot) -> None:
        task = asyncio.get_running_loop().create_task(self._watch(slot))
        self._keepers.add(task)
        task.add_done_callback(self._keepers.discard)

    async def _watch(self, slot: Slot) -> None:
        """Keep the slot; a mistake of ours ends the server rather than leave a slot untended."""
        try:
            await self._keep(slot)
        except Exception:  # noqa: BLE001 - logged whole, and the server ends
            _log.exception("supervision failed", worker=slot.number)
            self._failure = StartError("Supervision failed; the log has the details.")
            self._stop.set()
        finally:
            slot.close()
            slot.gone.set()

    async def _keep(self, slot: Slot) -> None:
        """Keep a worker running in this slot, until it is left or all stops."""
        loop = asyncio.get_running_loop()
        while not self._is_over(slot):
            started = loop.time()
            try:
                await self._run_worker(slot)
            except OSError as error:
                self._cannot_spawn(slot, error)
            if self._is_over(slot):
                return
            if loop.time() - started > _HEALTHY_S:
                slot.pause_s = FIRST_PAUSE_S
            await self._pause(slot)

    def _is_over(self, slot: Slot) -> bool:
        return self._stop.is_set() or slot.leaving

    async def _run_worker(self, slot: Slot) -> None:
        """Start a worker and see it end.

        One that starts while no other lives recovers and bootstraps: until it has, or has failed and
        was judged, no other is started. OSError if there can be no process now.
        """
        report = None
        async with self._starting:
            if self._is_over(slot):
                return
            self._plan.check()
            first = not self._processes()
            process = await spawn(self._plan, self._settings, slot, first=first)
            if self._is_over(slot):
                # All were told while this one was not there yet.
                slot.tell(orders.drain_line())
            if first:
                report = await self._await_report(slot, process)
                if not slot.ready:
                    await self._end(slot, process, report)
                    return
        if not first:
            report = await self._await_report(slot, process)
        await self._end(slot, process, report)

    async def _end(self, slot: Slot, process: WorkerProcess, report: orders.Report | None) -> None:
        code = await process.wait()
        slot.process, slot.ready = None, False
        self._died(slot.metrics_number(self._settings.workers))
        if not self._stop.is_set() and not slot.leaving:
            # Who waits there is better off with another worker than with one that may not come.
            slot.close()
            self._judge(slot, report, code)

    def _judge(self, slot: Slot, report: orders.Report | None, code: int) -> None:
        """Decide what follows from a worker that ended unasked: another one, or the end of all."""
        failed = report is not None and report.kind == "failed"
        message = report.message if report is not None else ""
        text = message if failed else f"A worker ended while it started (exit code {code})."
        if slot.on_trial is not None and not slot.on_trial.done():
            slot.leaving = True
            slot.on_trial.set_result(text)
            return
        if not self._announced:
            self._failure = StartError(text, exit=Exit(report.exit if failed and report else 1))
            self._stop.set()
            return
        _log.error("worker died", worker=slot.number, code=code, cause=message or None)
        if self._holds_objects_in_memory():
            self._failure = StartError(
                "The worker died and what its storage held in memory is lost. Start again."
            )
            self._stop.set()

    def _holds_objects_in_memory(self) -> bool:
        return any(storage.type == "memory" for storage in self._settings.storages.values())

    def _cannot_spawn(self, slot: Slot, error: OSError) -> None:
        if slot.on_trial is not None and not slot.on_trial.done():
            slot.leaving = True
            slot.on_trial.set_result(f"A worker process cannot be started: {error.strerror}.")
            return
        if self._announced:
            _log.error("worker cannot be started", worker=slot.number, cause=error.strerror)
            return
        self._failure = StartError(
            f"A worker process cannot be started: {error.strerror}. Raise the limits of processes "
            "and memory for this user, or use fewer --workers."
        )
        self._stop.set()

    async def _pause(self, slot: Slot) -> None:
        try:
            async with asyncio.timeout(slot.pause_s):
                await self._stop.wait()
        except TimeoutError:
            slot.pause_s = min(slot.pause_s * 2, _LONGEST_PAUSE_S)

    async def _await_report(self, slot: Slot, process: WorkerProcess) -> orders.Report | None:
        line = await process.report()
        if not line:
            return None
        report = orders.read_report(line)
        if report.kind == "ready":
            slot.ready = True
            _log.debug("worker ready", worker=slot.number, pid=process.pid)
            if slot.on_trial is not None and not slot.on_trial.done():
                slot.on_trial.set_result("")
            if not self._announced and all(other.ready for other in self._slots):
                self._announced = True
                self._announce()
        return report

    async def _drain(self) -> None:
        _log.info("draining", seconds=self._settings.drain_seconds)
        if self._rolling is not None:
            self._rolling.cancel()
        for slot in self._all_slots():
            slot.tell(orders.drain_line())
            slot.close()
        done = asyncio.gather(*self._keepers)
        try:
            async with asyncio.timeout(self._settings.drain_seconds + _GRACE_S):
                await asyncio.shield(done)
        except TimeoutError:
            _log.warning("workers did not end in time and are killed")
            self._kill()
            await done

    def _all_slots(self) -> list[Slot]:
        return [*self._slots, *self._leaving]

    def _processes(self) -> list[WorkerProcess]:
        return [
            slot.process
            for slot in self._all_slots()
            if slot.process is not None and slot.process.lives
        ]

    def _kill(self) -> None:
        for process in self._processes():
            process.kill()

    def _on_reload(self) -> None:
        self._take_over(by_new_workers=False)

    def _take_over(self, *, by_new_workers: bool) -> bool:
        new = self._reload()
        if new is None:
            return False
        self._settings, refused = taken_over(self._settings, new, by_new_workers=by_new_workers)
        if refused:
            _log.warning("these settings changed and need a restart", settings=refused)
        if not by_new_workers:
            for slot in self._all_slots():
                slot.tell(orders.reload_line(self._settings))
        _log.info("settings reloaded")
        return True

    def _on_restart(self) -> None:
        if self._holds_objects_in_memory():
            _log.error(
                "workers are not restarted: a storage holds its objects in the worker's memory. "
                "Stop the server and start it again, or use a storage of another type."
            )
        elif not self._announced or (self._rolling is not None and not self._rolling.done()):
            _log.warning("workers are being started already; ask again when they are")
        else:
            before = self._settings
            if self._take_over(by_new_workers=True):
                self._rolling = asyncio.get_running_loop().create_task(self._roll(before))

    async def _roll(self, before: Settings) -> None:
        """Replace the workers one after the other. A successor that cannot start ends it, and the
        settings before it are in force again: those who serve go on."""
        _log.info("restarting workers", workers=len(self._slots))
        for index, old in enumerate(list(self._slots)):
            failed = await self._replace(index, old)
            if failed:
                self._settings = before
                _log.error(
                    "the restart is given up and the other workers serve on",
                    worker=old.number,
                    replaced=index,
                    cause=failed,
                )
                return
        _log.info("workers restarted", workers=len(self._slots))

    async def _replace(self, index: int, old: Slot) -> str:
        """Returns "" when the new worker serves and the old one is gone, or why it does not."""
        new = old.successor()
        if new.on_trial is None:
            raise AssertionError("a successor is on trial")
        self._leaving.add(new)
        self._keep_watch(new)
        try:
            async with asyncio.timeout(_TRIAL_S):
                failed = await new.on_trial
        except TimeoutError:
            failed, new.leaving = f"It was not ready within {_TRIAL_S:g} seconds.", True
            if new.process is not None:
                new.process.kill()
        self._leaving.discard(new)
        if failed:
            return failed
        self._slots[index] = new
        await self._let_go(old)
        return ""

    async def _let_go(self, old: Slot) -> None:
        """Let a worker that was replaced finish what it does, and end."""
        self._leaving.add(old)
        old.leaving = True
        old.tell(orders.drain_line(handed_over=True))
        try:
            async with asyncio.timeout(self._settings.drain_seconds + _GRACE_S):
                await old.gone.wait()
        except TimeoutError:
            _log.warning("a worker did not end in time and is killed", worker=old.number)
            if old.process is not None:
                old.process.kill()
            await old.gone.wait()
        self._leaving.discard(old)
