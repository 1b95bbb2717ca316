"""What Python programs keep data with, from PyPI: our own small programs in python/."""

from pathlib import Path

from conformance.building import python_packages
from conformance.outcome import Suite
from conformance.scripted import module, scripted

_PINS = Path(__file__).resolve().parent / "python/libraries.txt"
_DATA_FRAMES = {
    "pyarrow": "pyarrow: Parquet, partitions, large streams",
    "pyarrow-folders": "pyarrow: folders, copies, moves",
    "pandas": "pandas: Parquet and CSV",
    "polars": "polars: write, sink, scan",
    "delta": "deltalake: writers at once, delete, compact, vacuum",
    "duckdb": "DuckDB over fsspec",
}
_STORES = {
    "s3fs": "s3fs: append, copy, move, links, many",
    "s3fs-conditions": "s3fs: exclusive creation, transactions, attributes, tags",
    "arrays": "zarr, xarray",
    "smart-open": "smart_open: compressed and large streams",
    "paths": "cloudpathlib, universal_pathlib",
    "object-store": "obstore: conditional puts, parts, ranges, lists",
    "copies-if-absent": "obstore: a copy that replaces nothing",
}
_CLIENTS = {
    "minio": "minio: streams, compose, links, tags, removal",
    "aioboto3": "aioboto3: transfers, resources",
}


SUITE = Suite(
    name="python",
    version="pins in suites/python/libraries.txt",
    build=lambda folder: python_packages(_PINS, folder),
    cases=[
        *scripted(module("data_frames"), _DATA_FRAMES),
        *scripted(module("stores"), _STORES),
        *scripted(module("clients"), _CLIENTS),
    ],
)
