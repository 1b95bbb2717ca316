"""Signing keys are remembered, bounded; secrets are compared in constant time only."""

import ast
from pathlib import Path

import pytest

import sigv4
from sigv4.dates import parse_date_header, parse_timestamp
from sigv4.keys import CACHED_KEYS, derive_key, signing_key
from tests.sigv4.signing import NOW, SECRET

SOURCES = sorted(Path(sigv4.__file__).parent.glob("*.py"))
ALLOWED = {
    "collections", "dataclasses", "datetime", "email", "enum", "functools", "hashlib", "hmac",
    "itertools", "posixpath", "re", "sigv4", "types", "typing", "urllib",
}  # fmt: skip


def test_the_key_is_the_one_amazon_publishes() -> None:
    # https://docs.aws.amazon.com/general/latest/gr/signature-v4-examples.html
    key = derive_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20120215", "us-east-1", "iam")
    assert key.hex() == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"


def test_keys_are_remembered_up_to_a_bound() -> None:
    for day in range(CACHED_KEYS + 10):
        assert len(signing_key(SECRET, f"{day:08}", "us-east-1", "s3")) == 32
    info = signing_key.cache_info()
    assert info.currsize <= CACHED_KEYS
    signing_key(SECRET, f"{CACHED_KEYS + 9:08}", "us-east-1", "s3")
    assert signing_key.cache_info().hits == info.hits + 1


@pytest.mark.parametrize(
    "text",
    ["20130524T000000Z", "Fri, 24 May 2013 00:00:00 GMT", "Fri, 24 May 2013 00:00:00 +0000"],
)
def test_a_date_header_has_three_forms(text: str) -> None:
    assert parse_date_header(text) == NOW


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20130524",
        "20130524t000000z",
        "20130524T000000+",
        "２0130524T000000Z",
        "20130524T250000Z",
        "00000101T000000Z",
        "2013-052T000000Z",
        "99991231T235960Z",
        "GMT",
        "Fri, 99 May 2013 00:00:00 GMT",
        "x" * 1000 + "GMT",
    ],
)
def test_another_date_is_none(text: str) -> None:
    assert parse_timestamp(text) is None
    assert parse_date_header(text) is None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_signatures_are_compared_in_constant_time_and_nothing_outside_is_imported(
    path: Path,
) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {name.name.partition(".")[0] for name in node.names} <= ALLOWED
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] in ALLOWED
        if isinstance(node, ast.Compare):
            compared = ast.unparse(node)
            for word in ("signature(", ".signature", "given ==", "expected", "signing_key"):
                assert word not in compared, compared


def test_no_clock_is_read() -> None:
    for path in SOURCES:
        assert not any(word in path.read_text() for word in (".now(", "utcnow", "time.time"))
