"""Stores of tables and arrays that rest on conditional writes, from PyPI: python/lake_stores.py."""

from pathlib import Path

from conformance.building import python_packages
from conformance.outcome import Suite
from conformance.scripted import module, scripted

_PINS = Path(__file__).resolve().parent / "python/lakes.txt"
_CASES = {
    "icechunk": "Icechunk: commits, a conflict, garbage collection",
    "lancedb": "LanceDB: writers at once, delete, optimize, search",
    "iceberg": "PyIceberg: append, delete, time travel",
    "opendal": "OpenDAL: streams, copies, conditional writes",
}

SUITE = Suite(
    name="lakes",
    version="pins in suites/python/lakes.txt",
    build=lambda folder: python_packages(_PINS, folder),
    cases=scripted(module("lake_stores"), _CASES),
)
