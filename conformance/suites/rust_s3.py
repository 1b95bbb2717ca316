"""The crate rust-s3: our own small program in rust_s3/."""

from pathlib import Path

from conformance.building import cargo_build, required_crate
from conformance.outcome import Suite
from conformance.scripted import scripted

_SOURCE = Path(__file__).resolve().parent / "rust_s3"
_CASES = {
    "objects": "put, get, head, copy, tags, ranges, any key",
    "listing": "list in pages, delete many",
    "streams": "streams of unknown length",
    "multipart": "parts by hand, an abort",
    "presigned": "presigned PUT, GET, DELETE without the crate",
    "refusals": "the names of refusals",
}


SUITE = Suite(
    name="rust_s3",
    version=required_crate(_SOURCE / "Cargo.toml", "rust-s3"),
    build=lambda folder: cargo_build(_SOURCE, folder),
    cases=scripted(lambda program: [program], _CASES),
)
