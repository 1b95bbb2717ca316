"""The settings on the command line: options from the model, refusals for people."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from gateway.cli import parameters
from gateway.settings.loader import Loaded, load
from gateway.settings.model import Settings, in_order, named
from gateway.settings.problems import Problem, SettingsError
from gateway.settings.table import written_default

BAD_CONFIGURATION = 2

Decorated = TypeVar("Decorated", bound=Callable[..., object])


def with_settings(command: Decorated) -> Decorated:
    """Add DIR, ``-c`` and one option for each setting that has a flag."""
    for name in reversed(in_order()):
        how = named(name)
        if how.flag is None:
            continue
        description = (Settings.model_fields[name].description or "").replace("`", "")
        default = written_default(name)
        named_in = f"[{how.env}]" if not default else f"[{how.env}; default: {default}]"
        command = click.option(
            how.flag,
            name,
            multiple=how.many,
            metavar=name.upper(),
            help=f"{description} {named_in}",
        )(command)
    return parameters.folder(parameters.config(command))


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The flags that were given, by field; a list given several times is one list."""
    flags: dict[str, Any] = {}
    for name, value in options.items():
        if isinstance(value, tuple):
            if value:
                flags[name] = ",".join(value)
        elif value is not None:
            flags[name] = value
    return flags


def load_or_exit(
    folder: Path | None,
    file: Path | None,
    flags: dict[str, Any],
    *,
    environ: Mapping[str, str] = os.environ,
) -> Loaded:
    """The settings; prints what is wrong with them and exits 2."""
    try:
        return load(flags=flags, environ=environ, folder=folder, file=file)
    except SettingsError as error:
        refuse(*(_styled(problem) for problem in error.problems))


def refuse(*problems: str) -> NoReturn:
    """Print every problem and exit 2."""
    click.echo(click.style("The settings cannot be used.", fg="red", bold=True), err=True)
    for problem in problems:
        click.echo(f"  {problem}", err=True)
    raise SystemExit(BAD_CONFIGURATION)


def _styled(problem: Problem) -> str:
    return f"{click.style(problem.key, bold=True)}: {problem.wrong} {problem.fix}"
