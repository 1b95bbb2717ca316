"""``s3front backup`` and ``s3front restore``."""

import time
from collections.abc import Callable
from pathlib import Path

import click

from backends.errors import StorageError
from backends.interface import RESERVED, Can
from gateway.catalog.errors import CatalogError
from gateway.cli import parameters
from gateway.cli.progress import progress_bars
from gateway.cli.settings import load_or_exit
from gateway.safekeeping import marks
from gateway.safekeeping.copying import Outcome
from gateway.safekeeping.marks import BACKUP, UNFINISHED, Mark
from gateway.safekeeping.replica import Plan, copy_credentials, make
from gateway.server.directories import LOCK_NAME, Directories, catalog_of, existing_catalog
from gateway.server.failure import Exit, StartError
from gateway.server.storages import storages_of
from gateway.settings.loader import HOME_STORAGE, load
from gateway.settings.model import Settings

_IDENTITY = "storage-id"
_CODES = "Exit codes: 2 the settings are wrong, 3 a storage cannot be used, 1 anything else."
_BACKUP = f"""\b
Examples:
  s3front backup /mnt/backup ./data
  s3front backup /mnt/backup -c /etc/s3front.toml --verify
  s3front serve /mnt/backup                a backup can be served

{_CODES}
"""
_RESTORE = f"""\b
Example:
  s3front restore /mnt/backup ./data && s3front serve ./data

{_CODES}
"""


@click.command(epilog=_BACKUP)
@click.argument("target", type=click.Path(path_type=Path))
@parameters.folder
@parameters.config
@click.option("--verify", is_flag=True, help="Read the whole backup again and compare digests.")
@click.option("--no-keys", is_flag=True, help="Leave the generated keys out.")
def backup(
    target: Path, folder: Path | None, file: Path | None, verify: bool, no_keys: bool
) -> None:
    """Copy everything to the directory TARGET, which can then be served. The server may run.

    Give what `s3front serve` was given. TARGET is new, empty, or the backup of before: then only
    what has changed is copied, and what is gone is removed. Each object is there as it was when the
    backup began or later, never in part. Multipart uploads in progress are left out.
    """
    settings = load_or_exit(folder, file, {}).settings

    def run() -> str:
        catalog = _catalog_to_copy(settings)
        mark = Mark(what="backup", source=_identity(settings))
        roots = [Path(str(one.options["root"])) for one in settings.storages.values()]
        _refuse_overlap(target, [*roots, catalog.parent])
        began = time.monotonic()
        plan = Plan(
            catalog=catalog,
            sources=lambda: storages_of(settings),
            target=target.absolute(),
            name=HOME_STORAGE,
            durable=settings.durability == "full",
            verify=verify,
        )
        outcome = _copied(plan, mark, None if no_keys else catalog.parent)
        return _summary(f"Backed up to {target}", outcome, time.monotonic() - began)

    _report("Not backed up.", run)


@click.command(epilog=_RESTORE)
@click.argument("source", metavar="BACKUP", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--storage",
    default=HOME_STORAGE,
    show_default=True,
    help="Name of the storage in the configuration file that will serve TARGET.",
)
@click.option("--verify", is_flag=True, help="Read all of TARGET again and compare digests.")
def restore(source: Path, target: Path, storage: str, verify: bool) -> None:
    """Copy the backup in BACKUP to the new or empty directory TARGET, with the keys.

    If it is interrupted, TARGET cannot be served; run it again.
    """

    def run() -> str:
        settings = load(flags={}, environ={}, folder=source).settings
        if not catalog_of(settings, purpose="restore").is_file():
            raise StartError(
                f"There is no backup in {source}. Name the directory that `s3front backup` made.",
                exit=Exit.STORAGE_FAILED,
            )
        unfinished = marks.read(source / RESERVED, UNFINISHED)
        if unfinished is not None:
            raise StartError(
                f"{source} is an unfinished {unfinished.what}. Run that again first.",
                exit=Exit.STORAGE_FAILED,
            )
        _refuse_overlap(target, [source])
        began = time.monotonic()
        mark = Mark(what="restore", source=_identity(settings))
        held = Directories(settings)
        try:
            plan = Plan(
                catalog=held.catalog,
                sources=lambda: storages_of(settings),
                target=target.absolute(),
                name=storage,
                durable=True,
                verify=verify,
            )
            outcome = _copied(plan, mark, held.state)
        finally:
            held.close()
        return _summary(f"Restored to {target}", outcome, time.monotonic() - began)

    _report("Not restored.", run)


