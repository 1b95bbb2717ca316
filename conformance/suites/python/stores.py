"""Files and arrays by URL: s3fs, zarr with xarray, smart_open, cloudpathlib, universal_pathlib, obstore."""

import gzip
from typing import Any

import numpy as np  # type: ignore[import-not-found]  # another venv
import obstore  # type: ignore[import-not-found]  # another venv
import s3fs  # type: ignore[import-not-found]  # another venv
import smart_open  # type: ignore[import-not-found]  # another venv
import xarray as xr  # type: ignore[import-not-found]  # another venv
import zarr  # type: ignore[import-not-found]  # another venv
from cloudpathlib import S3Client  # type: ignore[import-not-found]  # another venv
from obstore.exceptions import (  # type: ignore[import-not-found]  # another venv
    AlreadyExistsError,
    PreconditionError,
)
from obstore.store import S3Store  # type: ignore[import-not-found]  # another venv
from upath import UPath  # type: ignore[import-not-found]  # another venv

from conformance.suites.python.asked import (
    ACCESS_KEY,
    ENDPOINT,
    MIB,
    SECRET_KEY,
    content,
    fetched,
    main,
)

_OPTIONS = {"endpoint_url": ENDPOINT, "key": ACCESS_KEY, "secret": SECRET_KEY}


def s3fs_files(bucket: str) -> None:
    files = s3fs.S3FileSystem(**_OPTIONS, config_kwargs={"signature_version": "s3v4"})
    data = content(12 * MIB)
    with files.open(f"{bucket}/f/a", "wb") as stream:
        stream.write(data)
    with files.open(f"{bucket}/f/a", "ab") as stream:
        stream.write(b"end")
    assert files.cat(f"{bucket}/f/a") == data + b"end"
    files.cp(f"{bucket}/f/a", f"{bucket}/f/b")
    files.mv(f"{bucket}/f/b", f"{bucket}/f/c d+é")
    assert files.ls(f"{bucket}/f", refresh=True) == [f"{bucket}/f/a", f"{bucket}/f/c d+é"]
    assert fetched(files.url(f"{bucket}/f/c d+é")) == data + b"end"
    files.pipe({f"{bucket}/many/{number}": b"%d" % number for number in range(30)})
    assert files.cat(f"{bucket}/many/2*") == {
        f"{bucket}/many/{number}": b"%d" % number for number in (2, *range(20, 30))
    }
    files.rm(f"{bucket}/many", recursive=True)
    assert not files.exists(f"{bucket}/many")


def s3fs_conditions(bucket: str) -> None:
    files = s3fs.S3FileSystem(**_OPTIONS)
    files.pipe_file(f"{bucket}/once", b"1", mode="create")
    _refused(FileExistsError, lambda: files.pipe_file(f"{bucket}/once", b"2", mode="create"))
    with files.transaction, files.open(f"{bucket}/later", "wb") as stream:
        stream.write(b"2")
    assert files.cat([f"{bucket}/once", f"{bucket}/later"]) == {
        f"{bucket}/once": b"1",
        f"{bucket}/later": b"2",
    }
    files.setxattr(f"{bucket}/once", colour="blue")
    assert files.getxattr(f"{bucket}/once", "colour") == "blue"
    files.put_tags(f"{bucket}/once", {"a": "b"})
    assert files.get_tags(f"{bucket}/once") == {"a": "b"}


def arrays(bucket: str) -> None:
    numbers = np.arange(10_000).reshape(100, 100)
    array = zarr.create_array(
        store=f"s3://{bucket}/z.zarr",
        shape=numbers.shape,
        chunks=(20, 20),
        dtype="i8",
        storage_options=_OPTIONS,
    )
    array[:] = numbers
    opened = zarr.open_array(f"s3://{bucket}/z.zarr", storage_options=_OPTIONS)
    assert (opened[10:90] == numbers[10:90]).all()
    grid = xr.Dataset({"t": (("x", "y"), np.random.default_rng(1).random((20, 30)))})
    for _ in range(2):
        grid.to_zarr(f"s3://{bucket}/x.zarr", mode="w", storage_options=_OPTIONS)
    grid.to_zarr(f"s3://{bucket}/x.zarr", append_dim="x", storage_options=_OPTIONS)
    read = xr.open_zarr(f"s3://{bucket}/x.zarr", storage_options=_OPTIONS).load()
    xr.testing.assert_equal(read, xr.concat([grid, grid], "x"))


