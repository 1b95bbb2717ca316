"""``s3front version``."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as metadata_version

import click


def installed_version() -> str:
    """The version of the installed package; ``unknown`` in a source tree that is not installed."""
    try:
        return metadata_version("s3front")
    except PackageNotFoundError:
        return "unknown"


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"s3front {installed_version()}")
