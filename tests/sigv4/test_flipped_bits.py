"""Each bit that is flipped in what is signed is refused."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import unquote_to_bytes

import pytest

from sigv4.canonical import Signable
from sigv4.refusal import Refusal
from tests.sigv4.signing import presigned, proved, request, signed

HASH = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
PLAIN = request(
    "PUT",
    "/bucket/a%20b/%C3%A4(x).txt",
    "partNumber=2&prefix=a%20b%2Fc&uploadId=xyz",
    {"content-type": "text/plain", "x-amz-meta-a": "one two", "x-amz-acl": "private"},
)
BY_HEADER = signed(PLAIN, payload_hash=HASH)
BY_QUERY = presigned(PLAIN)


def flips(text: str) -> Iterator[str]:
    """``text`` with each bit of it flipped once."""
    raw = text.encode()
    for position in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[position] ^= 1 << bit
            yield changed.decode("utf-8", "surrogateescape")


def accepted(signable: Signable) -> bool:
    try:
        proved(signable)
    except Refusal:
        return False
    return True


def refused_unless_same(
    text: str, change: Callable[[str], Signable], same: Callable[[str], object]
) -> int:
    count = 0
    for flipped in flips(text):
        if same(flipped) == same(text):
            continue
        assert not accepted(change(flipped)), flipped
        count += 1
    return count


def decoded_path(path: str) -> bytes:
    return unquote_to_bytes(path.encode("utf-8", "surrogateescape"))


def decoded_query(query: str) -> list[tuple[bytes, bytes]]:
    pairs = [part.partition("=") for part in query.replace("+", " ").split("&")]
    return sorted((decoded_path(name), decoded_path(value)) for name, _, value in pairs)


BOTH = pytest.mark.parametrize("good", [BY_HEADER, BY_QUERY], ids=["header", "presigned"])


@BOTH
def test_the_request_itself_is_accepted(good: Signable) -> None:
    assert accepted(good)


@BOTH
def test_of_the_method(good: Signable) -> None:
    assert refused_unless_same(good.method, lambda m: replace(good, method=m), str) == 24


@BOTH
def test_of_the_path(good: Signable) -> None:
    count = refused_unless_same(good.path, lambda p: replace(good, path=p), decoded_path)
    assert count > 8 * 20


@BOTH
def test_of_the_query(good: Signable) -> None:
    count = refused_unless_same(good.query, lambda q: replace(good, query=q), without_key)
    assert count > 8 * 30


def without_key(query: str) -> object:
    # The access key is no part of what is signed: the caller finds the secret by it. Header names
    # are the same in either letter case, and a URL without a signature is another URL.
    pairs = []
    for name, value in decoded_query(query):
        if name == b"X-Amz-Credential":
            pairs.append((name, b"/".join(value.rsplit(b"/", 4)[1:])))
        elif name == b"X-Amz-SignedHeaders":
            pairs.append((name, value.lower()))
        else:
            pairs.append((name, value))
    return sorted(pairs)


@BOTH
@pytest.mark.parametrize("name", ["host", "content-type", "x-amz-meta-a", "x-amz-acl"])
def test_of_a_signed_header(good: Signable, name: str) -> None:
    value = good.headers[name]
    count = refused_unless_same(
        value, lambda v: replace(good, headers={**good.headers, name: v}), str
    )
    assert count == 8 * len(value)


@pytest.mark.parametrize("name", ["x-amz-date", "x-amz-content-sha256"])
def test_of_date_and_payload_hash(name: str) -> None:
    value = BY_HEADER.headers[name]
    count = refused_unless_same(
        value, lambda v: replace(BY_HEADER, headers={**BY_HEADER.headers, name: v}), str
    )
    assert count == 8 * len(value)


def test_of_the_scope_the_signed_headers_and_the_signature() -> None:
    value = BY_HEADER.headers["authorization"]
    start = value.index("/")

    def change(flipped: str) -> Signable:
        headers = {**BY_HEADER.headers, "authorization": value[:start] + flipped}
        return replace(BY_HEADER, headers=headers)

    def same(flipped: str) -> str:
        head, _, signature = flipped.rpartition("Signature=")
        before, _, names = head.rpartition("SignedHeaders=")
        return f"{before}|{names.lower()}|{signature}"

    count = refused_unless_same(value[start:], change, same)
    assert count > 8 * 100


def test_another_secret_is_refused() -> None:
    for good in (BY_HEADER, BY_QUERY):
        with pytest.raises(Refusal, match="SignatureDoesNotMatch"):
            proved(good, secret="another")
