"""ETag arithmetic and continuation tokens."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.checksums import checksum_of, decode
from gateway.s3.errors import S3Error
from gateway.s3.etag import (
    CRC,
    MD5,
    crc_of,
    etag_of_digest,
    etag_of_parts,
    multipart_etag,
    quote,
    unquote,
)
from gateway.s3.listing_tokens import after_of, token_of

_KEY = st.text(st.characters(codec="utf-8"), max_size=300)


def test_a_multipart_etag_is_as_amazon_computes_it() -> None:
    # Two parts, "a" * 5 MiB and "b": computed with openssl dgst -md5 on the joined digests.
    parts = [hashlib.md5(b"a" * 5_242_880).hexdigest(), hashlib.md5(b"b").hexdigest()]
    joined = bytes.fromhex("".join(parts))
    assert multipart_etag(parts) == f"{hashlib.md5(joined).hexdigest()}-2"
    assert multipart_etag(["d41d8cd98f00b204e9800998ecf8427e"]) == (
        "59adb24ef3cdbe0297f05b395827453f-1"
    )


@pytest.mark.parametrize("etag", ["", "xyz", "59adb24ef3cdbe0297f05b395827453f-1", "0" * 31])
def test_what_is_no_part_etag_is_refused(etag: str) -> None:
    with pytest.raises(ValueError, match="not the ETag"):
        multipart_etag([etag])


def _etag(made_of: str, data: bytes) -> str:
    return etag_of_digest(made_of, decode(made_of, checksum_of(made_of, data)) or b"")


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6))
def test_parts_of_either_kind_make_one_of_that_kind(parts: list[bytes]) -> None:
    md5s = [_etag(MD5, part) for part in parts]
    assert etag_of_parts([(etag, 1) for etag in md5s]) == multipart_etag(md5s)
    crcs = etag_of_parts([(_etag(CRC, part), len(part)) for part in parts])
    assert crc_of(crcs) == decode(CRC, checksum_of(CRC, b"".join(parts)))
    assert crcs.endswith(f"-{len(parts)}")


def test_parts_of_both_kinds_make_one_that_tells_nothing() -> None:
    crc, md5 = _etag(CRC, b"one"), _etag(MD5, b"two")
    mixed = etag_of_parts([(crc, 3), (md5, 3)])
    assert len(mixed) == 42
    assert mixed.endswith("-2")
    assert crc_of(mixed) is None
    assert mixed != etag_of_parts([(md5, 3), (crc, 3)])


@pytest.mark.parametrize(
    "etag", ["", "0" * 16, "0" * 32, f"{'0' * 32}-1", f"{'0' * 16}-0", f"{'0' * 15}g-1"]
)
def test_what_is_made_of_no_crc(etag: str) -> None:
    assert crc_of(etag) is None


@given(st.text(st.characters(exclude_characters='"')))
def test_quotes_come_off_again(etag: str) -> None:
    assert unquote(quote(etag)) == etag
    assert unquote(f" {quote(etag)} ") == etag


def test_half_a_quote_is_left_alone() -> None:
    assert unquote('"') == '"'
    assert unquote('"a') == '"a'


@given(_KEY)
def test_a_token_gives_its_key_back(key: str) -> None:
    token = token_of(key)
    assert after_of(token) == key
    assert token.replace("-", "").replace("_", "").isalnum()


@given(_KEY, st.integers(0), st.sampled_from("AZaz09-_=+/ "))
def test_a_changed_token_is_refused(key: str, place: int, other: str) -> None:
    token = token_of(key)
    place %= len(token)
    if token[place] != other:
        with pytest.raises(S3Error) as refusal:
            after_of(token[:place] + other + token[place + 1 :])
        assert refusal.value.code == "InvalidArgument"
        assert refusal.value.message == "The continuation token provided is incorrect"


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(S3Error):
        after_of(text)


def test_a_huge_token_is_refused_unread() -> None:
    with pytest.raises(S3Error):
        after_of(token_of("k" * 10_000))
