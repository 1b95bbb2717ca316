"""``s3front rebuild``."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from backends.errors import StorageError
from gateway.catalog.errors import CatalogError
from gateway.catalog.sqlite.copying import copy_online
from gateway.catalog.sqlite.drafting import Draft
from gateway.cli import parameters
from gateway.cli.progress import progress_bars
from gateway.cli.settings import load_or_exit
from gateway.safekeeping import marks
from gateway.safekeeping.bases import Base, Source, choose
from gateway.safekeeping.outcome import Outcome
from gateway.safekeeping.rebuilding import MostAreMissing, Rebuild
from gateway.safekeeping.sightings import Sightings
from gateway.safekeeping.steps import Steps
from gateway.safekeeping.swapping import swap
from gateway.server.deposits import deposits_of
from gateway.server.directories import Directories, catalog_of, snapshot_folder
from gateway.server.failure import Exit, StartError
from gateway.server.storages import storages_of
from gateway.settings.model import Settings

_UNFINISHED = ".rebuilding"
_SIGHTINGS = ".rebuild-seen"
_EXAMPLES = """\b
Examples:
  s3front rebuild ./data
  s3front rebuild -c /etc/s3front.toml
  s3front rebuild ./data --from snapshot     the catalog itself is not to be trusted

Exit codes: 2 the settings are wrong, 3 a storage cannot be used, 1 anything else.
"""


@click.command(epilog=_EXAMPLES)
@parameters.folder
@parameters.config
@click.option(
    "--from",
    "source",
    type=click.Choice(["auto", "snapshot", "files"]),
    default="auto",
    show_default=True,
    help="What to begin with. auto: the catalog if it is whole, else the newest whole snapshot; "
    "snapshot: the newest whole snapshot; files: nothing but what the files say of themselves.",
)
@click.option(
    "--accept-missing",
    is_flag=True,
    help="Go on although the bytes of most objects of the catalog are not there.",
)
def rebuild(folder: Path | None, file: Path | None, source: Source, accept_missing: bool) -> None:
    """Make the catalog anew from a snapshot and the files. The server must not run.

    Give what `s3front serve` was given. Objects whose bytes are gone are out of sight until these are back, files that say
    of themselves what they are become objects again; files are only read. The old catalog is kept
    beside the new one as catalog.db.before-rebuild-TIME. It may be interrupted at any time: then
    everything is as it was.
    """
    settings = load_or_exit(folder, file, {}).settings
    try:
        _refuse_what_is_not_there(settings)
        directories = Directories(settings)
        try:
            with progress_bars() as steps:
                text = _rebuild(settings, directories.catalog, source, steps, accept_missing)
        finally:
            directories.close()
        click.echo(text)
    except StartError as error:
        _fail(str(error), error.exit)
    except MostAreMissing as error:
        _fail(
            f"{error}. Nothing is changed. Is the storage mounted? If they are lost, add "
            "--accept-missing.",
            Exit.STORAGE_FAILED,
        )
    except StorageError as error:
        _fail(f"A storage cannot be read: {error}. Nothing is changed.", Exit.STORAGE_FAILED)
    except (CatalogError, OSError) as error:
        _fail(f"{error}. Nothing is changed; look at the space left.", Exit.FAILED)


def _refuse_what_is_not_there(settings: Settings) -> None:
    for name, storage in settings.storages.items():
        if storage.type == "local" and not Path(str(storage.options["root"])).is_dir():
            raise StartError(
                f"storages.{name}: there is no directory {storage.options['root']}. "
                "Name the one that was served.",
                exit=Exit.STORAGE_FAILED,
            )
    catalog = catalog_of(settings, purpose="rebuild from")
    unfinished = marks.read(catalog.parent, marks.UNFINISHED)
    if unfinished is not None:
        raise StartError(
            f"{catalog.parent.parent} is an unfinished {unfinished.what}: run that again.",
            exit=Exit.STORAGE_FAILED,
        )


def _rebuild(
    settings: Settings, catalog: Path, source: Source, steps: Steps, accept_missing: bool
) -> str:
    began = time.monotonic()
    folder = snapshot_folder(settings, catalog)

    def fetch() -> Sequence[str]:
        return asyncio.run(_fetch(settings, folder, steps))

    base = choose(source, catalog, folder, steps, fetch=fetch)
    for reason in base.passed_over:
        click.echo(f"Passed over {reason}", err=True)
    new = Path(f"{catalog}{_UNFINISHED}")
    for suffix in ("", "-journal", "-wal", "-shm"):
        Path(f"{new}{suffix}").unlink(missing_ok=True)
    if base.file is not None:
        steps.begin(f"copying {base.file.name}")
        copy_online(base.file, new, paced=False)
    sightings = Sightings(Path(f"{catalog}{_SIGHTINGS}"))
    draft = Draft(new)
    try:
        outcome = asyncio.run(_run(settings, draft, steps, sightings, accept_missing))
        draft.finish()
    except BaseException:
        draft.discard()
        sightings.close(finished=False)
        raise
    sightings.close(finished=True)
    kept = swap(new, catalog, now=datetime.now(UTC))
    return _summary(outcome, base, kept, time.monotonic() - began)


async def _fetch(settings: Settings, folder: Path, steps: Steps) -> Sequence[str]:
    """Bring the newest snapshot that the default storage keeps behind a network."""
    home = storages_of(settings)[settings.home]
    deposits = deposits_of(settings, home)
    if deposits is None:
        return ()
    steps.begin(f"fetching a snapshot from {settings.home}")
    await home.open()
    try:
        return await deposits.fetch(folder)
    finally:
        await home.aclose()


async def _run(
    settings: Settings, draft: Draft, steps: Steps, sightings: Sightings, accept_missing: bool
) -> Outcome:
    async with contextlib.AsyncExitStack() as opened:
        storages = storages_of(settings)
        for storage in storages.values():
            await storage.open()
            opened.push_async_callback(storage.aclose)
        return await Rebuild(
            draft,
            storages,
            home=settings.home,
            region=settings.region,
            now_ns=time.time_ns(),
            steps=steps,
            sightings=sightings,
            accept_missing=accept_missing,
        ).run()


def _summary(outcome: Outcome, base: Base, kept: Path | None, seconds: float) -> str:
    beginning = "nothing" if base.file is None else base.file.name
    whole = outcome.kept + outcome.found
    parts = [
        f"{whole} objects ({outcome.kept} of {beginning}, {outcome.found} found on the storage)",
        f"{outcome.missing} missing",
    ]
    if outcome.buckets_found:
        parts.append(f"{len(outcome.buckets_found)} buckets found")
    if outcome.buckets_dropped:
        parts.append(f"{len(outcome.buckets_dropped)} buckets without a folder dropped")
    if outcome.uploads_kept or outcome.uploads_dropped:
        parts.append(f"{outcome.uploads_kept} open uploads, {outcome.uploads_dropped} dropped")
    if outcome.superseded:
        parts.append(f"{outcome.superseded} older versions passed over")
    if outcome.strangers:
        parts.append(f"{outcome.strangers} files of others left to the server")
    if kept is not None:
        parts.append(f"old catalog kept as {kept.name}")
    return f"Rebuilt in {seconds:.1f} s: {'; '.join(parts)}."


def _fail(text: str, code: int) -> None:
    click.echo(f"{click.style('Not rebuilt.', fg='red', bold=True)} {text}", err=True)
    raise SystemExit(int(code))
