"""``s3front storage``: the storages of the settings, and whether they work."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from backends import registry
from backends.trying import Finding, Grade
from gateway.cli import parameters
from gateway.cli.settings import load_or_exit
from gateway.server.failure import Exit
from gateway.settings.mirrors import mirror_settings
from gateway.settings.model import Settings
from gateway.settings.parts import StorageSettings

_EXAMPLES = """\b
Examples:
  s3front storage list -c /etc/s3front.toml
  s3front storage test cloud -c /etc/s3front.toml
  s3front storage test -c s3front.toml && s3front serve -c s3front.toml

Exit codes of test: 0 all works, 2 the settings are wrong, 3 a storage cannot be used.
"""
_MARKS = {
    Grade.GOOD: ("ok   ", "green"),
    Grade.NOTE: ("note ", "yellow"),
    Grade.WRONG: ("WRONG", "red"),
}


@click.group(epilog=_EXAMPLES)
def storage() -> None:
    """Show the storages of the settings, and try whether they work."""


@storage.command(name="list", short_help="Name, type and place of each storage.")
@parameters.config
def list_(file: Path | None) -> None:
    """Print the storages: name, type, where it is. One with * takes what no bucket places elsewhere."""
    settings = load_or_exit(None, file, {}).settings
    for name, one in settings.storages.items():
        mark = "*" if name == settings.home else " "
        click.echo(f"{mark} {name}  {one.type}  {place_of(one)}")


@storage.command(short_help="Write, read, list, copy and delete something small there.")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@parameters.config
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def test(names: Sequence[str], file: Path | None, *, as_json: bool) -> None:
    """Try whether storages work: all of them, or those that are named. Of a mirror: its members.

    Something small is written below the reserved name, read, read in part, listed, copied and deleted
    again; clocks are compared. What is wrong is told with what to change. The server may run.
    """
    settings = load_or_exit(None, file, {}).settings
    for name in names:
        if name not in settings.storages:
            known = ", ".join(settings.storages)
            click.echo(f"There is no storage {name!r}; the settings have: {known}.", err=True)
            raise SystemExit(int(Exit.BAD_CONFIGURATION))
    work = [_works(settings, name, as_json=as_json) for name in _tried(settings, names)]
    raise SystemExit(0 if all(work) else int(Exit.STORAGE_FAILED))


def place_of(one: StorageSettings) -> str:
    """Where it is, without anything that is secret."""
    if one.type == "mirror":
        return f"of {', '.join(mirror_settings('', one).storages)}"
    place = str(one.options.get("root") or one.options.get("endpoint") or "")
    if "bucket" in one.options:
        place = f"{place}, bucket {one.options['bucket']}"
    if one.options.get("prefix"):
        place = f"{place}, prefix {one.options['prefix']}"
    return place


def _tried(settings: Settings, names: Sequence[str]) -> Iterable[str]:
    """Each once, and the members of a mirror after it."""
    mirrors = settings.mirrors
    found: dict[str, None] = {}
    for name in names or settings.storages:
        members = mirrors[name].storages if name in mirrors else ()
        found.update(dict.fromkeys((name, *members)))
    return found


def _works(settings: Settings, name: str, *, as_json: bool) -> bool:
    one = settings.storages[name]
    if name in settings.mirrors:
        if not as_json:
            click.echo(
                f"{name}: {one.type}, {place_of(one)}: what its members do is what it can do"
            )
        return True
    try:
        findings = asyncio.run(registry.probe(one.type, one.options, anew=True))
    except ValueError as error:
        findings = [Finding(grade=Grade.WRONG, tried="read its settings", text=str(error))]
    wrong = [finding for finding in findings if finding.grade is Grade.WRONG]
    if as_json:
        for finding in findings:
            told = {"storage": name, "grade": finding.grade.value, "tried": finding.tried}
            click.echo(json.dumps({**told, "text": finding.text}, ensure_ascii=False))
        return not wrong
    click.echo(f"{name}: {one.type}, {place_of(one)}")
    for finding in findings:
        mark, colour = _MARKS[finding.grade]
        text = f": {finding.text}".replace("\n", "\n        ") if finding.text else ""
        click.echo(f"  {click.style(mark, fg=colour)} {finding.tried}{text}")
    if any("permission" in finding.text for finding in wrong):
        policy = registry.policy(one.type, one.options)
        if policy is not None:
            click.echo("  The least that its account must be allowed:")
            click.echo(json.dumps(policy, indent=2))
    return not wrong
