"""Buckets that are there before the first request."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
import structlog
from structlog.testing import capture_logs

from backends.interface import Can, Storage
from gateway.catalog.errors import BucketExists, NoSuchBucket
from gateway.catalog.interface import Catalog
from gateway.catalog.records import Bucket
from gateway.server.bootstrap import bootstrap
from gateway.service.context import Owner, Services
from gateway.service.homing import Homing
from gateway.service.removing import Remover
from gateway.settings.model import Settings


class Rows:
    """The methods of a catalog that bootstrapping calls."""

    def __init__(self) -> None:
        self.by_name: dict[str, Bucket] = {}
        self.indexes: dict[str, bool] = {}

    async def bucket(self, name: str) -> Bucket:
        if name not in self.by_name:
            raise NoSuchBucket(name)
        return self.by_name[name]

    async def set_indexing(self, name: str, *, indexes: bool) -> None:
        self.indexes[name] = indexes

    async def create_bucket(
        self, name: str, *, region: str, storage: str, now_ns: int, indexed: bool = False
    ) -> Bucket:
        if name in self.by_name:
            raise BucketExists(name)
        self.by_name[name] = Bucket(
            id=len(self.by_name), name=name, created_ns=now_ns, region=region, storage=storage
        )
        return self.by_name[name]


class Folders:
    """A storage that has folders."""

    def __init__(self, *names: str, can: Can = Can.STAGE) -> None:
        self.can = can
        self._names = list(names)

    def folders(self) -> list[str]:
        assert Can.STAGE in self.can, "not to be asked"
        return self._names


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def services(rows: Rows, **storages: Folders) -> Services:
    remover = Remover(cast("Catalog", rows), {}, "0")
    return Services(
        catalog=cast("Catalog", rows),
        storages=cast("dict[str, Storage]", storages),
        default_storage="disk",
        region="eu-west-1",
        owner=Owner(id="0" * 64, display_name="x"),
        now_ns=lambda: 7,
        new_id=lambda: "0" * 32,
        process="0",
        remover=remover,
        homing=Homing(
            *(cast("Catalog", rows), {}, remover),
            process="0",
            new_id=lambda: "0" * 32,
            now_ns=lambda: 7,
        ),
    )


def settings(*buckets: Any) -> Settings:
    return Settings.model_validate(
        {
            "storages": {"disk": {"type": "memory"}, "nas": {"type": "memory"}},
            "default_storage": "disk",
            "buckets": buckets,
        }
    )


async def test_buckets_of_the_settings_are_created_once() -> None:
    rows = Rows()
    wanted = settings("raw", {"name": "site", "storage": "nas", "index": "off"})
    await bootstrap(services(rows, disk=Folders(), nas=Folders()), wanted)
    assert {name: bucket.storage for name, bucket in rows.by_name.items()} == {
        "raw": "disk",
        "site": "nas",
    }
    assert rows.by_name["raw"].region == "eu-west-1"
    assert rows.indexes == {"raw": True, "site": False}
    before = dict(rows.by_name)
    await bootstrap(services(rows, disk=Folders(), nas=Folders()), wanted)
    assert rows.by_name == before


async def test_folders_of_the_default_storage_become_buckets_and_others_are_reported() -> None:
    rows = Rows()
    await rows.create_bucket("known", region="x", storage="nas", now_ns=1)
    folders = Folders("photos", "known", "Not Legal", "ab", "line\nfeed")
    with capture_logs() as logs:
        await bootstrap(services(rows, disk=folders, nas=Folders("other")), settings())
    assert set(rows.by_name) == {"known", "photos"}
    assert rows.by_name["known"].storage == "nas"
    warnings = [log for log in logs if log["log_level"] == "warning"]
    assert len(warnings) == 1
    assert warnings[0]["folders"] == 3
    assert warnings[0]["names"] == "Not Legal, ab, line\nfeed"


async def test_a_report_of_many_folders_stays_short() -> None:
    folders = Folders(*(f"Folder {number}" for number in range(1000)))
    with capture_logs() as logs:
        await bootstrap(services(Rows(), disk=folders), settings())
    assert logs[0]["folders"] == 1000
    assert len(logs[0]["names"]) < 300


async def test_a_storage_without_folders_is_not_asked() -> None:
    rows = Rows()
    await bootstrap(services(rows, disk=Folders(can=Can.NOTHING)), settings("raw"))
    assert set(rows.by_name) == {"raw"}
