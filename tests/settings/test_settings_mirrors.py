"""What may be said of a storage that is made of storages."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from backends.interface import Storage
from backends.mirror.storage import Mirror
from gateway.jobs.roll import Roll
from gateway.server.failure import StartError
from gateway.server.storages import storages_of
from gateway.settings.loader import load
from gateway.settings.mirrors import MirrorSettings
from gateway.settings.model import Settings
from gateway.settings.problems import SettingsError

MEMBERS = """
[storages.nas]
type = "memory"
like = "s3"
[storages.cloud]
type = "memory"
like = "s3"
"""
CATALOG = 'catalog = "sqlite:///data/catalog.db"\n'
SAFE = MEMBERS + '[storages.safe]\ntype = "mirror"\nstorages = ["nas", "cloud"]\n'


def settings(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    file = tmp_path / "s3front.toml"
    file.write_text(text)
    return load(flags={}, environ=environ or {}, file=file).settings


def test_members_in_their_order(tmp_path: Path) -> None:
    made = settings(tmp_path, SAFE + 'quorum = "all"\nrefill = ["nas"]\n')
    assert made.mirrors == {
        "safe": MirrorSettings(storages=("nas", "cloud"), quorum="all", refill=("nas",))
    }
    assert made.home == "safe"
    with pytest.raises(StartError, match="Name a file on a local disk"):
        storages_of(made)
    assert list(storages_of(settings(tmp_path, CATALOG + SAFE))) == ["safe"]


def test_a_mirror_from_the_environment(tmp_path: Path) -> None:
    environ = {
        "S3FRONT_STORAGES__SAFE__TYPE": "mirror",
        "S3FRONT_STORAGES__SAFE__STORAGES": "cloud, nas",
        "S3FRONT_STORAGES__SAFE__QUORUM": "1",
        "S3FRONT_STORAGES__SAFE__COPIES": "false",
    }
    made = settings(tmp_path, MEMBERS, environ)
    assert made.mirrors["safe"] == MirrorSettings(storages=("cloud", "nas"), copies=False)


def test_a_command_is_no_worker_that_lives(tmp_path: Path) -> None:
    catalog = f'catalog = "sqlite://{tmp_path}/catalog.db"\n'
    mirror = mirror_in(storages_of(settings(tmp_path, catalog + SAFE))["safe"])

    async def begun() -> Sequence[str]:
        await mirror.open()
        await mirror.ledger.begin("b/k", "nas")
        try:
            return await mirror.ledger.processes()
        finally:
            await mirror.aclose()

    (process,) = asyncio.run(begun())
    (tmp_path / "workers").mkdir()
    assert not Roll(tmp_path / "workers").lives(process)


def mirror_in(storage: Storage) -> Mirror:
    assert isinstance(storage, Mirror)
    return storage


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (SAFE.replace('"nas", "cloud"', '"nas"'), "to be made of ['nas']"),
        (SAFE.replace('"nas", "cloud"', '"nas", "nas"'), "to be made of ['nas', 'nas']"),
        (SAFE.replace('["nas", "cloud"]', "3"), "no list of names"),
        (SAFE.replace('"nas", "cloud"', '"nas", "far"'), "'far', which does not exist"),
        (SAFE.replace('"nas", "cloud"', '"nas", "safe"'), "'safe', which is a mirror itself"),
        (SAFE.replace("storages = [", "members = ["), "takes no 'members'"),
        (SAFE + "quorum = 2\n", "the quorum of storage 'safe' is '2'"),
        (SAFE + 'copies = "perhaps"\n', "copies of storage 'safe' is 'perhaps'"),
        (SAFE + 'copies = false\nquorum = "all"\n', "copies of storage 'safe'"),
        (SAFE + 'refill = ["far"]\n', "to refill ['far']"),
        (
            SAFE + '[storages.other]\ntype = "mirror"\nstorages = ["nas", "cloud"]\n',
            "'nas' is a member of 'safe' and of 'other'",
        ),
        (
            SAFE.replace('like = "s3"', 'like = "s3"\ncache_size = 1073741824', 1),
            "'nas' has a cache",
        ),
        ('default_storage = "nas"\n' + SAFE, "no storage 'nas' that is not a member"),
        (
            SAFE + '[[buckets]]\nname = "site"\nstorage = "cloud"\n',
            "no storage 'cloud' for bucket 'site' that is not a member",
        ),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, wrong: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(tmp_path, text)
    assert wrong in " ".join(problem.wrong for problem in refused.value.problems)
