"""Spark on Hadoop's S3A of the older SDK, Delta Lake, Iceberg: spark_s3a/."""

import re
from collections.abc import Sequence
from pathlib import Path

from conformance.building import maven_build
from conformance.outcome import Suite
from conformance.scripted import scripted

_SOURCE = Path(__file__).resolve().parent / "spark_s3a"
_CASES = {
    "parquet": "Parquet: partitions, append, overwrite whole and in part",
    "formats": "ORC, CSV, JSON: written and replaced",
    "streaming": "a streaming query that goes on from its checkpoint",
    "delta": "Delta Lake: append, delete, merge, optimize, vacuum",
    "iceberg": "Iceberg with S3FileIO: append, delete, merge, rewrite, expire, purge",
}
_OPENED = (
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.io",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
)
"""Packages of Java 17 that Spark reaches into."""


def _version() -> str:
    pom = (_SOURCE / "pom.xml").read_text()
    found = dict(re.findall(r"<(spark|hadoop).version>(.+)</", pom))
    return f"org.apache.hadoop {found['hadoop']}, org.apache.spark {found['spark']}"


def _command(arguments: Path) -> Sequence[str | Path]:
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
    return ["java", *opens, f"@{arguments}", "SparkOnS3"]


SUITE = Suite(
    name="spark",
    version=_version(),
    build=lambda folder: maven_build(_SOURCE, folder),
    cases=scripted(_command, _CASES, timeout_s=400),
)
