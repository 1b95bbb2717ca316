"""The AWS SDK for Java, version 2, with its transfer manager over Netty and CRT: java_sdk/."""

import re
from collections.abc import Sequence
from pathlib import Path

from conformance.building import maven_build
from conformance.outcome import Suite
from conformance.scripted import scripted

_SOURCE = Path(__file__).resolve().parent / "java_sdk"
_CASES = {
    "objects": "put, get, head, copy, list, delete",
    "checksums": "every checksum, a wrong one",
    "conditions": "conditional writes",
    "presigned": "presigned PUT and GET without the SDK",
    "netty": "transfer manager: files, streams, copies, folders",
    "crt": "the same with the client of CRT",
}


def _version() -> str:
    found = re.search(r"<version>(2\.[\d.]+)</version>", (_SOURCE / "pom.xml").read_text())
    assert found is not None, "pom.xml pins no version of the SDK"
    return f"software.amazon.awssdk {found[1]}"


def _command(arguments: Path) -> Sequence[str | Path]:
    return ["java", f"@{arguments}", "JavaSdk"]


SUITE = Suite(
    name="java",
    version=_version(),
    build=lambda folder: maven_build(_SOURCE, folder),
    cases=scripted(_command, _CASES),
)
