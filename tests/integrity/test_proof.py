"""Whatever a row states of bytes, other bytes belie it."""

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.interface import Fingerprint
from gateway.catalog.records import Checksum, Location, PartFact, Version
from gateway.s3.checksums import DIGEST_SIZES, checksum_of, composite, decode, full_object
from gateway.s3.etag import crc_etag, multipart_etag
from gateway.service.proof import Proof

ALGORITHMS = sorted(DIGEST_SIZES)
COMBINED = ("CRC32", "CRC32C", "CRC64NVME")


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def version(
    data: bytes,
    *,
    etag: str,
    checksum: Checksum | None = None,
    parts: tuple[PartFact, ...] = (),
) -> Version:
    return Version(
        key="key",
        sequence=1,
        size=len(data),
        etag=etag,
        modified_ns=1,
        checksum=checksum,
        parts=parts,
        location=Location(
            storage="disk",
            path="bucket/key",
            staged=None,
            fingerprint=Fingerprint(size=len(data), stamp="1"),
        ),
    )


def crc(data: bytes, parts: int = 1) -> str:
    return crc_etag(decode("CRC64NVME", checksum_of("CRC64NVME", data)) or b"", parts)


def whole(data: bytes, algorithm: str | None, *, of_crc: bool = False) -> Version:
    """As PutObject keeps it."""
    checksum = None
    if algorithm is not None:
        checksum = Checksum(
            algorithm=algorithm, type="FULL_OBJECT", value=checksum_of(algorithm, data)
        )
    return version(data, etag=crc(data) if of_crc else md5(data), checksum=checksum)


def in_parts(
    pieces: list[bytes], algorithm: str | None, kind: str, *, of_crc: bool = False
) -> Version:
    """As CompleteMultipartUpload keeps it."""
    values = [None if algorithm is None else checksum_of(algorithm, piece) for piece in pieces]
    parts = tuple(
        PartFact(number=2 * number, size=len(piece), checksum=value)
        for number, (piece, value) in enumerate(zip(pieces, values, strict=True), 1)
    )
    known = [value for value in values if value is not None]
    checksum = None
    if algorithm is not None and kind == "COMPOSITE":
        checksum = Checksum(algorithm=algorithm, type=kind, value=composite(algorithm, known))
    elif algorithm is not None:
        sizes = [len(piece) for piece in pieces]
        value = full_object(algorithm, zip(known, sizes, strict=True))
        checksum = Checksum(algorithm=algorithm, type=kind, value=value)
    etag = multipart_etag(md5(piece) for piece in pieces)
    if of_crc:
        etag = crc(b"".join(pieces), len(pieces))
    return version(b"".join(pieces), etag=etag, checksum=checksum, parts=parts)


@st.composite
def stored(draw: st.DrawFn) -> tuple[Version, bytes]:
    """A row as the server writes them, and its bytes."""
    of_crc = draw(st.booleans())
    if draw(st.booleans()):
        data = draw(st.binary(max_size=300))
        return whole(data, draw(st.sampled_from([None, *ALGORITHMS])), of_crc=of_crc), data
    pieces = draw(st.lists(st.binary(max_size=60), min_size=1, max_size=6))
    kind = draw(st.sampled_from(["COMPOSITE", "FULL_OBJECT"]))
    known = ALGORITHMS if kind == "COMPOSITE" else list(COMBINED)
    algorithm = draw(st.sampled_from([None, *known]))
    return in_parts(pieces, algorithm, kind, of_crc=of_crc), b"".join(pieces)


def proved(of: Version, data: bytes, cuts: list[int], *, thorough: bool) -> bool:
    proof = Proof(of, thorough=thorough)
    assert proof.conclusive
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for first, last in itertools.pairwise(edges):
        proof.update(data[first:last])
    return proof.verdict() is None


cuts = st.lists(st.integers(0, 300), max_size=5)


@given(stored(), cuts, st.booleans())
def test_the_bytes_that_were_stored_are_proved_however_they_are_cut(
    one: tuple[Version, bytes], cuts: list[int], thorough: bool
) -> None:
    assert proved(*one, cuts, thorough=thorough)


