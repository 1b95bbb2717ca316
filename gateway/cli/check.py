"""``s3front check``."""

import asyncio
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import click

from backends.errors import StorageError
from gateway.catalog.errors import CatalogDamaged, CatalogError
from gateway.catalog.sqlite import renewing
from gateway.cli import parameters
from gateway.cli.opening import opened
from gateway.cli.progress import progress_bars
from gateway.cli.settings import load_or_exit
from gateway.jobs.checking import Check, Problem
from gateway.jobs.repairing import Repair
from gateway.observe import log
from gateway.safekeeping.steps import Steps
from gateway.server.directories import existing_catalog
from gateway.server.failure import Exit, StartError
from gateway.service.verifying import Verifier
from gateway.settings.model import Settings

_EXAMPLES = """\b
Examples:
  s3front check ./data                 rows and files, and what the scrub has found
  s3front check ./data --deep          read every byte as well
  s3front check -c /etc/s3front.toml --repair

Exit codes: 0 nothing is wrong (any more), 1 something is, 2 the settings are wrong, 3 a storage
cannot be used.
"""
_FIXES = {
    "catalog": "stop the server and run: s3front rebuild",
    "damaged": "put the object again, or its file back from a backup",
    "missing": "put the object again or its file back, or delete the object",
    "replaced": "another program wrote it: put the object again, or let the server watch for it",
    "unreadable": "look at permissions, and at the kernel's log for the disk",
    "unplaced": "s3front check --repair",
    "description": "s3front check --repair",
    "leftover": "s3front check --repair",
    "doomed": "look at the folder's permissions, then: s3front check --repair",
    "unowned": "stop the server and run: s3front rebuild (it makes it an object again)",
    "unchecked": "stop the server and run: s3front check --repair",
}


@dataclass(slots=True, kw_only=True)
class _Told:
    """What has been told so far."""

    as_json: bool
    found: int = 0
    repaired: int = 0
    kinds: set[str] = field(default_factory=set)

    def tell(self, problem: Problem, done: str | None) -> None:
        self.found += 1
        self.repaired += done is not None
        self.kinds.add(problem.kind)
        if self.as_json:
            told = {
                "kind": problem.kind,
                "bucket": problem.bucket,
                "key": problem.key,
                "storage": problem.storage,
                "path": problem.path,
                "detail": problem.detail,
                "repaired": done,
            }
            click.echo(json.dumps(told, ensure_ascii=False))
            return
        where = f"{problem.bucket}/{problem.key}" if problem.key else problem.path or "catalog"
        click.echo(f"{problem.kind}  {printable(where)}: {problem.detail}")
        click.echo(f"  {done}" if done is not None else f"  Fix: {_FIXES[problem.kind]}")


@click.command(epilog=_EXAMPLES)
@parameters.folder
@parameters.config
@click.option("--deep", is_flag=True, help="Read every byte and compute every digest.")
@click.option(
    "--repair",
    is_flag=True,
    help="Put right what can be put right without losing anything.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "--grace",
    "grace_s",
    type=click.FloatRange(min=0),
    default=3600.0,
    show_default=True,
    help="Seconds: staged bytes younger than that may belong to a request.",
)
def check(
    folder: Path | None,
    file: Path | None,
    *,
    deep: bool,
    repair: bool,
    as_json: bool,
    grace_s: float,
) -> None:
    """Compare the catalog with what is stored. The server may run.

    Give what `s3front serve` was given. Nothing is changed without --repair, and that never removes
    bytes that could be the only copy of something.
    """
    settings = load_or_exit(folder, file, {}).settings
    sink = log.stderr_sink()
    log.configure(sink, form="text", level="error")
    told = _Told(as_json=as_json)
    began = time.monotonic()
    try:
        catalog = existing_catalog(settings, purpose="check")
        _look_at_pages(catalog, told, repair=repair)
        with progress_bars() as steps:
            work = _check(settings, catalog, told, steps, deep=deep, repair=repair, grace_s=grace_s)
            done = asyncio.run(work)
    except CatalogDamaged as error:
        told.tell(Problem(kind="catalog", detail=str(error)), None)
        raise SystemExit(Exit.FAILED) from None
    except (StartError, StorageError, CatalogError, OSError) as error:
        click.echo(f"{click.style('Cannot check.', fg='red', bold=True)} {error}", err=True)
        raise SystemExit(getattr(error, "exit", Exit.STORAGE_FAILED)) from None
    finally:
        sink.close()
    _summary(told, done, time.monotonic() - began)
    raise SystemExit(Exit.FAILED if told.found > told.repaired else 0)


def _look_at_pages(catalog: Path, told: _Told, *, repair: bool) -> None:
    if not renewing.without_checksums(catalog):
        return
    detail, done = "its pages have no checksums: an earlier version made it", None
    if repair:
        try:
            renewing.renew(catalog)
            done = "given checksums"
        except CatalogDamaged:
            raise
        except CatalogError as error:
            detail = f"{detail}; they cannot be added now: {error}"
    told.tell(Problem(kind="unchecked", detail=detail), done)


async def _check(
    settings: Settings,
    file: Path,
    told: _Told,
    steps: Steps,
    *,
    deep: bool,
    repair: bool,
    grace_s: float,
) -> Check:
    pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="s3front-hash")
    async with opened(settings, file) as (catalog, storages):
        try:
            check = Check(
                catalog,
                storages,
                pool,
                now_ns=time.time_ns,
                deep=deep,
                grace_s=grace_s,
                told=_Meter(steps).told,
            )
            verifier = Verifier(catalog=catalog, storages=storages, pool=pool, thorough=True)
            async for problem in check.problems():
                done = None
                if repair:
                    drops = "catalog" not in told.kinds
                    done = await Repair(verifier=verifier, drops=drops).repair(problem)
                told.tell(problem, done)
            return check
        finally:
            pool.shutdown(wait=False)


class _Meter:
    """Steps that tell how many are done, as bars want to be told."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._step = ""
        self._done = 0

    def told(self, step: str, done: int) -> None:
        if step != self._step:
            self._steps.begin(step)
            self._step, self._done = step, 0
        self._steps.advance(max(0, done - self._done))
        self._done = max(done, self._done)


def printable(text: str) -> str:
    """A key as a line of a terminal may show it: no control characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _summary(told: _Told, check: Check, seconds: float) -> None:
    left = told.found - told.repaired
    if told.as_json:
        counts = {
            "objects": check.objects,
            "bytes": check.compared,
            "found": told.found,
            "repaired": told.repaired,
        }
        click.echo(json.dumps(counts))
        return
    compared = f", {check.compared:,} bytes compared" if check.compared else ""
    text = f"{check.objects:,} objects looked at{compared} in {seconds:.1f} s: "
    if not told.found:
        text += "nothing is wrong."
    elif not left:
        text += f"{told.repaired} put right."
    else:
        text += f"{left} wrong" + (f", {told.repaired} put right." if told.repaired else ".")
    click.echo(text)
