"""The AWS SDK for Go, version 2: our own small program in go_sdk/."""

from pathlib import Path

from conformance.building import go_build, required
from conformance.outcome import Suite
from conformance.scripted import scripted

_SOURCE = Path(__file__).resolve().parent / "go_sdk"
_CASES = {
    "objects": "put, get, head, copy, attributes, any key",
    "listing": "list in pages, delete many",
    "checksums": "every checksum, a wrong one",
    "trailers": "framed bodies keep their encoding",
    "multipart": "transfer manager, a stream of unknown length",
    "presigned": "presigned PUT and GET without the SDK",
    "conditions": "conditional writes",
    "hosts": "virtual hosts",
    "refusals": "the names of refusals",
    "configuration": "configuration reads, versioning refused",
}

SUITE = Suite(
    name="go",
    version=required(_SOURCE / "go.mod", "github.com/aws/aws-sdk-go-v2/service/s3"),
    build=lambda folder: go_build(_SOURCE, folder),
    cases=scripted(lambda program: [program], _CASES),
)
