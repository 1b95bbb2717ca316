"""``s3front serve`` and ``s3front server``."""

import os
from pathlib import Path
from typing import Any

import click

from gateway.cli.banner import banner
from gateway.cli.settings import given, load_or_exit, with_settings
from gateway.cli.version import installed_version
from gateway.launch import Launched
from gateway.server.failure import StartError
from gateway.server.start import Started
from gateway.server.start import serve as start_server
from gateway.settings.loader import Loaded, load

_CODES = "Exit codes: 2 the settings are wrong, 3 a storage cannot be used, 1 anything else."
_SERVE = f"""\b
Examples:
  s3front serve ./photos
  s3front serve ./photos --address :9000 --workers 4
  s3front serve -c /etc/s3front.toml
  S3FRONT_BUCKETS=raw,site s3front serve ./data
  s3front serve ./data --domain s3.example.com --tls-cert cert.pem --tls-key key.pem

{_CODES}
"""
_SERVER = f"""\b
Example:
  MINIO_ROOT_USER=admin MINIO_ROOT_PASSWORD=secret123 s3front server /data --address :9000

{_CODES}
"""


@click.command(epilog=_SERVE)
@with_settings
@click.pass_obj
def serve(
    ahead: Launched | None, /, folder: Path | None, file: Path | None, **options: Any
) -> None:
    """Serve S3 until SIGTERM or Ctrl-C. SIGHUP reloads settings and certificate.

    DIR is a directory whose first-level folders become buckets, and the files in these objects:
    those that are there already, and those that others put there later. Without DIR and -c the
    settings are in ./s3front.toml, or the directory is ./data. Catalog and generated keys are kept
    in DIR/.s3front. A flag goes before the environment, that before the file.

    The owner's keys are S3FRONT_ROOT_ACCESS_KEY and S3FRONT_ROOT_SECRET_KEY (or, with _FILE
    appended, files that hold them); without them keys are generated and printed once.
    """
    _run(ahead, folder, file, given(options))


@click.command(epilog=_SERVER)
@with_settings
@click.option("--console-address", hidden=True, help="Accepted for MinIO's habit; not used.")
@click.pass_obj
def server(
    ahead: Launched | None,
    /,
    folder: Path | None,
    file: Path | None,
    console_address: str | None,
    **options: Any,
) -> None:
    """Serve S3, spelt as MinIO's users know it. The same as `s3front serve`."""
    if console_address is not None:
        click.echo("--console-address is ignored: there is no console on its own port.", err=True)
    _run(ahead, folder, file, given(options))


def _run(
    ahead: Launched | None, folder: Path | None, file: Path | None, flags: dict[str, Any]
) -> None:
    loaded = load_or_exit(folder, file, flags)

    def load_again() -> Loaded:
        return load(flags=flags, environ=os.environ, folder=folder, file=file)

    try:
        start_server(
            loaded,
            load_again=load_again,
            announce=_announce,
            ahead=() if ahead is None else (ahead,),
        )
    except StartError as error:
        click.echo(f"{click.style('Cannot serve.', fg='red', bold=True)} {error}", err=True)
        raise SystemExit(int(error.exit)) from None


def _announce(started: Started) -> None:
    click.echo(banner(started, installed_version()))
