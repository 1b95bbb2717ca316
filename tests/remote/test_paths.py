"""Which paths are written on storages behind a network, and what becomes of others' files there."""

from collections.abc import AsyncIterator, Mapping

import pytest

from backends.errors import NotFound
from backends.interface import Can, Limits, Stored
from backends.remote_memory import AS_S3
from gateway.service import removing
from tests.backends.making import body, bytes_at
from tests.live.server import Live
from tests.remote.conftest import Serve
from tests.remote.failing_storage import FailingStorage, Fault
from tests.remote.left import check_nothing_is_left, held, known, swept

SMALL, LARGE = b"small", b"large" * 400_000
FOREIGN = b"somebody else's"


def path_of(live: Live, key: str) -> str:
    [bucket] = live.run(live.services.catalog.buckets(limit=2))
    version = live.run(live.services.catalog.get(bucket, key))
    assert version is not None
    return version.location.path


def foreign(live: Live, storage: FailingStorage, path: str, data: bytes = FOREIGN) -> None:
    live.run(storage.write(path, body(data), size=len(data)))


@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=len)
def test_an_object_lies_under_its_own_name(
    live: Live, storage: FailingStorage, data: bytes
) -> None:
    assert live.client.put("bucket", "a/key", data).status == 200
    assert live.run(bytes_at(storage, "bucket/a/key")) == data
    assert live.client.get("bucket", "a/key").body == data


@pytest.mark.parametrize("key", ["x//y", "dir/", "..", "a/../b", "\x01"])
def test_a_name_that_cannot_be_is_replaced_by_one_of_our_own(live: Live, key: str) -> None:
    assert live.client.put("bucket", key, SMALL).status == 200
    assert path_of(live, key).startswith(".s3front/o/")
    assert live.client.get("bucket", key).body == SMALL


def test_new_bytes_never_lie_where_the_old_ones_do(live: Live) -> None:
    paths = []
    for number in range(4):
        live.client.put("bucket", "key", b"%d" % number)
        paths.append(path_of(live, "key"))
        live.run(live.services.remover.settled())
    assert [path == "bucket/key" for path in paths] == [True, False, True, False]
    assert len(set(paths)) == 3
    live.run(check_nothing_is_left(live.services))


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=len)
def test_bytes_of_others_are_not_replaced_nor_removed(
    live: Live, storage: FailingStorage, data: bytes
) -> None:
    foreign(live, storage, "bucket/key")
    assert live.client.put("bucket", "key", data).status == 200
    assert path_of(live, "key") != "bucket/key"
    assert live.client.get("bucket", "key").body == data
    assert live.client.delete("bucket", "key").status == 204
    live.run(swept(live.services))
    assert live.run(held(live.services)) == {"bucket/key"}
    assert live.run(bytes_at(storage, "bucket/key")) == FOREIGN


def test_bytes_of_others_that_came_in_place_of_ours_are_not_removed(
    live: Live, storage: FailingStorage
) -> None:
    live.client.put("bucket", "key", SMALL)
    foreign(live, storage, "bucket/key")
    assert live.client.put("bucket", "key", b"again").status == 200
    assert live.client.get("bucket", "key").body == b"again"
    live.run(swept(live.services))
    assert live.run(bytes_at(storage, "bucket/key")) == FOREIGN


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=len)
def test_a_file_in_the_way_of_a_folder_gives_another_path(
    live: Live, storage: FailingStorage, size: bytes
) -> None:
    """Of others, so that the catalog does not know it."""
    foreign(live, storage, "bucket/a")
    answers = [live.client.put("bucket", "a/key", size).status for _ in range(2)]
    assert answers[-1] == 200, answers
    assert set(answers) <= {200, 503}
    assert live.client.get("bucket", "a/key").body == size
    if Can.TREE in storage.can:
        assert path_of(live, "a/key").startswith(".s3front/o/")
    assert live.run(bytes_at(storage, "bucket/a")) == FOREIGN


class Racing(FailingStorage):
    """Somebody else writes where we do, just before."""

    racing = False

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        if self.racing:
            self.racing = False
            await super().write(path, _foreign(), size=len(FOREIGN))
        return await super().write(
            path, body, size=size, description=description, headers=headers, create=create
        )


async def _foreign() -> AsyncIterator[bytes]:
    yield FOREIGN


def test_who_is_overtaken_goes_elsewhere(serve: Serve) -> None:
    storage = Racing(AS_S3, Limits())
    live = serve(storage)
    storage.racing = True
    assert live.client.put("bucket", "small", SMALL).status == 200
    assert path_of(live, "small") != "bucket/small"
    storage.racing = True
    assert live.client.put("bucket", "large", LARGE).status == 503
    assert live.client.put("bucket", "large", LARGE).status == 200
    assert path_of(live, "large") != "bucket/large"
    for name, data in {"small": SMALL, "large": LARGE}.items():
        assert live.run(bytes_at(storage, f"bucket/{name}")) == FOREIGN
        assert live.client.get("bucket", name).body == data


