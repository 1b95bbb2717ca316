"""What several measurements are told in the same words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Parameter = Callable[[Callable[..., Any]], Callable[..., Any]]

rounds = click.option("--rounds", type=click.IntRange(1, 50), default=5, show_default=True)
samples = click.option(
    "--json",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a line of JSON for each sample to this file; standard output without it.",
)
page = click.option(
    "--write",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Put the tables between the marks of this page.",
)


def seconds(default: float, of: str) -> Parameter:
    """How long each is measured; ``of``: each what."""
    return click.option(
        "--seconds",
        type=click.FloatRange(0.2, 60),
        default=default,
        show_default=True,
        help=f"Of each {of}.",
    )


def directory(about: str) -> Parameter:
    """Where things are made; ``about`` says which."""
    return click.option(
        "--directory",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help=about,
    )
