"""Stores that rest on S3's conditional writes: Icechunk, LanceDB, PyIceberg; and Apache OpenDAL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import icechunk  # type: ignore[import-not-found]  # another venv
import lancedb  # type: ignore[import-not-found]  # another venv
import numpy as np  # type: ignore[import-not-found]  # another venv
import opendal  # type: ignore[import-not-found]  # another venv
import pyarrow as pa  # type: ignore[import-not-found]  # another venv
import zarr  # type: ignore[import-not-found]  # another venv
from opendal.exceptions import (  # type: ignore[import-not-found]  # another venv
    ConditionNotMatch,
    NotFound,
)
from pyiceberg.catalog import load_catalog  # type: ignore[import-not-found]  # another venv

from conformance.suites.python.asked import (
    ACCESS_KEY,
    ENDPOINT,
    MIB,
    REGION,
    SECRET_KEY,
    content,
    main,
)


def versioned_arrays(bucket: str) -> None:
    """Two sessions change the same branch: the second one is told."""
    storage = icechunk.s3_storage(
        bucket=bucket,
        prefix="arrays",
        region=REGION,
        endpoint_url=ENDPOINT,
        allow_http=True,
        force_path_style=True,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
    )
    repository = icechunk.Repository.create(storage)
    session = repository.writable_session("main")
    array = zarr.create_array(session.store, name="a", shape=(100,), chunks=(10,), dtype="i4")
    array[:] = np.arange(100)
    session.commit("first")
    winner, loser = (repository.writable_session("main") for _ in range(2))
    zarr.open_array(winner.store, path="a")[0] = 5
    zarr.open_array(loser.store, path="a")[0] = 6
    winner.commit("second")
    try:
        loser.commit("third")
    except icechunk.ConflictError:
        pass
    else:
        raise AssertionError("two commits followed the same one")
    opened = icechunk.Repository.open(storage)
    said = [each.message for each in opened.ancestry(branch="main")]
    assert said[:2] == ["second", "first"], said
    opened.garbage_collect(datetime.now(UTC))
    read = zarr.open_array(opened.readonly_session("main").store, path="a")[:]
    assert read.tolist() == [5, *range(1, 100)]


def vectors(bucket: str) -> None:
    """Writers at once, none is lost."""
    options = {
        "endpoint": ENDPOINT,
        "region": REGION,
        "allow_http": "true",
        "aws_access_key_id": ACCESS_KEY,
        "aws_secret_access_key": SECRET_KEY,
    }
    database = lancedb.connect(f"s3://{bucket}/vectors", storage_options=options)
    kind = pa.list_(pa.float32(), 2)
    first = pa.table({"id": [1, 2], "vector": pa.array([[0.1, 0.2], [0.5, 0.6]], kind)})
    database.create_table("t", first)

    def add(number: int) -> None:
        database.open_table("t").add([{"id": number, "vector": [number, number]}])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(10, 18)))
    table = database.open_table("t")
    table.delete("id = 2")
    table.optimize()
    assert sorted(table.to_arrow()["id"].to_pylist()) == [1, *range(10, 18)]
    assert table.search([0.1, 0.2]).limit(1).to_list()[0]["id"] == 1
    database.drop_table("t")


def iceberg(bucket: str) -> None:
    catalog = load_catalog(
        "here",
        **{
            "type": "sql",
            "uri": f"sqlite:///{Path.cwd()}/catalog.db",
            "warehouse": f"s3://{bucket}/warehouse",
            "s3.endpoint": ENDPOINT,
            "s3.region": REGION,
            "s3.access-key-id": ACCESS_KEY,
            "s3.secret-access-key": SECRET_KEY,
        },
    )
    catalog.create_namespace("n")
    rows = pa.table({"a": [1, 2], "b": ["x", "é"]})
    table = catalog.create_table("n.t", schema=rows.schema)
    table.append(rows)
    table.append(rows)
    table.delete("a = 1")
    assert table.scan().to_arrow()["b"].to_pylist() == ["é", "é"]
    before = table.snapshots()[0].snapshot_id
    assert table.scan(snapshot_id=before).to_arrow()["a"].to_pylist() == [1, 2]


def operator(bucket: str) -> None:
    files = opendal.Operator(
        "s3",
        bucket=bucket,
        root="/files",
        region=REGION,
        endpoint=ENDPOINT,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
    )
    data = content(20 * MIB)
    with files.open("large", "wb") as stream:
        stream.write(data)
    files.write("a b/é", b"text")
    files.copy("large", "d/copy")
    assert bytes(files.read("d/copy")) == data
    listed = {each.path for each in files.list("/", recursive=True)}
    assert {"a b/é", "d/copy", "large"} <= listed, listed
    _refused(ConditionNotMatch, files, "a b/é")
    files.remove_all("/")
    try:
        files.stat("large")
    except NotFound:
        return
    raise AssertionError("it is still there")


def _refused(error: type[Exception], files: opendal.Operator, path: str) -> None:
    """Not written again by who wants to create it."""
    try:
        files.write(path, b"other", if_not_exists=True)
    except error:
        assert bytes(files.read(path)) == b"text"
        return
    raise AssertionError(f"no {error.__name__}")


if __name__ == "__main__":
    main(
        {
            "icechunk": versioned_arrays,
            "lancedb": vectors,
            "iceberg": iceberg,
            "opendal": operator,
        }
    )
