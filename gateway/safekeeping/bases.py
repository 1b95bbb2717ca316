"""What a rebuild begins with: the best whole catalog there is. Blocks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.catalog.sqlite import copying
from gateway.jobs.snapshots import snapshots
from gateway.safekeeping.steps import Steps

Source = Literal["auto", "snapshot", "files"]
"""``auto``: the catalog itself if it is whole, else the newest snapshot that is, else nothing.
``snapshot``: not the catalog itself. ``files``: nothing but what stored bytes say of themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """``file`` to begin with (None: with nothing), and why better ones are not."""

    file: Path | None
    passed_over: Sequence[str] = ()


def choose(
    source: Source,
    catalog: Path,
    snapshot_folder: Path,
    steps: Steps,
    *,
    fetch: Callable[[], Sequence[str]],
) -> Base:
    """The first of the candidates that is whole: each is read from end to end.

    ``fetch`` brings what is kept elsewhere, and tells what of that cannot be had; asked only if need be.
    """
    if source == "files":
        return Base(file=None)
    passed_over: list[str] = []
    for candidate in _candidates(source, catalog, snapshot_folder, fetch, passed_over):
        steps.begin(f"checking {candidate.name}")
        trouble = copying.trouble(candidate)
        if trouble is None:
            return Base(file=candidate, passed_over=passed_over)
        passed_over.append(f"{candidate}: {trouble}")
    return Base(file=None, passed_over=passed_over)


def _candidates(
    source: Source,
    catalog: Path,
    snapshot_folder: Path,
    fetch: Callable[[], Sequence[str]],
    passed_over: list[str],
) -> Iterator[Path]:
    if source == "auto":
        yield catalog
    passed_over += fetch()
    yield from snapshots(snapshot_folder)