def _copied(plan: Plan, mark: Mark, keys: Path | None) -> Outcome:
    target, state = plan.target, plan.target / RESERVED
    _refuse_what_holds_something_else(target, mark)
    held = Directories(load(flags={}, environ={}, folder=target).settings)
    try:
        if marks.read(state, BACKUP) is None:
            marks.write(state, UNFINISHED, mark)
        with progress_bars() as steps:
            outcome = make(plan, steps)
        if keys is not None:
            copy_credentials(keys, state)
        if mark.what == "backup":
            done = Mark(what="backup", source=mark.source, objects=outcome.objects)
            marks.write(state, BACKUP, done)
        marks.clear(state, UNFINISHED)
    finally:
        held.close()
    return outcome


def _catalog_to_copy(settings: Settings) -> Path:
    for name, storage in storages_of(settings).items():
        if Can.REPLICATE not in storage.can:
            if name in settings.mirrors:
                raise StartError(
                    f"storages.{name}: a mirror is not copied: each of its members is a copy, and keeps the "
                    "catalog's snapshots. See docs/storages-mirror.md, When something is lost.",
                    exit=Exit.BAD_CONFIGURATION,
                )
            type = settings.storages[name].type
            raise StartError(
                f"storages.{name}: a storage of type {type} cannot be copied yet, only "
                "local ones can.",
                exit=Exit.BAD_CONFIGURATION,
            )
    return existing_catalog(settings, purpose="copy")


def _identity(settings: Settings) -> str:
    root = Path(str(settings.storages[settings.home].options["root"]))
    try:
        return (root / RESERVED / _IDENTITY).read_text("utf-8").strip()
    except OSError as error:
        raise StartError(
            f"{root} cannot be told from other directories: {error.strerror}. Serve it once.",
            exit=Exit.STORAGE_FAILED,
        ) from None


def _refuse_overlap(target: Path, sources: list[Path]) -> None:
    resolved = target.resolve()
    for source in sources:
        other = source.resolve()
        if resolved.is_relative_to(other) or other.is_relative_to(resolved):
            raise StartError(
                f"{target} and {source} lie in one another. Name a directory elsewhere.",
                exit=Exit.STORAGE_FAILED,
            )


def _refuse_what_holds_something_else(target: Path, mark: Mark) -> None:
    state = target / RESERVED
    there = marks.read(state, UNFINISHED) or marks.read(state, BACKUP)
    if there is not None:
        if (there.what, there.source) == (mark.what, mark.source):
            return
        raise StartError(
            f"{target} is a {there.what} of something else. Name another directory.",
            exit=Exit.STORAGE_FAILED,
        )
    try:
        names = {path.name for path in target.iterdir()}
        if names == {RESERVED}:
            names = {path.name for path in state.iterdir()} - {LOCK_NAME}
    except FileNotFoundError:
        return
    except OSError as error:
        raise StartError(
            f"{target} cannot be used: {error.strerror}. Name a directory.",
            exit=Exit.STORAGE_FAILED,
        ) from None
    if names:
        raise StartError(
            f"{target} is not empty and not the {mark.what} to go on with. Name a new directory.",
            exit=Exit.STORAGE_FAILED,
        )


def _summary(done: str, outcome: Outcome, seconds: float) -> str:
    for failure in outcome.failures:
        click.echo(f"Left out: {failure}", err=True)
    text = (
        f"{done} in {seconds:.1f} s: {outcome.objects} objects ({outcome.copied} copied with "
        f"{outcome.copied_bytes} bytes, {outcome.unchanged} unchanged); {outcome.changed} "
        f"overwritten and {outcome.deleted} deleted meanwhile; {outcome.removed} files removed."
    )
    if outcome.failed:
        click.echo(text)
        raise _Incomplete(f"{outcome.failed} objects could not be copied as they were stored.")
    return text


class _Incomplete(Exception):
    """All is done, but for some objects."""


def _report(refusal: str, run: Callable[[], str]) -> None:
    try:
        text = run()
    except StartError as error:
        _fail(refusal, str(error), error.exit)
    except _Incomplete as error:
        _fail("Not complete.", str(error), Exit.FAILED)
    except StorageError as error:
        _fail(refusal, f"A storage cannot be used: {error}.", Exit.STORAGE_FAILED)
    except (CatalogError, OSError) as error:
        _fail(refusal, f"{error}. Look at the space left.", Exit.FAILED)
    else:
        click.echo(text)


def _fail(refusal: str, text: str, code: int) -> None:
    click.echo(f"{click.style(refusal, fg='red', bold=True)} {text}", err=True)
    raise SystemExit(int(code))
