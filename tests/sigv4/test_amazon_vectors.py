"""The examples Amazon publishes, with their signatures.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

from hashlib import sha256

import pytest

from sigv4.canonical import Signable, canonical_request
from sigv4.keys import derive_key
from sigv4.mechanism import claim_of
from sigv4.payload import EMPTY_SHA256, Payload
from sigv4.stream import ChunkChain, ChunkSigner, canonical_trailer
from tests.sigv4.signing import HOST, NOW, SCOPE, SECRET, proved, request

DATE = "20130524T000000Z"
PUT_SHA256 = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"


def authorization(signed_headers: str, signature: str) -> str:
    return (
        f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/{SCOPE},"
        f"SignedHeaders={signed_headers},Signature={signature}"
    )


def example(  # noqa: PLR0917  # the parts of a request, in its order
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    signature: str,
    payload_hash: str = EMPTY_SHA256,
) -> Signable:
    sent = {"host": HOST, "x-amz-content-sha256": payload_hash, **headers}
    sent.setdefault("x-amz-date", DATE)
    sent["authorization"] = authorization(";".join(sorted(sent)), signature)
    return Signable(method=method, path=path, query=query, headers=sent)


EXAMPLES = {
    "GET Object": example(
        "GET",
        "/test.txt",
        "",
        {"range": "bytes=0-9"},
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    "PUT Object": example(
        "PUT",
        "/test$file.text",
        "",
        {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        PUT_SHA256,
    ),
    "GET Bucket Lifecycle": example(
        "GET",
        "/",
        "lifecycle",
        {},
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ),
    "Get Bucket (List Objects)": example(
        "GET",
        "/",
        "max-keys=2&prefix=J",
        {},
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_header_examples_are_accepted(name: str) -> None:
    verified = proved(EXAMPLES[name])
    assert verified.claim.access_key == "AKIAIOSFODNN7EXAMPLE"
    assert verified.claim.signed_at == NOW
    assert verified.claim.payload is Payload.SIGNED


def test_the_canonical_request_of_the_put_example_has_the_published_hash() -> None:
    put = EXAMPLES["PUT Object"]
    claim = claim_of(put)
    assert claim is not None
    canonical = canonical_request(put, claim.signed_headers, claim.payload_hash)
    assert (
        sha256(canonical.encode()).hexdigest()
        == "9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d"
    )


def test_the_presigned_example_is_accepted() -> None:
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    verified = proved(request(path="/test.txt", query=query))
    assert verified.claim.presigned
    assert verified.claim.expires == 86400
    assert verified.claim.payload is Payload.UNSIGNED


CHUNKS = (b"a" * 65536, b"a" * 1024, b"")
CHUNK_SIGNATURES = (
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)
TRAILER_CHUNK_SIGNATURES = (
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
)
TRAILER_SIGNATURE = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
TRAILER = canonical_trailer([("x-amz-checksum-crc32c", "sOO8/Q==")])


def chunked_example(*, trailer: bool) -> Signable:
    headers = {
        "host": "s3.amazonaws.com",
        "content-encoding": "aws-chunked",
        "x-amz-date": DATE,
        "x-amz-decoded-content-length": "66560",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    }
    if trailer:
        headers["x-amz-content-sha256"] += "-TRAILER"
        headers["x-amz-trailer"] = "x-amz-checksum-crc32c"
        signature = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
    else:
        headers["content-length"] = "66824"
        signature = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    headers["authorization"] = authorization(";".join(sorted(headers)), signature)
    return Signable(method="PUT", path="/examplebucket/chunkObject.txt", query="", headers=headers)


def test_the_chunked_example_is_accepted_to_its_last_chunk() -> None:
    chain = ChunkChain(proved(chunked_example(trailer=False)))
    for chunk, signature in zip(CHUNKS, CHUNK_SIGNATURES, strict=True):
        chain.check_chunk(signature, sha256(chunk).hexdigest())
    chain.check_complete()


def test_the_trailer_example_is_accepted_to_its_trailer() -> None:
    chain = ChunkChain(proved(chunked_example(trailer=True)))
    for chunk, signature in zip(CHUNKS, TRAILER_CHUNK_SIGNATURES, strict=True):
        chain.check_chunk(signature, sha256(chunk).hexdigest())
    chain.check_trailer(TRAILER_SIGNATURE, TRAILER)
    chain.check_complete()


def test_our_signer_makes_the_published_chunk_and_trailer_signatures() -> None:
    key = derive_key(SECRET, "20130524", "us-east-1", "s3")
    claim = claim_of(chunked_example(trailer=True))
    assert claim is not None
    signer = ChunkSigner(key=key, timestamp=DATE, scope=SCOPE, seed=claim.signature)
    made = [signer.chunk(sha256(chunk).hexdigest()) for chunk in CHUNKS]
    assert tuple(made) == TRAILER_CHUNK_SIGNATURES
    assert signer.trailer(TRAILER) == TRAILER_SIGNATURE
