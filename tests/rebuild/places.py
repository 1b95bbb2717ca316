"""A catalog on a disk and the bytes behind a network: what a rebuild works on there."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backends.interface import Can, Limits, Storage
from backends.remote_memory import AS_S3, AS_WEBDAV
from gateway.cli import rebuild as cli
from gateway.cli.main import main
from gateway.jobs.depositing import Deposits
from gateway.jobs.snapshots import SnapshotRules, take
from gateway.server import build
from gateway.server.deposits import secret_of
from gateway.service import homing
from gateway.settings.loader import load
from tests.backends.s3.moto_server import moto_settings
from tests.backends.webdav.serving import settings_of
from tests.live.server import Live, running
from tests.remote.failing_storage import FailingStorage

NAME = "cloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``root`` has the catalog; ``options`` are those of the storage, or it is in this process."""

    root: Path
    patch: pytest.MonkeyPatch
    options: Mapping[str, object] = field(default_factory=lambda: {"type": "memory", "like": "s3"})
    members: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """The options of the storages that it is made of, by their names."""
    storage: Storage | None = None
    has_room: bool = True
    """Whether a description may be longer than S3's 1.5 KB."""
    answers_with_headers: bool = True
    """Whether the storage itself tells the headers of an object whose description is too long for it."""

    @property
    def catalog(self) -> Path:
        return self.root / ".s3front" / "catalog.db"

    @property
    def file(self) -> Path:
        """A configuration file of its server."""
        file = self.root / "s3front.toml"
        lines = [f'catalog = "sqlite://{self.catalog}"']
        for name, options in {NAME: self.options, **self.members}.items():
            lines += [f"[storages.{name}]", *(f"{n} = {json.dumps(v)}" for n, v in options.items())]
        file.write_text("\n".join([*lines, ""]))
        return file

    @property
    def secret(self) -> str:
        """What its snapshots are sealed with."""
        return secret_of(load(flags={}, environ={}, file=self.file).settings, NAME)

    @contextlib.contextmanager
    def served(self, *, jobs: bool = False) -> Iterator[Live]:
        self.patch.setattr(homing, "REST_S", 3600)
        if self.storage is not None:
            self.patch.setattr(build, "storages_of", lambda *_: {NAME: self.storage})
            self.patch.setattr(cli, "storages_of", lambda *_: {NAME: self.storage})
        storages = {NAME: self.options, **self.members}
        with running(self.root, durability="relaxed", storages=storages, jobs=jobs) as live:
            yield live

    def snapshot(self, live: Live) -> Path:
        rules = SnapshotRules(folder=self.root / ".s3front" / "snapshots", interval_s=1)
        return live.run(take(live.services.catalog, rules))

    def deposit(self, live: Live) -> Path:
        """A snapshot that the storage keeps, and nobody else."""
        snapshot = self.snapshot(live)
        services = live.services
        deposits = Deposits(services.storages[NAME], self.secret)
        live.run(deposits.keep(services.catalog, snapshot))
        snapshot.unlink()
        return snapshot

    def lose_catalog(self) -> None:
        for file in self.catalog.parent.glob("catalog.db*"):
            file.unlink()

    def rebuild(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["rebuild", "-c", str(self.file), *arguments])

    def rebuilt(self, *arguments: str) -> str:
        result = self.rebuild(*arguments)
        assert result.exit_code == 0, result.output + repr(result.exception)
        return result.stdout


def in_memory(root: Path, patch: pytest.MonkeyPatch, can: Can) -> Place:
    limits = Limits(max_description=2048, min_part=5 * 1024**2, max_segment=255, max_path=1024)
    return Place(root=root, patch=patch, storage=FailingStorage(can, limits))


def place(kind: str, root: Path, patch: pytest.MonkeyPatch) -> Place:
    """``kind`` is one of KINDS."""
    root.mkdir()
    match kind:
        case "memory, as S3":
            return in_memory(root, patch, AS_S3)
        case "memory, as WebDAV":
            return in_memory(root, patch, AS_WEBDAV | Can.DESCRIBE | Can.UNIQUE | Can.COPY)
        case "S3":
            options = {"type": "s3", **moto_settings(prefix="team/")}
        case "a mirror":
            members: dict[str, dict[str, object]] = {
                "nas": {"type": "local", "root": str(root.parent / "nas")},
                "far": {"type": "s3", **moto_settings(prefix="mirrored/")},
            }
            options = {"type": "mirror", "storages": list(members)}
            return Place(
                root=root,
                patch=patch,
                options=options,
                members=members,
                has_room=False,
                answers_with_headers=False,
            )
        case _:
            options = {"type": "webdav", **settings_of("apache")}
    return Place(root=root, patch=patch, options=options, has_room=kind == "WebDAV")


KINDS = ("memory, as S3", "memory, as WebDAV", "S3", "WebDAV", "a mirror")