def smart_open_files(bucket: str) -> None:
    data = content(11 * MIB)
    with smart_open.open(f"s3://{bucket}/a.gz", "wb") as stream:
        stream.write(data)
    with smart_open.open(f"s3://{bucket}/a.gz", "rb", compression="disable") as stream:
        assert gzip.decompress(stream.read()) == data
    with smart_open.open(f"s3://{bucket}/b", "wb") as stream:
        stream.write(data)
    with smart_open.open(f"s3://{bucket}/b", "rb") as stream:
        stream.seek(5 * MIB)
        assert stream.read(1000) == data[5 * MIB :][:1000]


def paths(bucket: str) -> None:
    cloud = S3Client(endpoint_url=ENDPOINT)
    path = cloud.CloudPath(f"s3://{bucket}/a/b.txt")
    path.write_text("text")
    assert path.parent.is_dir()
    path.rename(cloud.CloudPath(f"s3://{bucket}/a/c.txt"))
    assert [each.name for each in cloud.CloudPath(f"s3://{bucket}/").rglob("*.txt")] == ["c.txt"]
    other = UPath(f"s3://{bucket}/a/c.txt", endpoint_url=ENDPOINT)
    assert other.read_text() == "text"
    other.unlink()
    assert not other.exists()


def object_store(bucket: str) -> None:
    """The crate object_store, through obstore: what Rust programs do."""
    store = S3Store(
        bucket,
        endpoint=ENDPOINT,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    obstore.put(store, "a", b"1", mode="create")
    _refused(AlreadyExistsError, lambda: obstore.put(store, "a", b"2", mode="create"))
    first = obstore.head(store, "a")["e_tag"]
    obstore.put(store, "a", b"3", mode={"e_tag": first})
    _refused(PreconditionError, lambda: obstore.put(store, "a", b"4", mode={"e_tag": first}))
    assert bytes(obstore.get(store, "a").bytes()) == b"3"
    data = content(22 * MIB)
    obstore.put(store, "d/large", data, use_multipart=True, chunk_size=5 * MIB)
    pieces = obstore.get_ranges(store, "d/large", starts=[5, 9 * MIB], lengths=[10, 10])
    assert [bytes(piece) for piece in pieces] == [data[5:15], data[9 * MIB :][:10]]
    obstore.copy(store, "a", "d/b c")
    assert [each["path"] for page in obstore.list(store) for each in page] == [
        "a",
        "d/b c",
        "d/large",
    ]
    assert obstore.list_with_delimiter(store)["common_prefixes"] == ["d"]
    obstore.delete(store, ["a", "d/b c", "d/large"])
    assert [each for page in obstore.list(store) for each in page] == []


def copies_if_absent(bucket: str) -> None:
    """object_store's copy that replaces nothing, by a part that is copied and a conditional completion."""
    store = S3Store(
        bucket,
        endpoint=ENDPOINT,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
        copy_if_not_exists="multipart",
    )
    obstore.put(store, "a", b"1")
    obstore.copy(store, "a", "b", overwrite=False)
    obstore.put(store, "a", b"2")
    _refused(AlreadyExistsError, lambda: obstore.copy(store, "a", "b", overwrite=False))
    assert bytes(obstore.get(store, "b").bytes()) == b"1"


def _refused(error: type[Exception], do: Any) -> None:
    try:
        do()
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


if __name__ == "__main__":
    main(
        {
            "s3fs": s3fs_files,
            "s3fs-conditions": s3fs_conditions,
            "arrays": arrays,
            "smart-open": smart_open_files,
            "paths": paths,
            "object-store": object_store,
            "copies-if-absent": copies_if_absent,
        }
    )
