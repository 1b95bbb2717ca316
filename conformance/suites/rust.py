"""The AWS SDK for Rust: our own small program in rust_sdk/."""

from pathlib import Path

from conformance.building import cargo_build, required_crate
from conformance.outcome import Suite
from conformance.scripted import scripted

_SOURCE = Path(__file__).resolve().parent / "rust_sdk"
_CASES = {
    "objects": "put, get, head, copy, attributes, tags, any key",
    "listing": "list in pages, delete many",
    "ranges": "byte ranges",
    "conditions": "conditional reads, writes, copies, deletes",
    "waiters": "waiters",
    "checksums": "every checksum, before the body and after it, a wrong one",
    "streams": "files and streams of known and of unknown length",
    "multipart": "parts with every checksum, lists, an abort",
    "copies": "an object of pieces of another",
    "presigned": "presigned PUT, GET, DELETE and parts without the SDK",
    "hosts": "virtual hosts",
    "refusals": "refusals as typed errors",
    "buckets": "buckets",
}


SUITE = Suite(
    name="rust",
    version=required_crate(_SOURCE / "Cargo.toml", "aws-sdk-s3"),
    build=lambda folder: cargo_build(_SOURCE, folder),
    cases=scripted(lambda program: [program], _CASES),
)
