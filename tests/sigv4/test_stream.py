"""The chain of chunk and trailer signatures."""

from functools import partial
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigv4.keys import derive_key
from sigv4.payload import EMPTY_SHA256, Payload
from sigv4.refusal import Refusal
from sigv4.stream import ChunkChain, ChunkSigner, canonical_trailer
from sigv4.verify import Verified
from tests.sigv4.signing import SECRET, presigned, proved, refusal, request, signed, with_headers

TRAILER = canonical_trailer([("x-amz-checksum-crc32", "AAAAAA==")])
SENT = [b"one", b"two" * 100, b"one", b""]


def verified(kind: Payload) -> Verified:
    return proved(signed(request("PUT"), payload_hash=kind.value))


def signer(proof: Verified) -> ChunkSigner:
    claim = proof.claim
    key = derive_key(SECRET, claim.date, claim.region, claim.service)
    return ChunkSigner(key=key, timestamp=claim.timestamp, scope=claim.scope, seed=claim.signature)


def hashed(chunks: list[bytes]) -> list[str]:
    return [sha256(chunk).hexdigest() for chunk in chunks]


def sealed(kind: Payload) -> tuple[ChunkChain, list[tuple[str, str]], str]:
    """A chain, its chunks' signatures and hashes, and the trailer's signature."""
    proof = verified(kind)
    by = signer(proof)
    chunks = [(by.chunk(digest), digest) for digest in hashed(SENT)]
    return ChunkChain(proof), chunks, by.trailer(TRAILER)


def replay(chain: ChunkChain, chunks: list[tuple[str, str]], trailer: str | None) -> None:
    for signature, digest in chunks:
        chain.check_chunk(signature, digest)
    if trailer is not None:
        chain.check_trailer(trailer, TRAILER)
    chain.check_complete()


def test_a_whole_body_is_accepted() -> None:
    chain, chunks, _ = sealed(Payload.STREAMING_SIGNED)
    replay(chain, chunks, None)
    chain, chunks, trailer = sealed(Payload.STREAMING_SIGNED_TRAILER)
    replay(chain, chunks, trailer)


def test_a_chain_may_begin_with_a_presigned_url() -> None:
    kind = Payload.STREAMING_SIGNED
    query = f"X-Amz-Content-Sha256={kind.value}"
    proof = proved(presigned(request("PUT", query=query)))
    by = signer(proof)
    chain = ChunkChain(proof)
    chain.check_chunk(by.chunk(EMPTY_SHA256), EMPTY_SHA256)
    chain.check_complete()


@pytest.mark.parametrize("cut", range(len(SENT)))
def test_a_body_cut_before_its_last_chunk_is_incomplete(cut: int) -> None:
    for kind in (Payload.STREAMING_SIGNED, Payload.STREAMING_SIGNED_TRAILER):
        chain, chunks, _ = sealed(kind)
        assert refusal(partial(replay, chain, chunks[:cut], None)).code == ("IncompleteBody")


def test_a_body_cut_before_its_trailer_is_refused() -> None:
    chain, chunks, _ = sealed(Payload.STREAMING_SIGNED_TRAILER)
    raised = refusal(lambda: replay(chain, chunks, None))
    assert (raised.status, raised.code) == (400, "MalformedTrailerError")


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (0, 0, 1, 2), (0, 2, 1, 3), (1, 2, 3), (3, 0, 1)])
def test_chunks_out_of_order_twice_or_left_out_are_refused(order: tuple[int, ...]) -> None:
    chain, chunks, _ = sealed(Payload.STREAMING_SIGNED)
    moved = [chunks[index] for index in order]
    raised = refusal(lambda: replay(chain, moved, None))
    assert (raised.status, raised.code) == (403, "SignatureDoesNotMatch")
    assert "CanonicalRequest" not in raised.fields


@given(index=st.integers(0, len(SENT)), position=st.integers(0, 63), bit=st.integers(0, 6))
@settings(deadline=None)
def test_each_flipped_bit_of_a_signature_is_refused(index: int, position: int, bit: int) -> None:
    chain, chunks, trailer = sealed(Payload.STREAMING_SIGNED_TRAILER)

    def flipped(text: str) -> str:
        return text[:position] + chr(ord(text[position]) ^ (1 << bit)) + text[position + 1 :]

    if index == len(SENT):
        trailer = flipped(trailer)
    else:
        chunks[index] = (flipped(chunks[index][0]), chunks[index][1])
    assert refusal(lambda: replay(chain, chunks, trailer)).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("index", range(len(SENT)))
