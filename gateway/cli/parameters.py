"""What several commands are told in the same words: whose server is meant."""

from pathlib import Path

import click

folder = click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
"""The directory of the default storage."""

config = click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file of the server (TOML). [S3FRONT_CONFIG]",
)
