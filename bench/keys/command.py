"""The command line."""

import json
import signal
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from bench import parameters
from bench.keys.extrapolation import markdown
from bench.keys.measuring import KeysError, Terms, files_of, measured
from bench.machine import about_machine
from bench.page import heading, minute, put_into
from bench.peers.load import LoadError
from bench.peers.packages import BUILD, ROOT, load_generator
from bench.server import ServerError
from conformance.outcome import BuildError

_MILLION = 1_000_000
_WITH_DISK = "PUT and HEAD are of objects with files, put among the others."


@click.command(context_settings={"max_content_width": 100})
@click.option(
    "--millions",
    default="1,3,10",
    show_default=True,
    help="Sizes of the catalog, in rising order, at least two.",
)
@parameters.seconds(2.0, "round")
@parameters.rounds
@parameters.directory("Where the server's directory is made: 10 million keys need 3 GB.")
@click.option(
    "--write",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Put the table between the marks of this page.",
)
def keys(
    *, millions: str, seconds: float, rounds: int, directory: Path | None, write: Path | None
) -> None:
    """Measure S3front with millions of keys and extrapolate to a hundred million.

    The catalog is loaded in bulk: rows without files. A line of JSON for each size, then a table
    in Markdown.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    counts = _counts(millions)
    began = datetime.now(UTC)
    steps = []
    try:
        terms = Terms(
            counts=counts, rounds=rounds, seconds=seconds, generator=load_generator(BUILD)
        )
        with tempfile.TemporaryDirectory(prefix="s3front-bench-", dir=directory) as name:
            place = Path(name)
            for step in measured(place, terms, lambda text: print(text, file=sys.stderr)):
                steps.append(step)
                print(json.dumps(asdict(step)), flush=True)
            files = files_of(place)
    except (ServerError, LoadError, KeysError, BuildError) as error:
        raise click.ClickException(str(error)) from None
    command = f"python -m bench.keys --millions {millions} --rounds {rounds} --seconds {seconds:g}"
    table = markdown(steps, files)
    text = f"{heading(command, about_machine(ROOT), minute(began))}\n\n{_WITH_DISK}\n\n{table}"
    print(text)
    if write is not None:
        put_into(write, "keys", text)


def _counts(millions: str) -> list[int]:
    try:
        counts = [round(float(word) * _MILLION) for word in millions.split(",")]
    except ValueError:
        raise click.BadParameter(
            "numbers with commas between them", param_hint="--millions"
        ) from None
    if len(counts) < 2 or sorted(set(counts)) != counts or counts[0] < 1:
        raise click.BadParameter("at least two, rising", param_hint="--millions")
    return counts
