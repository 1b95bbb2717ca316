"""``s3front dev``."""

import asyncio
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from gateway.access.credentials import Credentials
from gateway.cli.settings import BAD_CONFIGURATION, load_or_exit
from gateway.cli.version import installed_version
from gateway.observe import log
from gateway.observe.access_log import AccessLog
from gateway.server import sockets
from gateway.server.failure import StartError
from gateway.settings.address import Address
from gateway.settings.model import Settings, named
from gateway.testing.control import PREFIX
from gateway.testing.dev import ACCESS_KEY, SECRET_KEY, run
from gateway.testing.environment import sdk_environment

_TAKES = (
    "address",
    "buckets",
    "domains",
    "log_format",
    "log_level",
    "region",
    "root_access_key",
    "root_secret_key",
)
_EXAMPLES = f"""\b
Examples:
  s3front dev --bucket photos
  s3front dev --bucket photos -- npm test
  curl -d '{{"kind": "fail", "operation": "GetObject", "code": "SlowDown"}}' \\
      http://127.0.0.1:9000{PREFIX}faults
"""


@click.command(epilog=_EXAMPLES, context_settings={"ignore_unknown_options": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND ...]")
@click.option(
    "--address",
    help="Where to listen: host:port. [S3FRONT_ADDRESS; default: 127.0.0.1:9000, with COMMAND a free "
    "port]",
)
@click.option(
    "--bucket",
    "--buckets",
    "buckets",
    multiple=True,
    help="A bucket that is there. [S3FRONT_BUCKETS]",
)
@click.option("--region", help="Region of new buckets. [S3FRONT_REGION; default: us-east-1]")
@click.option(
    "--log-format",
    help="text, json, auto; off: no access log. [S3FRONT_LOG_FORMAT; default: auto, with COMMAND off]",
)
def dev(
    command: tuple[str, ...],
    address: str | None,
    buckets: tuple[str, ...],
    region: str | None,
    log_format: str | None,
) -> None:
    """Serve S3 from memory, for development and tests: NOTHING IS KEPT.

    The keys are well-known, so it listens on loopback only, unless you set S3FRONT_ROOT_ACCESS_KEY
    and S3FRONT_ROOT_SECRET_KEY. Faults and recorded requests are under /-/dev/ for programs of this
    machine. No file is read or written.

    With COMMAND it runs that, with the endpoint and the keys in its environment, and ends with it
    and its exit code.
    """
    flags = {
        "address": address or _beside_command(command, "address", "127.0.0.1:0"),
        "buckets": ",".join(buckets) or None,
        "region": region,
        "log_format": log_format or _beside_command(command, "log_format", "off"),
    }
    settings = _settings({name: value for name, value in flags.items() if value is not None})
    credentials = _credentials(settings)
    try:
        raise SystemExit(_serve(settings, credentials, command))
    except (StartError, ValueError) as error:
        click.echo(f"{click.style('Cannot serve.', fg='red', bold=True)} {error}", err=True)
        raise SystemExit(getattr(error, "exit", BAD_CONFIGURATION)) from None


def _beside_command(command: tuple[str, ...], field: str, value: str) -> str | None:
    """What is better than the default if a command is run, unless the environment has a say."""
    variable = named(field).env
    said = os.environ.get(variable) or os.environ.get(f"{variable}_FILE")
    return value if command and not said else None


def _settings(flags: dict[str, str]) -> Settings:
    """Of those that mean something here: no storage, no file."""
    names = {name for field in _TAKES for name in (named(field).env, named(field).minio) if name}
    names |= {f"{name}_FILE" for name in names}
    environ = {name: value for name, value in os.environ.items() if name in names}
    return load_or_exit(Path.cwd(), None, flags, environ=environ).settings


def _credentials(settings: Settings) -> Credentials:
    access_key, secret_key = settings.root_access_key, settings.root_secret_key
    if access_key is not None and secret_key is not None:
        return Credentials(
            root_access_key=access_key, root_secret_key=secret_key.get_secret_value()
        )
    if not settings.listen.is_loopback:
        click.echo(
            f"{click.style('Cannot serve.', fg='red', bold=True)} {settings.listen} is reached by "
            "others, and the keys of dev are known to everybody. Set S3FRONT_ROOT_ACCESS_KEY and "
            "S3FRONT_ROOT_SECRET_KEY, or listen on 127.0.0.1.",
            err=True,
        )
        raise SystemExit(BAD_CONFIGURATION)
    return Credentials(root_access_key=ACCESS_KEY, root_secret_key=SECRET_KEY)


def _serve(settings: Settings, credentials: Credentials, command: tuple[str, ...]) -> int:
    sink = log.stderr_sink()
    log.configure(sink, form=settings.log_format, level=settings.log_level)
    access_log = AccessLog(sink, log.access_form(settings.log_format, sink))
    try:
        with sockets.reserve(settings.listen) as sock:
            host, port = settings.listen.host, sock.getsockname()[1]
            endpoint = (
                f"http://{Address(host=Address(host=host, port=port).reachable_host, port=port)}"
            )
            variables = sdk_environment(
                endpoint,
                access_key=credentials.root_access_key,
                secret_key=credentials.root_secret_key,
                region=settings.region,
            )
            return asyncio.run(
                run(
                    settings,
                    credentials,
                    sock,
                    ready=lambda: _announce(settings, endpoint, variables, aside=bool(command)),
                    observe=access_log.write,
                    command=command,
                    variables=variables,
                )
            )
    finally:
        sink.close()


def _announce(
    settings: Settings, endpoint: str, variables: Mapping[str, str], *, aside: bool
) -> None:
    """``aside``: standard output belongs to the command."""
    known = variables["AWS_SECRET_ACCESS_KEY"] == SECRET_KEY
    buckets = ", ".join(bucket.name for bucket in settings.buckets) or "none yet"
    secret = SECRET_KEY if known else "(from the settings)"
    title = f"S3front {installed_version()}, for development: "
    lines = [
        click.style(title, fg="green", bold=True)
        + click.style("ALL DATA IS IN MEMORY AND GONE WHEN THIS ENDS.", fg="yellow", bold=True),
        "",
        f"  Endpoint    {click.style(endpoint, bold=True)}",
        f"  Access key  {variables['AWS_ACCESS_KEY_ID']}",
        f"  Secret key  {secret}",
        f"  Buckets     {buckets}",
        f"  Faults      {endpoint}{PREFIX}faults",
        "",
    ]
    if not aside:
        shown = {**variables, "AWS_SECRET_ACCESS_KEY": SECRET_KEY if known else "..."}
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
        lines += ["  Try it:"]
        lines += [f"    export {name}={shlex.quote(shown[name])}" for name in names]
        lines += [f"    aws --endpoint-url {endpoint} s3 ls", ""]
    click.echo("\n".join(lines), err=aside)
