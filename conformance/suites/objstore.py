"""The library that Thanos, Cortex and Mimir keep their blocks by: our own small program in objstore/."""

from pathlib import Path

from conformance.building import go_build, required
from conformance.outcome import Suite
from conformance.scripted import scripted

_SOURCE = Path(__file__).resolve().parent / "objstore"
_CASES = {
    "objects": "upload, get, exists, delete, by each setting",
    "ranges": "ranges, as of an index",
    "parts": "parts, a stream of unknown length",
    "iteration": "iterate folders and all, by list v1 and v2",
    "directories": "a block there and back, eight files at once",
    "refusals": "what is missing, by the library's words",
    "encryption": "SSE-S3 is refused",
}

SUITE = Suite(
    name="objstore",
    version=required(_SOURCE / "go.mod", "github.com/thanos-io/objstore"),
    build=lambda folder: go_build(_SOURCE, folder),
    cases=scripted(lambda program: [program], _CASES),
)
