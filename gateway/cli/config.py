"""``s3front config``: check and show."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gateway.cli.settings import given, load_or_exit, refuse, with_settings
from gateway.server.failure import StartError
from gateway.server.storages import refusals
from gateway.server.tls import Certificate
from gateway.settings.loader import Loaded
from gateway.settings.model import Settings

_SECRET_WORDS = ("secret", "password", "token", "access_key", "access-key", "private")
_NO_SECRETS = frozenset({"allow_private"})
_HIDDEN = "(hidden)"


_EXAMPLES = """\b
Examples:
  s3front config check -c /etc/s3front.toml && systemctl reload s3front
  S3FRONT_WORKERS=4 s3front config show
"""


@click.group(epilog=_EXAMPLES)
def config() -> None:
    """Check and show the settings."""


@config.command(short_help="Exit 0 if the settings can be used, else 2.")
@with_settings
def check(folder: Path | None, file: Path | None, **options: Any) -> None:
    """Exit 0 if the settings can be used, 2 if not, with every problem told."""
    loaded = load_or_exit(folder, file, given(options))
    settings = loaded.settings
    if settings.tls_cert is not None and settings.tls_key is not None:
        try:
            Certificate(settings.tls_cert, settings.tls_key)
        except StartError as error:
            click.echo(str(error), err=True)
            raise SystemExit(int(error.exit)) from None
    refused = list(refusals(settings))
    if refused:
        refuse(*refused)
    for warning in loaded.warnings:
        click.echo(f"Warning: {warning}", err=True)
    click.echo("The settings can be used.")


@config.command(short_help="Print the settings in force, and where each was given.")
@with_settings
def show(folder: Path | None, file: Path | None, **options: Any) -> None:
    """Print all settings as TOML, each with where it was given. Secrets are hidden."""
    loaded = load_or_exit(folder, file, given(options))
    for notice in (*loaded.notices, *loaded.warnings):
        click.echo(f"# {notice}")
    for line in _lines(loaded):
        click.echo(line)


def _lines(loaded: Loaded) -> Iterator[str]:
    settings = loaded.settings
    for name in Settings.model_fields:
        value = getattr(settings, name)
        origin = loaded.origins.get(name, "default")
        if name == "storages":
            continue
        if value is None:
            yield f"# {name} is not set"
            continue
        if name == "root_secret_key":
            value = _HIDDEN
        if name == "buckets":
            value = [bucket.name for bucket in value]
        yield f"{name} = {_toml(value)}  # {origin}"
    for name, storage in settings.storages.items():
        yield ""
        yield f"[storages.{name}]"
        yield f"type = {_toml(storage.type)}"
        for option, value in storage.given().items():
            secret = option not in _NO_SECRETS and any(w in option.lower() for w in _SECRET_WORDS)
            yield f"{option} = {_toml(_HIDDEN if secret else value)}"


def _toml(value: object) -> str:
    # JSON's texts, numbers, booleans and lists are TOML's too.
    return json.dumps(list(value) if isinstance(value, tuple) else value, default=str)
