"""What requests say of their body's checksum, and how bodies are held against it."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.checksums import DIGEST_SIZES, Digests, checksum_of
from gateway.s3.declared import Declared, declared
from gateway.s3.errors import S3Error

_BODY = b"hello"
_CRC = checksum_of("CRC32", _BODY)


def _digests(of: Declared, body: bytes = _BODY) -> Digests:
    digests = Digests(of.algorithms)
    digests.update(body)
    return digests


@pytest.mark.parametrize("algorithm", DIGEST_SIZES)
def test_a_body_that_is_what_its_header_says_passes_and_another_does_not(algorithm: str) -> None:
    name = f"x-amz-checksum-{algorithm.lower()}"
    said = declared({name: checksum_of(algorithm, _BODY)})
    said.check(_digests(said))
    with pytest.raises(S3Error) as refusal:
        said.check(_digests(said, b"hellp"))
    assert refusal.value.code == "BadDigest"
    assert refusal.value.message == (
        f"The {algorithm} you specified did not match the calculated checksum."
    )


@pytest.mark.parametrize("algorithm", DIGEST_SIZES)
def test_the_trailer_brings_the_value(algorithm: str) -> None:
    name = f"x-amz-checksum-{algorithm.lower()}"
    said = declared({"x-amz-trailer": name, "x-amz-sdk-checksum-algorithm": algorithm})
    assert (said.algorithm, said.trailer, said.value) == (algorithm, name, None)
    with pytest.raises(S3Error) as refusal:
        said.check(_digests(said))
    assert refusal.value.code == "MalformedTrailerError"
    full = said.with_trailer({name: checksum_of(algorithm, _BODY)})
    full.check(_digests(full))
    with pytest.raises(S3Error, match="BadDigest"):
        full.check(_digests(full, b"hellp"))


def test_a_trailer_without_its_value_or_with_a_malformed_one_is_refused() -> None:
    said = declared({"x-amz-trailer": "x-amz-checksum-crc32"})
    with pytest.raises(S3Error, match="MalformedTrailerError"):
        said.with_trailer({})
    with pytest.raises(S3Error) as refusal:
        said.with_trailer({"x-amz-checksum-crc32": "AAAA"})
    assert refusal.value.message == "Value for x-amz-checksum-crc32 trailing header is invalid."


def test_content_md5_is_compared() -> None:
    md5 = base64.b64encode(hashlib.md5(_BODY).digest()).decode()
    said = declared({"content-md5": md5})
    said.check(_digests(said))
    with pytest.raises(S3Error) as refusal:
        said.check(_digests(said, b"hellp"))
    assert refusal.value.code == "BadDigest"
    assert refusal.value.fields["ExpectedDigest"] == md5


@pytest.mark.parametrize("text", ["", "x", "d41d8cd98f00b204e9800998ecf8427e", "AAAA", "é" * 24])
def test_a_malformed_content_md5_is_an_invalid_digest(text: str) -> None:
    with pytest.raises(S3Error) as refusal:
        declared({"content-md5": text})
    assert refusal.value.code == "InvalidDigest"
    assert refusal.value.fields == {"Content-MD5": text}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (
            {"x-amz-checksum-crc32": _CRC, "x-amz-checksum-crc32c": _CRC},
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        ),
        (
            {"x-amz-checksum-crc32": _CRC, "x-amz-trailer": "x-amz-checksum-crc32"},
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        ),
        (
            {"x-amz-checksum-crc33": _CRC},
            "The algorithm type you specified in x-amz-checksum- header is invalid.",
        ),
        (
            {"x-amz-checksum-sha256": _CRC},
            "Value for x-amz-checksum-sha256 header is invalid.",
        ),
        (
            {"x-amz-trailer": "x-amz-meta-a"},
            "The value specified in the x-amz-trailer header is not supported",
        ),
        (
            {"x-amz-checksum-crc32": _CRC, "x-amz-sdk-checksum-algorithm": "SHA256"},
            "Value for x-amz-sdk-checksum-algorithm header is invalid.",
        ),
        (
            {"x-amz-checksum-crc32": _CRC, "x-amz-sdk-checksum-algorithm": "CRC33"},
            "Value for x-amz-sdk-checksum-algorithm header is invalid.",
        ),
        (
            {"x-amz-sdk-checksum-algorithm": "CRC32"},
            (
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
                "x-amz-trailer headers were found."
            ),
        ),
    ],
)
def test_what_s3_refuses_is_refused_in_its_words(headers: dict[str, str], message: str) -> None:
    with pytest.raises(S3Error) as refusal:
        declared(headers)
    assert (refusal.value.code, refusal.value.message) == ("InvalidRequest", message)


def test_headers_about_the_object_do_not_count_as_about_the_body() -> None:
    headers = {"x-amz-checksum-crc64nvme": "whatever-2", "x-amz-checksum-type": "COMPOSITE"}
    assert declared(headers, of_body=False) == Declared()


def test_headers_that_only_begin_alike_are_no_values() -> None:
    headers = {
        "x-amz-checksum-mode": "ENABLED",
        "x-amz-checksum-type": "FULL_OBJECT",
        "x-amz-checksum-algorithm": "CRC32",
    }
    said = declared(headers)
    assert said == Declared()
    said.check(_digests(said))


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "content-md5",
                "x-amz-checksum-crc32",
                "x-amz-checksum-sha1",
                "x-amz-checksum-md5",
                "x-amz-trailer",
                "x-amz-sdk-checksum-algorithm",
            ]
        ),
        st.text(max_size=30) | st.sampled_from([_CRC, "CRC32", "x-amz-checksum-crc32"]),
    )
)
def test_any_headers_are_read_or_refused_with_a_code(headers: dict[str, str]) -> None:
    try:
        said = declared(headers)
    except S3Error as refusal:
        assert refusal.code in {"InvalidRequest", "InvalidDigest"}  # noqa: PT017  no other error
    else:
        assert said.algorithm is None or said.algorithm in DIGEST_SIZES
