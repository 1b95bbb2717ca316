"""How far long work is, on a terminal; nothing where nobody looks."""

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from gateway.safekeeping.steps import Silent, Steps


class Bars:
    """One bar for each step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._known = False

    def begin(self, name: str, total: int | None = None) -> None:
        """As ``Steps.begin``."""
        self.end()
        self._known = total is not None
        self._task = self._progress.add_task(name, total=total)

    def advance(self, units: int = 1) -> None:
        """As ``Steps.advance``."""
        if self._task is not None:
            self._progress.advance(self._task, units)

    def end(self) -> None:
        """The last step has ended."""
        if self._task is None:
            return
        task = next(task for task in self._progress.tasks if task.id == self._task)
        self._progress.update(
            self._task, total=max(task.completed, 1), completed=max(task.completed, 1)
        )
        self._task = None


@contextlib.contextmanager
def progress_bars() -> Iterator[Steps]:
    """Bars on standard error if that is a terminal; standard output is left to the result."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Silent()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bars = Bars(progress)
        yield bars
        bars.end()
