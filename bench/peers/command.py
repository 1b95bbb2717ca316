"""The command line."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click

from bench import parameters
from bench.machine import about_machine
from bench.page import minute, put_into
from bench.peers.kinds import Kind
from bench.peers.load import Sample
from bench.peers.packages import BUILD, PACKAGES, ROOT, load_generator
from bench.peers.page import tables
from bench.peers.record import Run, headings, read
from bench.peers.rounds import Rounds, Terms
from bench.peers.rows import ROWS
from bench.peers.servers import KINDS, our_program
from bench.peers.summary import Summary
from conformance.outcome import BuildError

_EPILOG = """\b
Examples:
  python -m bench.peers                                    the full table, about an hour
  python -m bench.peers --row get-4k,put-1m --server s3front,versitygw --rounds 3 --seconds 1
  python -m bench.peers --json peers.jsonl --write docs/performance.md
  python -m bench.peers --from peers.jsonl                 the tables of an earlier run

\b
Rows; a beginning like put-1m or rate means all that begin so:
""" + "\n".join(f"  {name:<22}{row.about}" for name, row in ROWS.items())


@click.command(epilog=_EPILOG, context_settings={"max_content_width": 100})
@click.option("--row", "rows", multiple=True, metavar="NAME", help="Only these; with commas.")
@click.option(
    "--server",
    "servers",
    multiple=True,
    metavar="NAME",
    help=f"Only these; with commas. Known: {', '.join(KINDS)}.",
)
@parameters.rounds
@parameters.seconds(4.0, "server in each round of each row")
@parameters.directory("Where the servers' directories are made: a disk like the one of interest.")
@parameters.samples
@parameters.page
@click.option(
    "--from",
    "earlier",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Measure nothing: the tables of the samples in this file, or in several.",
)
@click.option("--note", help="What a reader of the tables must know of the run; shown with them.")
@click.option("--build", is_flag=True, help="Get the servers and stop.")
def peers(
    *,
    rows: Sequence[str],
    servers: Sequence[str],
    rounds: int,
    seconds: float,
    directory: Path | None,
    file: Path | None,
    write: Path | None,
    earlier: Sequence[Path],
    note: str | None,
    build: bool,
) -> None:
    """Measure S3front and other servers on the same work, in interleaved rounds.

    Installs the others below build/peers. What cannot be installed is named and left out. JSON
    lines, then tables in Markdown. Exit code 1 if an answer of S3front was not as it must be.
    """
    if earlier:
        _shown(*read(earlier), note, write)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    chosen_rows = _chosen(rows, list(ROWS), "--row")
    kinds = [KINDS[name] for name in _chosen(servers, list(KINDS), "--server")]
    try:
        generator = load_generator(BUILD)
    except BuildError as error:
        raise click.ClickException(str(error)) from None
    programs, missing = _programs(kinds)
    if build:
        return
    terms = Terms(
        kinds=[kind for kind in kinds if kind.name in programs],
        programs=programs,
        generator=generator,
        rounds=rounds,
        seconds=seconds,
        directory=directory,
    )
    run = Run(
        command=_command(rows, servers, rounds, seconds),
        began=minute(datetime.now(UTC)),
        about={**about_machine(ROOT), "peers": _versions(terms.kinds), **missing},
    )
    samples = _samples(terms, chosen_rows, run, file)
    _shown([run], samples, note, write)
    ours = {row.ours for row in ROWS.values()}
    if any(sample.errors for sample in samples if sample.server in ours):
        raise SystemExit(1)


def _shown(
    runs: Sequence[Run], samples: Sequence[Sample], note: str | None, page: Path | None
) -> None:
    parts = [headings(runs), note, tables(Summary(samples))]
    text = "\n\n".join(part for part in parts if part)
    print(text)
    if page is not None:
        put_into(page, "peers", text)


def _chosen(asked: Sequence[str], known: Sequence[str], option: str) -> list[str]:
    words = [word.strip() for each in asked for word in each.split(",") if word.strip()]
    if not words:
        return list(known)
    found = set()
    for word in words:
        one = [word] if word in known else [name for name in known if name.startswith(f"{word}-")]
        if not one:
            raise click.BadParameter(
                f"there is no {word!r}. Known: {', '.join(known)}.", param_hint=option
            )
        found.update(one)
    return [name for name in known if name in found]


def _programs(kinds: Sequence[Kind]) -> tuple[dict[str, Path], dict[str, str]]:
    programs, missing = {}, {}
    for kind in kinds:
        if kind.package is None:
            programs[kind.name] = our_program()
            continue
        try:
            programs[kind.name] = PACKAGES[kind.package].get(BUILD)
        except (BuildError, subprocess.TimeoutExpired, OSError) as error:
            print(f"{kind.shown} is left out: {error}", file=sys.stderr)
            missing[f"{kind.shown}, left out"] = str(error).splitlines()[0]
    return programs, missing


def _versions(kinds: Sequence[Kind]) -> str:
    named = {
        f"{kind.package} {PACKAGES[kind.package].version}": None
        for kind in kinds
        if kind.package is not None
    }
    return ", ".join(named) or "none"


def _samples(terms: Terms, rows: Sequence[str], run: Run, file: Path | None) -> list[Sample]:
    taken = []
    with ExitStack() as stack:
        output = stack.enter_context(file.open("w")) if file is not None else sys.stdout
        print(run.line(), file=output, flush=True)
        measuring = stack.enter_context(
            Rounds(terms, lambda text: print(text, file=sys.stderr, flush=True))
        )
        for name in rows:
            for sample in measuring.measured(ROWS[name]):
                taken.append(sample)
                print(sample.line(), file=output, flush=True)
    return taken


def _command(rows: Sequence[str], servers: Sequence[str], rounds: int, seconds: float) -> str:
    """What another needs to repeat it: not where it wrote to."""
    words = ["python", "-m", "bench.peers", "--rounds", str(rounds), "--seconds", f"{seconds:g}"]
    for option, names in (("--row", rows), ("--server", servers)):
        if names:
            words += [option, ",".join(names)]
    return shlex.join(words)
