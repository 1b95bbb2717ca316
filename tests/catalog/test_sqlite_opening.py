"""Where a catalog may lie, with which library, and who else may have it."""

import stat
from pathlib import Path

import apsw
import pytest

from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.sqlite import SqliteCatalog, connection, filesystem, schema
from tests.catalog.shelf import Shelf


def made(path: Path, *, durable: bool = False) -> SqliteCatalog:
    return SqliteCatalog(path / "catalog.db", placings={"disk": Shelf()}, durable=durable)


async def refusal(path: Path) -> str:
    catalog = made(path)
    with pytest.raises(CatalogUnavailable) as caught:
        await catalog.open()
    await catalog.aclose()
    return str(caught.value)


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse"]
)
async def test_a_network_file_system_is_refused_by_name_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(filesystem, "filesystem_type", lambda _: kind)
    reason = await refusal(tmp_path)
    assert f"({kind})" in reason
    assert str(tmp_path) in reason
    assert "local disk" in reason
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk", "fuse.mergerfs", None]
)
async def test_local_file_systems_are_welcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str | None
) -> None:
    monkeypatch.setattr(filesystem, "filesystem_type", lambda _: kind)
    catalog = made(tmp_path)
    await catalog.open()
    await catalog.aclose()


def test_the_type_of_a_file_system_is_told() -> None:
    assert filesystem.filesystem_type(Path("/proc")) == "proc"


def test_the_library_in_use_has_the_mended_wal() -> None:
    assert connection.library() >= connection.FIXED


async def test_an_old_library_serves_one_process_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "library", lambda: (3, 51, 2))
    alone = made(tmp_path)
    await alone.open()
    reason = await refusal(tmp_path)
    assert "3.51.2" in reason
    assert "3.51.3" in reason
    assert "one worker" in reason
    monkeypatch.undo()
    assert "3.51.3" in await refusal(tmp_path)
    await alone.aclose()
    for version in [(3, 51, 3), (3, 52, 0), (4, 0, 0)]:
        monkeypatch.setattr(connection, "library", lambda version=version: version)
        catalogs = [made(tmp_path), made(tmp_path)]
        for catalog in catalogs:
            await catalog.open()
        monkeypatch.setattr(connection, "library", lambda: (3, 9, 0))
        assert "3.9.0" in await refusal(tmp_path)
        for catalog in catalogs:
            await catalog.aclose()


async def test_a_catalog_of_a_later_program_is_left_alone(tmp_path: Path) -> None:
    catalog = made(tmp_path)
    await catalog.open()
    await catalog.aclose()
    raw = apsw.Connection(str(tmp_path / "catalog.db"))
    raw.execute("UPDATE meta SET value = 999 WHERE name = 'schema'")
    raw.close()
    reason = await refusal(tmp_path)
    assert "999" in reason
    assert str(schema.VERSION) in reason


async def test_what_is_no_catalog_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"anything else" * 1000)
    assert str(tmp_path / "catalog.db") in await refusal(tmp_path)
    assert "cannot be opened" in await refusal(tmp_path / "missing")


async def test_its_files_are_for_their_owner_only(tmp_path: Path) -> None:
    catalog = made(tmp_path)
    await catalog.open()
    files = list(tmp_path.iterdir())
    assert {file.name.removeprefix("catalog.db") for file in files} == {
        "",
        "-gate",
        "-generation",
        "-lock",
        "-shm",
        "-wal",
    }
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    await catalog.aclose()
    assert not (tmp_path / "catalog.db-wal").exists()


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 1)])
def test_connections_are_set_up_as_the_design_says(
    tmp_path: Path, *, durable: bool, synchronous: int
) -> None:
    writer = connection.open_writer(tmp_path / "catalog.db", durable=durable)
    reader = connection.open_reader(tmp_path / "catalog.db")
    for opened in (writer, reader):
        assert opened.pragma("journal_mode") == "wal"
        assert opened.pragma("busy_timeout") == 0
        assert opened.pragma("wal_autocheckpoint") == 0
        assert opened.pragma("foreign_keys") == 0
        assert opened.pragma("mmap_size") == 0
        assert opened.pragma("cache_size") < 0
    assert writer.pragma("synchronous") == synchronous
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("CREATE TABLE x(y)")
    reader.close()
    writer.close()


