"""Hadoop's file system on S3, S3A, and MapReduce's committers: hadoop_s3a/."""

import re
from collections.abc import Sequence
from pathlib import Path

from conformance.building import maven_build
from conformance.outcome import Suite
from conformance.scripted import scripted

_SOURCE = Path(__file__).resolve().parent / "hadoop_s3a"
_CASES = {
    "files": "create, overwrite, read, delete, append refused",
    "folders": "folders, listings in pages, globs, both kinds of list",
    "renames": "rename of a tree, of a file in parts",
    "deletes": "delete of trees, many keys a request and one",
    "shell": "hadoop fs: put, ls, cp, mv, du, get, rm",
    "reads": "seek, positioned and vectored reads, all streams and policies",
    "changes": "a file replaced while it is read",
    "large": "files in parts, every buffer",
    "parts": "multipart uploader, parts out of order, aborts",
    "aborts": "a stream that is given up",
    "conditions": "conditional creation and replacement",
    "checksums": "every checksum",
    "attributes": "headers as attributes, kept by a rename",
    "refusals": "no such bucket, a wrong key, encryption and public lists",
    "magic": "MapReduce with the magic committer",
    "directory": "MapReduce with the directory committer",
    "partitioned": "MapReduce with the partitioned committer",
    "file": "MapReduce with the committer that renames",
    "failed": "a job that fails leaves nothing",
}


def _version() -> str:
    found = re.search(r"<hadoop.version>(.+)</hadoop.version>", (_SOURCE / "pom.xml").read_text())
    assert found is not None, "pom.xml pins no version of Hadoop"
    return f"org.apache.hadoop {found[1]}"


def _command(arguments: Path) -> Sequence[str | Path]:
    return ["java", f"@{arguments}", "HadoopS3a"]


SUITE = Suite(
    name="hadoop",
    version=_version(),
    build=lambda folder: maven_build(_SOURCE, folder),
    cases=scripted(_command, _CASES),
)
