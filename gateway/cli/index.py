"""``s3front index``."""

import asyncio
import json
import secrets
import time
from pathlib import Path

import click

from backends.errors import StorageError
from backends.interface import Can
from gateway.catalog.errors import CatalogError, NoSuchBucket
from gateway.catalog.outside import MissingLimit
from gateway.cli import parameters
from gateway.cli.opening import opened
from gateway.cli.progress import progress_bars
from gateway.cli.settings import load_or_exit
from gateway.jobs.indexing import Indexing
from gateway.observe import log
from gateway.safekeeping.steps import Steps
from gateway.server.directories import existing_catalog
from gateway.server.failure import Exit, StartError
from gateway.service.certainty import identify
from gateway.service.looking import Looking
from gateway.settings.model import Settings

_EXAMPLES = """\b
Examples:
  s3front index photos -c /etc/s3front.toml
  s3front index photos -c s3front.toml --json | jq .new

The server indexes by itself, at half speed, and polls afterwards (poll_seconds). Run this to have it done
now, or after a bucket or a folder of the storage was replaced on purpose: absence is believed again
afterwards. Stopped in the middle, by whatever, it goes on from there the next time.

Exit codes: 0 the bucket is indexed, 1 there is no such bucket, 2 the settings are wrong, 3 a storage
cannot be used.
"""


@click.command(epilog=_EXAMPLES)
@click.argument("name", metavar="BUCKET")
@parameters.folder
@parameters.config
@click.option("--json", "as_json", is_flag=True, help="The counts as one JSON object.")
def index(name: str, folder: Path | None, file: Path | None, *, as_json: bool) -> None:
    """Make objects of all that others put into BUCKET, behind a network. The server may run.

    Give what `s3front serve` was given. What is on the storage stays as it is: each file gets a row in the
    catalog, and listings need not ask the storage any more.
    """
    settings = load_or_exit(folder, file, {}).settings
    sink = log.stderr_sink()
    log.configure(sink, form="text", level="error")
    began = time.monotonic()
    try:
        catalog = existing_catalog(settings, purpose="index")
        with progress_bars() as steps:
            indexing = asyncio.run(_index(settings, catalog, name, steps))
    except NoSuchBucket:
        fix = "Create it: a folder of that name becomes its content."
        click.echo(f"There is no bucket {name!r}. {fix}", err=True)
        raise SystemExit(Exit.FAILED) from None
    except (StartError, StorageError, CatalogError, OSError) as error:
        click.echo(f"{click.style('Cannot index.', fg='red', bold=True)} {error}", err=True)
        raise SystemExit(getattr(error, "exit", Exit.STORAGE_FAILED)) from None
    finally:
        sink.close()
    _summary(indexing, time.monotonic() - began, as_json=as_json)


async def _index(settings: Settings, file: Path, name: str, steps: Steps) -> Indexing:
    async with opened(settings, file) as (catalog, storages):
        bucket = await catalog.bucket(name)
        storage = storages.get(bucket.storage)
        if storage is None or Can.STAGE in storage.can:
            raise StartError(
                f"storages.{bucket.storage} is not behind a network: the server sees by itself what "
                "happens there.",
                exit=Exit.BAD_CONFIGURATION,
            )
        await identify(catalog, bucket.storage, storage, lambda: secrets.token_hex(16), anew=True)
        look = Looking(
            catalog=catalog,
            storage=storage,
            name=bucket.storage,
            missing=MissingLimit(count=settings.missing_limit, share=settings.missing_share),
            now_ns=time.time_ns,
        )
        steps.begin(f"indexing {name}")
        indexing = Indexing(look, bucket, told=steps.advance)
        await indexing.run()
        indexing.bucket = await catalog.bucket(name)
        return indexing


def _summary(indexing: Indexing, seconds: float, *, as_json: bool) -> None:
    outcome = indexing.outcome
    counts = {
        "names": indexing.seen,
        "new": outcome.adopted,
        "changed": outcome.changed,
        "back": outcome.restored,
        "refused": outcome.refused,
        "indexed": indexing.bucket.indexed,
    }
    if as_json:
        click.echo(json.dumps(counts))
        return
    text = (
        f"{indexing.seen:,} names looked at in {seconds:.1f} s: {outcome.adopted:,} new, "
        f"{outcome.changed:,} changed, {outcome.restored:,} back, {outcome.refused:,} left alone."
    )
    click.echo(text)
    if not indexing.bucket.indexed:
        click.echo(
            'Listings still ask the storage: the settings say index = "off" for this bucket.'
        )