def test_a_schema_is_made_once(tmp_path: Path) -> None:
    writer = connection.open_writer(tmp_path / "catalog.db", durable=False)
    for _ in range(2):
        schema.migrate(writer)
        assert writer.execute("SELECT value FROM meta WHERE name = 'schema'").get == schema.VERSION
    assert not writer.in_transaction
    writer.close()


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(connection: apsw.Connection) -> None:
        connection.execute("CREATE TABLE half(x)")
        raise RuntimeError

    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, broken))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    writer = connection.open_writer(tmp_path / "catalog.db", durable=False)
    with pytest.raises(RuntimeError):
        schema.migrate(writer)
    assert writer.execute("SELECT count(*) FROM sqlite_schema").get == 0
    writer.close()


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of schema 3 with an upload."""
    with monkeypatch.context() as patch:
        patch.setattr(schema, "STEPS", schema.STEPS[:3])
        patch.setattr(schema, "VERSION", 3)
        writer = connection.open_writer(tmp_path / "catalog.db", durable=False)
        schema.migrate(writer)
    writer.execute(
        "INSERT INTO buckets(name, created_ns, region, storage) VALUES('bucket', 1, 'r', 'disk');"
        "INSERT INTO uploads VALUES('id', 1, x'6b', 1, 'disk', 'STANDARD', NULL, NULL, NULL, NULL,"
        " 5, 0);"
        "INSERT INTO parts VALUES('id', 1, 'attempt', 5, 'etag', 1, NULL, 0)"
    )
    writer.close()
    return tmp_path / "catalog.db"


async def test_rows_of_the_schema_before_are_read(older: Path) -> None:
    catalog = SqliteCatalog(older, placings={}, durable=False)
    await catalog.open()
    bucket = await catalog.bucket("bucket")
    upload = await catalog.upload(bucket, "k", "id")
    assert (upload.part_size, upload.path, upload.parts) == (5, None, None)
    [part] = await catalog.parts("id")
    assert (part.offset, part.tag) == (0, None)
    await catalog.aclose()


def plan(writer: apsw.Connection, statement: str) -> str:
    bindings = tuple([1] * statement.count("?"))
    rows = writer.execute(f"EXPLAIN QUERY PLAN {statement}", bindings).fetchall()
    return " | ".join(str(row[3]) for row in rows)


def test_no_statement_of_the_data_path_scans_or_sorts(tmp_path: Path) -> None:
    from gateway.catalog.sqlite import (  # noqa: PLC0415
        adopting,
        beginnings,
        digests,
        intents,
        listing,
        missing,
        objects,
        parts,
        uploads,
    )

    writer = connection.open_writer(tmp_path / "catalog.db", durable=False)
    schema.migrate(writer)
    for statement in (
        objects.LOOK_UP,
        missing._LOOK_UP,
        adopting._LYING,
        digests._PAGE,
        listing._FLAT,
        listing._ROLLED_UP,
        uploads._LOOK_UP,
        uploads._IN_ORDER,
        uploads._BY_AGE,
        parts._PAGE,
        intents._PAGE,
        beginnings.LOOK_UP,
        "SELECT claim FROM remote_paths WHERE name = ?",
        "SELECT claim FROM remote_paths WHERE upload_id = ? AND state = 'uploading'",
        "SELECT 1 FROM remote_paths WHERE storage = ? AND claim > ? AND claim < ?",
        "SELECT bucket_id, key FROM objects WHERE storage = ? AND claim = ?",
        "SELECT state FROM locations WHERE storage = ? AND claim = ?",
        "SELECT id FROM uploads WHERE bucket_id = ? LIMIT ?",
        "SELECT upload_id FROM completed WHERE completed_ns < ? LIMIT ?",
        "SELECT number FROM beginnings WHERE begun_ns < ? LIMIT ?",
        "SELECT path FROM locations WHERE state = 'doomed' AND (storage, claim) > (?, ?) LIMIT ?",
    ):
        told = plan(writer, statement)
        assert "SCAN" not in told, (statement, told)
        assert "TEMP B-TREE" not in told, (statement, told)
    writer.close()
