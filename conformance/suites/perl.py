"""Perl's Net::Amazon::S3, from Debian: our own small program net_amazon_s3.pl."""

from pathlib import Path

from conformance.building import debian, debian_version
from conformance.outcome import Suite
from conformance.scripted import scripted

_PACKAGE = "libnet-amazon-s3-perl"
_PROGRAM = Path(__file__).resolve().parent / "net_amazon_s3.pl"
_CASES = {
    "objects": "put, get, tags, ranges, any key",
    "files": "files",
    "listing": "list in pages, delete many",
    "presigned": "presigned PUT and GET without the library",
    "refusals": "the names of refusals",
}

SUITE = Suite(
    name="perl",
    version=f"Net::Amazon::S3, Debian {debian_version(_PACKAGE)}",
    build=lambda _folder: debian("/usr/bin/perl", _PACKAGE),
    cases=scripted(lambda perl: [perl, _PROGRAM], _CASES),
)