class Eager(FailingStorage):
    """Keeps a body as soon as all bytes that were announced are there, as services do."""

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        assert size is not None
        whole = b""
        async for piece in body:
            whole += piece
            if len(whole) == size:
                break
        return await super().write(
            path, _once(whole), size=size, description=description, headers=headers, create=create
        )


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=len)
def test_a_body_that_is_refused_is_whole_nowhere(serve: Serve, data: bytes) -> None:
    storage = Eager(AS_S3, Limits())
    live = serve(storage)
    for headers in (
        {"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="},
        {"x-amz-checksum-crc32": "AAAAAA=="},
    ):
        answer = live.client.request("PUT", "/bucket/key", headers=headers, body=data)
        assert answer.code == "BadDigest"
        live.run(live.services.remover.settled())
        assert live.run(held(live.services)) == set()
    assert "write" not in storage.made or data is LARGE
    assert live.client.put("bucket", "key", data).status == 200
    assert path_of(live, "key") == "bucket/key", "it was known that nothing was there"


def test_a_path_where_a_write_may_still_arrive_is_not_used(
    live: Live, storage: FailingStorage
) -> None:
    live.run(storage.arm(Fault.LATE, 1, verb="write"))
    assert live.client.put("bucket", "key", b"lost?").status == 503
    assert storage.failed == "write"
    live.run(storage.disarm())
    live.run(live.services.remover.settled())
    assert live.client.put("bucket", "key", b"next").status == 200
    first_path = path_of(live, "key")
    live.run(storage.arrive_late())
    assert live.client.get("bucket", "key").body == b"next"
    live.run(swept(live.services))
    live.run(swept(live.services))
    assert live.run(held(live.services)) == live.run(known(live.services)) == {first_path}


def test_a_path_is_free_only_when_the_janitor_has_seen_it_empty_twice(
    live: Live, storage: FailingStorage
) -> None:
    live.client.put("bucket", "key", SMALL)
    live.run(storage.arm(Fault.UNAVAILABLE, 1))
    live.client.delete("bucket", "key")
    live.run(live.services.remover.settled())
    live.run(storage.disarm())
    services = live.services
    for rounds in range(3):
        live.client.put("bucket", "key", SMALL)
        assert (path_of(live, "key") == "bucket/key") is (rounds == 2), rounds
        live.client.delete("bucket", "key")
        live.run(services.remover.settled())
        live.run(removing.sweep(services.catalog, services.storages))


def test_where_nothing_can_be_created_such_a_path_is_never_used_again(serve: Serve) -> None:
    storage = FailingStorage(Can.NOTHING, Limits())
    live = serve(storage)
    live.run(storage.arm(Fault.LATE, 1, verb="write"))
    assert live.client.put("bucket", "key", b"lost?").status == 503
    live.run(storage.disarm())
    for _ in range(3):
        live.run(swept(live.services))
    assert live.client.put("bucket", "key", SMALL).status == 200
    live.run(storage.arrive_late())
    assert live.client.get("bucket", "key").body == SMALL


def test_what_a_dead_process_was_doing_is_put_right(live: Live, storage: FailingStorage) -> None:
    catalog = live.services.catalog
    live.client.put("bucket", "kept", SMALL)
    live.run(storage.arm(Fault.HANGS_DONE, 1))
    live.client.delete("bucket", "kept")
    live.run(catalog.recover())
    live.run(storage.disarm())
    live.run(check_nothing_is_left(live.services))
    with pytest.raises(NotFound):
        live.run(storage.stat("bucket/kept"))


def test_the_catalog_may_fail_where_something_is_given_up(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.catalog.errors import CatalogUnavailable  # noqa: PLC0415

    monkeypatch.setattr(removing, "_PAUSE_S", 0.01)
    catalog = live.services.catalog
    real, failures = catalog.give_up, iter([True, True, False])

    async def fails(*args: object, **named: object) -> None:
        if next(failures, False):
            raise CatalogUnavailable("not now")
        await real(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(catalog, "give_up", fails)
    live.client.put("bucket", "key", SMALL)
    headers = {"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    assert live.client.request("PUT", "/bucket/new", headers=headers, body=LARGE).status == 400
    live.run(check_nothing_is_left(live.services))
    assert next(failures, None) is None


def test_a_storage_that_is_away_is_told(live: Live, storage: FailingStorage) -> None:
    live.client.put("bucket", "key", SMALL)

    async def away() -> None:
        await storage.aclose()

    live.run(away())
    for answer in (
        live.client.put("bucket", "key", b"new"),
        live.client.get("bucket", "key"),
        live.client.delete("bucket", "key"),
    ):
        assert answer.status == 503
    live.run(storage.open())
    assert live.client.get("bucket", "key").body == SMALL
