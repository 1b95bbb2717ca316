"""The Go Cloud Development Kit, which Hugo and many others keep their files by: our own small
program in go_cdk/."""

from pathlib import Path

from conformance.building import go_build, required
from conformance.outcome import Suite
from conformance.scripted import scripted

_SOURCE = Path(__file__).resolve().parent / "go_cdk"
_CASES = {
    "blobs": "every attribute, metadata, any key",
    "ranges": "ranges, seeking",
    "streams": "a stream of unknown length, in parts",
    "abandoned": "a write that is given up changes nothing",
    "download": "many ranges at once",
    "listing": "list in pages, folders",
    "copies": "copy, delete, odd keys",
    "claims": "eight writers create one key",
    "links": "presigned PUT and GET",
    "missing": "what is missing, by the kit's codes",
    "load": "eight workers at the same few keys",
}

SUITE = Suite(
    name="go_cdk",
    version=required(_SOURCE / "go.mod", "gocloud.dev"),
    build=lambda folder: go_build(_SOURCE, folder),
    cases=scripted(lambda program: [program], _CASES),
)
