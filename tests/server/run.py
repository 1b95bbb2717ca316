"""``python -m tests.server.run DIR FLAGS FACTORY``: the real parent over any application."""

import json
import os
import sys
from pathlib import Path

import click

from gateway.cli.banner import banner
from gateway.server.failure import StartError
from gateway.server.start import Started, serve
from gateway.settings.loader import Loaded, load


def main(folder: str, flags: str, factory: str) -> int:
    given = json.loads(flags)
    file = given.pop("file", None)

    def load_settings() -> Loaded:
        return load(
            flags=given,
            environ=os.environ,
            folder=None if file else Path(folder),
            file=Path(file) if file else None,
        )

    def announce(started: Started) -> None:
        click.echo(banner(started, "0"))
        click.echo(f"READY {started.endpoint} {started.metrics or '-'}")
        sys.stdout.flush()

    try:
        serve(load_settings(), load_again=load_settings, announce=announce, factory=factory)
    except StartError as error:
        click.echo(str(error), err=True)
        return int(error.exit)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
