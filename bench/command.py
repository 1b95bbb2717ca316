"""The command line."""

import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console

from bench import parameters
from bench.crew import GeneratorError
from bench.figure import TABLE_WIDTH, Figure, table
from bench.run import FINISH_S, FULL_S, NAMES, SHORT_S, Terms, chosen, figures
from bench.scenarios import SCENARIOS
from bench.server import Server, ServerError, running, served

_EXAMPLES = """\b
Examples:
  python -m bench                                   everything, under four minutes
  python -m bench --seconds 30                      the small scenarios, shortly
  python -m bench --scenario get-4k,put-1m --workers 2
  python -m bench --durability relaxed --json relaxed.json
  python -m bench --scenario head -- --log-format off
  python -m bench --endpoint http://127.0.0.1:9000 --pid 4711

\b
Scenarios; a beginning like put-1m or memory means all that begin so:
"""
_ABOUT = {
    "idle-rss": "memory after the start, before any load",
    "cold-start": "from the command to the first answer",
    **{name: scenario.about for name, scenario in SCENARIOS.items()},
}
_EPILOG = _EXAMPLES + "\n".join(f"  {name:<26}{_ABOUT[name]}" for name in NAMES)


@click.command(epilog=_EPILOG, context_settings={"max_content_width": 100})
@click.option(
    "--seconds",
    type=click.FloatRange(1, 600),
    help=f"How long the whole run may take, start included.  [default: {FULL_S:.0f}, less if "
    f"scenarios are named] Under {SHORT_S:.0f} the large scenarios are left out unless named.",
)
@click.option(
    "--scenario",
    "asked",
    multiple=True,
    metavar="NAME",
    help="What to measure; several with commas, or the option again. All without it.",
)
@click.option(
    "--endpoint",
    metavar="URL",
    help="A server that runs, on loopback; its owner's keys in S3FRONT_ROOT_ACCESS_KEY and "
    "S3FRONT_ROOT_SECRET_KEY. Without it S3front is started on an empty directory.",
)
@click.option(
    "--pid",
    type=click.IntRange(1),
    help="The endpoint's process; without it nothing is known of CPU and memory.",
)
@click.option(
    "--json",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a line of JSON for each figure to this file.",
)
@click.option(
    "--durability",
    type=click.Choice(["full", "relaxed"]),
    default="full",
    show_default=True,
    help="Of the server that is started.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Of the server that is started.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="Generators the clients are spread over; more if one of them is busier than the server.",
)
@parameters.directory(
    "Where the server's temporary directory is made: a disk like the one of interest."
)
@click.argument("server_options", nargs=-1)
def bench(
    *,
    seconds: float | None,
    asked: tuple[str, ...],
    endpoint: str | None,
    pid: int | None,
    file: Path | None,
    durability: str,
    workers: int,
    processes: int,
    directory: Path | None,
    server_options: tuple[str, ...],
) -> None:
    """Measure what S3 operations cost the server.

    CPU per operation first, then rate and latency; what the figures mean and how to compare them
    is in bench/README.md. A table on a terminal, otherwise a line of JSON for each figure.
    SERVER_OPTIONS, after --, go to `s3front serve`. Exit code 1 if any request was not answered as
    it must be.
    """
    began = time.monotonic()
    if endpoint is None and pid is not None:
        raise click.UsageError("--pid goes with --endpoint.")
    if endpoint is not None and server_options:
        raise click.UsageError("Options of the server go with one that is started here.")
    names, total = _chosen(asked, seconds)
    options = ["--durability", durability, "--workers", str(workers), *server_options]
    terms = Terms(
        names=names,
        ends=began + total - FINISH_S,
        processes=processes,
        options=options,
        directory=directory,
        started_here=endpoint is None,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with ExitStack() as stack:
            written = stack.enter_context(file.open("w")) if file is not None else None
            if endpoint is None:
                server = stack.enter_context(served(options, directory))
            else:
                server = running(endpoint, pid)
            failed = _measure(server, terms, written)
    except (ServerError, GeneratorError) as error:
        raise click.ClickException(str(error)) from None
    if failed:
        raise SystemExit(1)


def _chosen(asked: Sequence[str], seconds: float | None) -> tuple[list[str], float]:
    words = [word.strip() for each in asked for word in each.split(",") if word.strip()]
    try:
        return chosen(words, seconds)
    except KeyError as error:
        known = ", ".join(NAMES)
        raise click.BadParameter(
            f"there is no {error}. Known: {known}.", param_hint="--scenario"
        ) from None


def _measure(server: Server, terms: Terms, file: TextIO | None) -> bool:
    """Whether there were errors."""
    console = Console()
    shown: list[Figure] = []
    with console.status("") as status, closing(figures(server, terms, status.update)) as measured:
        for each in measured:
            shown.append(each)
            if file is not None:
                print(each.line(), file=file, flush=True)
            if not console.is_terminal:
                print(each.line(), flush=True)
            for text in each.first_errors:
                print(f"{each.scenario}: {text}", file=sys.stderr, flush=True)
    if console.is_terminal:
        # A narrow terminal breaks the lines; it must not cut the figures.
        Console(width=max(console.width, TABLE_WIDTH)).print(table(shown))
    return any(each.errors for each in shown)
