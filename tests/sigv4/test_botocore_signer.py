"""botocore as the independent signer: what it signs, we accept, whatever the bytes."""

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigv4.canonical import Signable, quoted_path
from sigv4.payload import Payload
from sigv4.sign import query_string
from tests.sigv4.signing import (
    CREDENTIALS,
    HOST,
    REGION,
    presigned,
    presigned_by_botocore,
    proved,
    request,
    signed,
    signed_by_botocore,
)

BASE = f"https://{HOST}"
KEYS = st.binary(min_size=1, max_size=40)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
# Names that only a signed URL carries; Hypothesis finds them in the sources.
NAMES = TEXT.filter(
    lambda name: not name.startswith("X-Amz-") and name not in {"Signature", "AWSAccessKeyId"}
)
PAIRS = st.lists(st.tuples(NAMES, TEXT), max_size=5)
# What may stand in a header: visible characters, spaces and tabs; any UTF-8 besides.
VALUES = st.text(
    st.one_of(st.characters(codec="utf-8", min_codepoint=0x80), st.sampled_from("\t !\"'aB,;=~")),
    max_size=20,
)
SPELLINGS = st.sampled_from(["", "/", "/~", "!*'()", "@:$&=,;", "/+!*'()@:$&=,;~"])


@given(key=KEYS, safe=SPELLINGS)
@settings(deadline=None)
def test_every_byte_in_a_key_is_accepted_however_the_client_spells_it(
    key: bytes, safe: str
) -> None:
    path = quote(key, safe=safe)
    if path.startswith("/"):
        path = "x" + path
    proved(signed_by_botocore("GET", f"{BASE}/bucket/{path}"))
    proved(presigned_by_botocore("GET", f"{BASE}/bucket/{path}"))


@pytest.mark.parametrize("byte", range(256))
def test_each_byte_alone_is_accepted_in_key_and_query(byte: int) -> None:
    encoded = quote(bytes([byte]), safe="")
    url = f"{BASE}/bucket/a{encoded}b?prefix=a{encoded}b&{encoded}="
    for spelt in (url, url.replace(encoded, encoded.lower())):
        proved(signed_by_botocore("GET", spelt))


@given(pairs=PAIRS, plus=st.booleans())
@settings(deadline=None)
def test_every_character_in_a_query_is_accepted(pairs: list[tuple[str, str]], plus: bool) -> None:
    spell = quote_plus if plus else quote
    query = "&".join(f"{spell(name, safe='')}={spell(value, safe='')}" for name, value in pairs)
    proved(signed_by_botocore("GET", f"{BASE}/?{query}"))


@given(pairs=PAIRS)
@settings(deadline=None)
def test_a_presigned_query_is_accepted(pairs: list[tuple[str, str]]) -> None:
    query = query_string(pairs)
    proved(presigned_by_botocore("GET", f"{BASE}/key?{query}"))


@given(value=VALUES)
@settings(deadline=None)
def test_every_character_in_a_header_value_is_accepted(value: str) -> None:
    proved(signed_by_botocore("PUT", f"{BASE}/key", {"x-amz-meta-a": value}))
    proved(presigned_by_botocore("PUT", f"{BASE}/key", {"x-amz-meta-a": value}))


@given(body=st.binary(max_size=100))
@settings(deadline=None)
def test_a_signed_body_is_claimed_by_its_hash(body: bytes) -> None:
    verified = proved(signed_by_botocore("PUT", f"{BASE}/key", body=body))
    assert verified.claim.payload is Payload.SIGNED


@given(key=KEYS, pairs=PAIRS, value=VALUES)
@settings(max_examples=50, deadline=None)
def test_what_we_sign_ourselves_we_accept(
    key: bytes, pairs: list[tuple[str, str]], value: str
) -> None:
    plain = request("PUT", "/" + quoted_path(key), query_string(pairs), {"x-amz-meta-a": value})
    proved(signed(plain))
    proved(presigned(plain))


@given(pairs=PAIRS, key=KEYS)
@settings(max_examples=50, deadline=None)
def test_our_signature_is_the_one_botocore_makes(pairs: list[tuple[str, str]], key: bytes) -> None:
    path, query = "/k" + quoted_path(key), query_string(pairs)
    theirs = signed_by_botocore("GET", f"{BASE}{path}?{query}")
    payload_hash = theirs.headers["x-amz-content-sha256"]
    ours = signed(request(path=path, query=query), payload_hash=payload_hash)
    assert ours.headers["authorization"] == theirs.headers["authorization"]


def test_the_raw_target_may_hold_bytes_that_are_not_ascii() -> None:
    path = "/bucket/käse\udcff".encode("utf-8", "surrogateescape").decode(
        "utf-8", "surrogateescape"
    )
    canonical = signed(request(path="/bucket/k%C3%A4se%FF"))
    raw = Signable(method="GET", path=path, query="", headers=canonical.headers)
    assert proved(raw).claim.region == REGION
    assert CREDENTIALS.secret not in repr(CREDENTIALS)