def test_another_content_of_a_chunk_is_refused(index: int) -> None:
    chain, chunks, _ = sealed(Payload.STREAMING_SIGNED)
    chunks[index] = (chunks[index][0], sha256(b"other").hexdigest())
    assert refusal(lambda: replay(chain, chunks, None)).code == "SignatureDoesNotMatch"


def test_another_trailer_is_refused() -> None:
    chain, chunks, trailer = sealed(Payload.STREAMING_SIGNED_TRAILER)
    for signature, digest in chunks:
        chain.check_chunk(signature, digest)
    raised = refusal(lambda: chain.check_trailer(trailer, TRAILER + b"x-amz-meta-a:1\n"))
    assert raised.code == "SignatureDoesNotMatch"


def test_chunks_of_another_request_are_refused() -> None:
    chain = ChunkChain(
        proved(signed(request("PUT", "/other"), payload_hash=Payload.STREAMING_SIGNED.value))
    )
    _, chunks, _ = sealed(Payload.STREAMING_SIGNED)
    assert refusal(lambda: replay(chain, chunks, None)).code == "SignatureDoesNotMatch"


def test_a_trailer_that_was_not_announced_is_malformed() -> None:
    chain, chunks, trailer = sealed(Payload.STREAMING_SIGNED)
    assert refusal(lambda: replay(chain, chunks, trailer)).code == "MalformedTrailerError"


def test_a_trailer_before_the_last_chunk_is_refused() -> None:
    proof = verified(Payload.STREAMING_SIGNED_TRAILER)
    chain, by = ChunkChain(proof), signer(proof)
    raised = refusal(lambda: chain.check_trailer(by.trailer(TRAILER), TRAILER))
    assert raised.code == "IncompleteBody"


def test_nothing_follows_the_last_chunk() -> None:
    chain, chunks, _ = sealed(Payload.STREAMING_SIGNED)
    replay(chain, chunks, None)
    assert refusal(lambda: chain.check_chunk(*chunks[-1])).code == "IncompleteBody"
    assert refusal(chain.check_complete).code == "IncompleteBody"


def test_after_a_refusal_the_chain_stays_broken() -> None:
    chain, chunks, _ = sealed(Payload.STREAMING_SIGNED)
    assert refusal(lambda: chain.check_chunk("é", chunks[0][1])).code == "SignatureDoesNotMatch"
    for check in (partial(chain.check_chunk, *chunks[0]), chain.check_complete):
        with pytest.raises(Refusal):
            check()


@pytest.mark.parametrize(
    "kind", [Payload.SIGNED, Payload.UNSIGNED, Payload.STREAMING_UNSIGNED_TRAILER]
)
def test_only_signed_chunks_have_a_chain(kind: Payload) -> None:
    value = EMPTY_SHA256 if kind is Payload.SIGNED else kind.value
    proof = proved(signed(request("PUT"), payload_hash=value))
    with pytest.raises(ValueError, match="no signed chunks"):
        ChunkChain(proof)


def test_a_trailer_is_canonical_by_name() -> None:
    headers = [("X-Amz-Meta-B", " 2 "), ("x-amz-checksum-crc32", "AAAAAA==")]
    assert canonical_trailer(headers) == b"x-amz-checksum-crc32:AAAAAA==\nx-amz-meta-b:2\n"


def test_the_kinds_say_what_they_are() -> None:
    for kind in Payload:
        name = kind.name
        assert kind.streaming == name.startswith("STREAMING")
        assert kind.chunks_are_signed == name.startswith("STREAMING_SIGNED")
        assert kind.has_trailer == name.endswith("TRAILER")
    headers = {"x-amz-content-sha256": Payload.STREAMING_UNSIGNED_TRAILER.value}
    changed = with_headers(signed(request()), headers)
    assert refusal(lambda: proved(changed)).code == "SignatureDoesNotMatch"
