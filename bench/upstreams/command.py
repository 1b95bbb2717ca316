"""The command line."""

import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click

from bench import parameters
from bench.machine import about_machine
from bench.page import heading, minute, put_into
from bench.peers.load import LoadError
from bench.peers.packages import BUILD, PACKAGES, ROOT, load_generator
from bench.server import ServerError
from bench.upstreams.measuring import ROWS, Sample, Terms, measured
from bench.upstreams.servers import UPSTREAMS
from bench.upstreams.summary import lines, table
from conformance.outcome import BuildError


@click.command(context_settings={"max_content_width": 100})
@click.option("--row", "rows", multiple=True, type=click.Choice(list(ROWS)), help="Only these.")
@click.option(
    "--upstream", "names", multiple=True, type=click.Choice(list(UPSTREAMS)), help="Only these."
)
@parameters.rounds
@parameters.seconds(2.0, "way in each round of each row")
@parameters.directory("Where the servers' directories are made.")
@parameters.samples
@parameters.page
def upstreams(
    *,
    rows: Sequence[str],
    names: Sequence[str],
    rounds: int,
    seconds: float,
    directory: Path | None,
    file: Path | None,
    write: Path | None,
) -> None:
    """Measure what S3front adds to nginx (WebDAV) and versitygw (S3), in interleaved rounds.

    JSON lines, then a table in Markdown. Exit code 1 if an answer was not as it must be.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    chosen = [name for name in UPSTREAMS if not names or name in names]
    began = datetime.now(UTC)
    try:
        terms = Terms(
            generator=load_generator(BUILD), rounds=rounds, seconds=seconds, directory=directory
        )
        samples = _samples(chosen, [row for row in ROWS if not rows or row in rows], terms, file)
    except (BuildError, ServerError, LoadError) as error:
        raise click.ClickException(str(error)) from None
    about = {**about_machine(ROOT), "upstreams": ", ".join(map(_version, chosen))}
    command = _command(rows, names, rounds, seconds)
    text = f"{heading(command, about, minute(began))}\n\n{table(lines(samples))}"
    print(text)
    if write is not None:
        put_into(write, "upstreams", text)
    if any(sample.errors for sample in samples):
        raise SystemExit(1)


def _samples(
    names: Sequence[str], rows: Sequence[str], terms: Terms, file: Path | None
) -> list[Sample]:
    taken = []
    with ExitStack() as stack:
        output = stack.enter_context(file.open("w")) if file is not None else sys.stdout
        for name in names:
            program = PACKAGES[UPSTREAMS[name].kind.package or ""].get(BUILD)
            for sample in measured(
                name,
                program,
                rows,
                terms,
                lambda text: print(text, file=sys.stderr, flush=True),
            ):
                taken.append(sample)
                print(sample.line(), file=output, flush=True)
    return taken


def _version(name: str) -> str:
    package = UPSTREAMS[name].kind.package or ""
    return f"{package} {PACKAGES[package].version}"


def _command(rows: Sequence[str], names: Sequence[str], rounds: int, seconds: float) -> str:
    """What another needs to repeat it: not where it wrote to."""
    words = ["python", "-m", "bench.upstreams", "--rounds", str(rounds)]
    words += ["--seconds", f"{seconds:g}"]
    for option, chosen in (("--row", rows), ("--upstream", names)):
        for each in chosen:
            words += [option, each]
    return shlex.join(words)