@given(stored(), cuts, st.booleans(), st.data())
def test_every_flipped_bit_is_found(
    one: tuple[Version, bytes], cuts: list[int], thorough: bool, draw: st.DataObject
) -> None:
    of, data = one
    if data:
        bit = draw.draw(st.integers(0, 8 * len(data) - 1))
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert not proved(of, bytes(damaged), cuts, thorough=thorough)


@given(stored(), st.binary(min_size=1, max_size=9), st.booleans())
def test_bytes_too_few_or_too_many_are_found(
    one: tuple[Version, bytes], more: bytes, thorough: bool
) -> None:
    of, data = one
    assert not proved(of, data + more, [], thorough=thorough)
    if data:
        assert not proved(of, data[:-1], [], thorough=thorough)


@given(st.binary(max_size=50), st.sampled_from(ALGORITHMS))
def test_a_thorough_proof_finds_each_statement_that_is_wrong(data: bytes, algorithm: str) -> None:
    sound = whole(data, algorithm)
    other = md5(data + b"x")
    wrong_etag = version(data, etag=other, checksum=sound.checksum)
    assert not proved(wrong_etag, data, [], thorough=True)
    value = checksum_of(algorithm, data + b"x")
    checksum = Checksum(algorithm=algorithm, type="FULL_OBJECT", value=value)
    assert not proved(version(data, etag=md5(data), checksum=checksum), data, [], thorough=True)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_damaged_part_is_named(algorithm: str) -> None:
    of = in_parts([b"first", b"second", b"last"], algorithm, "COMPOSITE")
    proof = Proof(of)
    proof.update(b"firstsecon!last")
    mismatch = proof.verdict()
    assert mismatch is not None
    assert f"{algorithm} of part 4 " in mismatch.detail


def test_a_thorough_proof_compares_the_checksums_of_parts_too() -> None:
    of = in_parts([b"first", b"last"], "CRC32", "FULL_OBJECT")
    swapped = tuple(
        PartFact(number=part.number, size=part.size, checksum=other.checksum)
        for part, other in zip(of.parts, reversed(of.parts), strict=True)
    )
    lying = version(b"firstlast", etag=of.etag, checksum=of.checksum, parts=swapped)
    assert proved(lying, b"firstlast", [], thorough=False)
    assert not proved(lying, b"firstlast", [], thorough=True)


def test_parts_that_do_not_fill_the_object_are_a_mismatch_of_their_own() -> None:
    of = in_parts([b"first", b"last"], None, "")
    sizes = (PartFact(number=1, size=5), PartFact(number=2, size=5))
    short = version(b"firstlast", etag=of.etag, parts=sizes)
    proof = Proof(short)
    proof.update(b"firstlast")
    mismatch = proof.verdict()
    assert mismatch is not None
    assert mismatch.fact == "parts"


@pytest.mark.parametrize(
    "etag",
    [
        pytest.param("0123456789abcdef0123456789abcdef-3", id="parts that nobody knows"),
        pytest.param("provisional-of-a-file", id="not an MD5"),
        pytest.param("0123456789ABCDEF0123456789ABCDEF", id="not as we write it"),
    ],
)
def test_a_row_without_a_digest_proves_the_size_only(etag: str) -> None:
    of = version(b"content", etag=etag)
    proof = Proof(of)
    proof.update(b"CONTENT")
    assert not proof.conclusive
    assert proof.verdict() is None
    short = Proof(of)
    short.update(b"CONTEN")
    assert short.verdict() is not None


def test_a_copy_of_a_multipart_object_is_proved_by_its_checksum() -> None:
    pieces = [b"first", b"last"]
    source = in_parts(pieces, "CRC64NVME", "FULL_OBJECT")
    copy = version(b"firstlast", etag=source.etag, checksum=source.checksum)
    assert proved(copy, b"firstlast", [], thorough=True)
    assert not proved(copy, b"firstlost", [], thorough=True)


def test_the_cheapest_proof_computes_no_md5_beside_a_checksum() -> None:
    data = b"content"
    wrong = whole(data, "CRC64NVME")
    lying = version(data, etag=md5(b"other"), checksum=wrong.checksum)
    assert proved(lying, data, [], thorough=False)
