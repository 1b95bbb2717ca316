"""``s3front healthcheck``."""

import http.client
import ssl
from pathlib import Path

import click

from gateway.cli import parameters
from gateway.cli.settings import load_or_exit
from gateway.settings.model import Settings

_EXAMPLES = """\b
In a Dockerfile:
  HEALTHCHECK CMD ["s3front", "healthcheck"]
"""


@click.command(epilog=_EXAMPLES)
@parameters.folder
@parameters.config
@click.option("--address", help="Where the server listens: host:port. [S3FRONT_ADDRESS]")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 60),
    default=5.0,
    show_default=True,
    help="Seconds to wait for the answer.",
)
def healthcheck(
    folder: Path | None, file: Path | None, address: str | None, timeout_s: float
) -> None:
    """Ask the server whether it is ready: exit 0 if it is, 1 if not.

    Give what `s3front serve` was given; in a container the environment says it all.
    """
    try:
        loaded = load_or_exit(folder, file, {} if address is None else {"address": address})
    except SystemExit:
        raise SystemExit(1) from None
    ready, text = ask(loaded.settings, timeout_s)
    click.echo(text, err=not ready)
    raise SystemExit(0 if ready else 1)


def ask(settings: Settings, timeout_s: float) -> tuple[bool, str]:
    """Whether the server of these settings is ready, and what it says."""
    listen = settings.listen
    connection: http.client.HTTPConnection
    if settings.tls_cert is None:
        connection = http.client.HTTPConnection(
            listen.reachable_host, listen.port, timeout=timeout_s
        )
    else:
        # The certificate is for the public name, not for this loopback address; nothing secret
        # is sent or believed.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            listen.reachable_host, listen.port, timeout=timeout_s, context=context
        )
    try:
        connection.request("GET", "/-/ready")
        answer = connection.getresponse()
        said = answer.read(200).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        how = "without TLS" if settings.tls_cert is None else "with TLS"
        return False, f"{listen} does not answer: {error}. Is the server running there, {how}?"
    finally:
        connection.close()
    if answer.status == http.client.OK:
        return True, said
    return False, f"{listen} is not ready ({answer.status}): {said}"
