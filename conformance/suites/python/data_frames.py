"""Tables as Parquet and Delta: pyarrow, pandas, polars, deltalake, DuckDB over fsspec."""

from concurrent.futures import ThreadPoolExecutor

import duckdb  # type: ignore[import-not-found]  # another venv
import fsspec  # type: ignore[import-not-found]  # another venv
import pandas as pd  # type: ignore[import-untyped]  # another venv
import polars as pl  # type: ignore[import-not-found]  # another venv
import pyarrow as pa  # type: ignore[import-not-found]  # another venv
from deltalake import DeltaTable, write_deltalake  # type: ignore[import-not-found]  # another venv
from pyarrow import dataset as ds
from pyarrow import fs
from pyarrow import parquet as pq

from conformance.suites.python.asked import (
    ACCESS_KEY,
    ENDPOINT,
    MIB,
    REGION,
    SECRET_KEY,
    content,
    main,
)

_BOTO = {"endpoint_url": ENDPOINT, "key": ACCESS_KEY, "secret": SECRET_KEY}
_RUST = {
    "aws_endpoint_url": ENDPOINT,
    "aws_access_key_id": ACCESS_KEY,
    "aws_secret_access_key": SECRET_KEY,
    "aws_region": REGION,
    "aws_allow_http": "true",
}


def pyarrow(bucket: str) -> None:
    store = fs.S3FileSystem(endpoint_override=ENDPOINT)
    table = pa.table({"year": [2024, 2024, 2025], "n": [1, 2, 3]})
    pq.write_table(table, f"{bucket}/one.parquet", filesystem=store)
    assert pq.read_table(f"{bucket}/one.parquet", filesystem=store).equals(table)
    ds.write_dataset(
        table, f"{bucket}/set", format="parquet", partitioning=["year"], filesystem=store
    )
    parts = ds.dataset(f"{bucket}/set", format="parquet", partitioning=["year"], filesystem=store)
    assert sorted(parts.to_table(filter=ds.field("year") == 2024)["n"].to_pylist()) == [1, 2]
    with store.open_output_stream(f"{bucket}/large") as stream:
        stream.write(content(26 * MIB))
    with store.open_input_file(f"{bucket}/large") as file:
        file.seek(13 * MIB)
        assert file.read() == content(26 * MIB)[13 * MIB :]


def pyarrow_folders(bucket: str) -> None:
    store = fs.S3FileSystem(endpoint_override=ENDPOINT)
    store.create_dir(f"{bucket}/a/b")
    assert store.get_file_info(f"{bucket}/a/b").type == fs.FileType.Directory
    with store.open_output_stream(f"{bucket}/a/b/f") as stream:
        stream.write(b"1234")
    store.copy_file(f"{bucket}/a/b/f", f"{bucket}/a/copy")
    store.move(f"{bucket}/a/b/f", f"{bucket}/a/moved")
    found = store.get_file_info(fs.FileSelector(f"{bucket}/a", recursive=True))
    assert {(each.base_name, each.size) for each in found if each.is_file} == {
        ("copy", 4),
        ("moved", 4),
    }
    store.delete_dir(f"{bucket}/a")
    assert store.get_file_info(f"{bucket}/a").type == fs.FileType.NotFound


def pandas(bucket: str) -> None:
    options = {"key": ACCESS_KEY, "secret": SECRET_KEY, "client_kwargs": {"endpoint_url": ENDPOINT}}
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "é"]})
    frame.to_parquet(f"s3://{bucket}/a.parquet", storage_options=options)
    assert pd.read_parquet(f"s3://{bucket}/a.parquet", storage_options=options).equals(frame)
    frame.to_csv(f"s3://{bucket}/a.csv.gz", index=False, storage_options=options)
    assert pd.read_csv(f"s3://{bucket}/a.csv.gz", storage_options=options).equals(frame)


def polars(bucket: str) -> None:
    frame = pl.DataFrame({"a": [1, 2, 3], "g": ["x", "y", "x"]})
    frame.write_parquet(f"s3://{bucket}/t/1.parquet", storage_options=_RUST)
    frame.lazy().sink_parquet(f"s3://{bucket}/t/2.parquet", storage_options=_RUST)
    scanned = pl.scan_parquet(f"s3://{bucket}/t/*.parquet", storage_options=_RUST)
    assert sorted(scanned.filter(pl.col("a") > 1).collect()["a"].to_list()) == [2, 2, 3, 3]


def delta(bucket: str) -> None:
    """Writers at once: each version is claimed by a conditional write, so none is lost."""
    table = f"s3://{bucket}/table"

    def append(number: int) -> None:
        rows = pa.table({"a": [number]})
        write_deltalake(table, rows, mode="append", storage_options=_RUST)

    append(0)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(1, 9)))
    written = DeltaTable(table, storage_options=_RUST)
    assert written.version() == 8, written.version()
    assert sorted(written.to_pyarrow_table()["a"].to_pylist()) == list(range(9))
    written.delete("a = 3")
    written.optimize.compact()
    written.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    kept = DeltaTable(table, storage_options=_RUST).to_pyarrow_table()["a"].to_pylist()
    assert sorted(kept) == [0, 1, 2, 4, 5, 6, 7, 8], kept


def duckdb_over_fsspec(bucket: str) -> None:
    with duckdb.connect() as connection:
        connection.register_filesystem(fsspec.filesystem("s3", **_BOTO))
        connection.execute(
            f"copy (select range as a from range(1000)) to 's3://{bucket}/d.parquet'"
        )
        summed = connection.execute(f"select sum(a) from 's3://{bucket}/d.parquet'").fetchall()
    assert summed == [(499500,)], summed


if __name__ == "__main__":
    main(
        {
            "pyarrow": pyarrow,
            "pyarrow-folders": pyarrow_folders,
            "pandas": pandas,
            "polars": polars,
            "delta": delta,
            "duckdb": duckdb_over_fsspec,
        }
    )
