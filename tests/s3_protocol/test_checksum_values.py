"""Checksums against known answers, botocore's own and the bytes themselves."""

import pytest
from botocore import httpchecksum
from botocore.model import StringShape
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.checksums import (
    DIGEST_SIZES,
    Digests,
    checksum_of,
    composite,
    decode,
    default_type,
    encode,
    full_object,
    require_type,
)
from gateway.s3.errors import S3Error
from tests.s3_protocol.botocore_answers import operation

_CRCS = ("CRC32", "CRC32C", "CRC64NVME")
# Of b"123456789": the check values of the CRC catalogue, FIPS 180 and xxHash's own tool.
_CHECK = {
    "CRC32": "cbf43926",
    "CRC32C": "e3069283",
    "CRC64NVME": "ae8b14860a799888",
    "SHA1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "MD5": "25f9e794323b453885f5181f1b624d0b",
    "XXHASH64": "8cb841db40e6ae83",
}


def test_the_algorithms_are_those_of_the_model() -> None:
    shape = operation("PutObject").input_shape
    assert shape is not None
    member = shape.members["ChecksumAlgorithm"]
    assert isinstance(member, StringShape)
    assert list(DIGEST_SIZES) == member.enum


@pytest.mark.parametrize(("algorithm", "expected"), _CHECK.items())
def test_known_answers(algorithm: str, expected: str) -> None:
    assert decode(algorithm, checksum_of(algorithm, b"123456789")) == bytes.fromhex(expected)


@pytest.mark.parametrize("algorithm", [name for name in DIGEST_SIZES if name != "MD5"])
@given(data=st.binary(max_size=600))
def test_botocore_computes_the_same(algorithm: str, data: bytes) -> None:
    theirs = vars(httpchecksum)["_CHECKSUM_CLS"][algorithm.lower()]()
    theirs.update(data)
    assert checksum_of(algorithm, data) == theirs.b64digest()


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_pieces_give_what_the_whole_gives(pieces: list[bytes]) -> None:
    digests = Digests(DIGEST_SIZES)
    for piece in pieces:
        digests.update(piece)
    whole = b"".join(pieces)
    assert digests.size == len(whole)
    for algorithm in DIGEST_SIZES:
        assert digests.value(algorithm) == checksum_of(algorithm, whole)
        assert digests.value(algorithm) == encode(digests.digest(algorithm))


@pytest.mark.parametrize("algorithm", _CRCS)
@given(pieces=st.lists(st.binary(max_size=300), min_size=1, max_size=6))
def test_the_crc_of_the_whole_comes_from_those_of_its_parts(
    algorithm: str, pieces: list[bytes]
) -> None:
    parts = [(checksum_of(algorithm, piece), len(piece)) for piece in pieces]
    assert full_object(algorithm, parts) == checksum_of(algorithm, b"".join(pieces))


@pytest.mark.parametrize("algorithm", DIGEST_SIZES)
@given(pieces=st.lists(st.binary(max_size=30), min_size=1, max_size=4))
def test_a_composite_is_the_checksum_of_the_digests(algorithm: str, pieces: list[bytes]) -> None:
    values = [checksum_of(algorithm, piece) for piece in pieces]
    digests = b"".join(decode(algorithm, value) or b"" for value in values)
    assert composite(algorithm, values) == f"{checksum_of(algorithm, digests)}-{len(pieces)}"


def test_malformed_values_are_not_combined() -> None:
    with pytest.raises(ValueError, match="not a CRC32"):
        composite("CRC32", ["AAAA"])
    with pytest.raises(ValueError, match="not a CRC32"):
        full_object("CRC32", [("AAAAAA==-1", 5)])
    with pytest.raises(KeyError):
        full_object("SHA256", [])


@pytest.mark.parametrize("algorithm", DIGEST_SIZES)
@given(value=st.text(max_size=90))
def test_a_value_has_exactly_its_digests_length(algorithm: str, value: str) -> None:
    digest = decode(algorithm, value)
    assert digest is None or len(digest) == DIGEST_SIZES[algorithm]
    assert decode(algorithm, encode(bytes(DIGEST_SIZES[algorithm]))) is not None
    assert decode(algorithm, encode(bytes(DIGEST_SIZES[algorithm] + 1))) is None


@pytest.mark.parametrize("algorithm", DIGEST_SIZES)
def test_types_of_multipart_uploads(algorithm: str) -> None:
    both = algorithm in {"CRC32", "CRC32C"}
    allowed = {"CRC64NVME": {"FULL_OBJECT"}}.get(algorithm, {"COMPOSITE"})
    if both:
        allowed = {"COMPOSITE", "FULL_OBJECT"}
    assert default_type(algorithm) in allowed
    for type_ in ("COMPOSITE", "FULL_OBJECT"):
        if type_ in allowed:
            require_type(algorithm, type_)
        else:
            with pytest.raises(S3Error) as refusal:
                require_type(algorithm, type_)
            assert refusal.value.message == (
                f"The {type_} checksum type cannot be used with the {algorithm.lower()} checksum "
                "algorithm."
            )
