"""Signatures that were never checked, and what could be added beside them."""

import ast
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.access.doctor import Doctor
from sigv4 import keys
from tests.hostile.advisories.marking import covers
from tests.hostile.exchanges import stored
from tests.hostile.signed_attempts import KINDS, Asked, attempt
from tests.live.client import Client
from tests.live.framed import SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER, framed
from tests.live.server import Live
from tests.wire.raw import connected, head

ROOT = Path(__file__).parents[3]


def _put(bucket: str, **headers: str) -> Asked:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Asked(method="PUT", path=f"/{bucket}/key", headers=named, body=b"forged")


@covers("CVE-2025-31489", "SeaweedFS#2180", "SeaweedFS#7912", "SeaweedFS#7954")
def test_no_kind_of_body_does_without_the_signature(client: Client, bucket: str) -> None:
    for kind in KINDS:
        for signature in ("wrong", "empty", "absent"):
            answer = attempt(client, _put(bucket), kind=kind, place="header", signature=signature)
            assert answer.status in {400, 403}, (kind, signature, answer)
    assert stored(client, bucket) is None


@covers("CVE-2026-41145")
def test_nor_does_one_whose_credential_is_in_the_query(client: Client, bucket: str) -> None:
    for kind in KINDS:
        for signature in ("wrong", "empty", "absent"):
            answer = attempt(client, _put(bucket), kind=kind, place="query", signature=signature)
            assert answer.status in {400, 403}, (kind, signature, answer)
        both = attempt(client, _put(bucket), kind=kind, place="both", signature="right")
        assert both.status == 400
    # The kind in a header, the credential in the query.
    put = framed(client, bucket, "key", [b"forged"], kind=UNSIGNED_TRAILER)
    headers = {name: value for name, value in put.headers.items() if name != "authorization"}
    target = client.presigned("PUT", f"/{bucket}/key")[:-1] + "x"
    answer = client.send("PUT", target, {**headers, "content-length": "17"}, put.body)
    assert answer.status == 403
    assert stored(client, bucket) is None


@covers("CVE-2026-40344")
def test_no_header_leads_to_a_handler_that_checks_less(client: Client, bucket: str) -> None:
    asked = _put(bucket, x_amz_meta_snowball_auto_extract="true")
    for kind in KINDS:
        answer = attempt(client, asked, kind=kind, place="header", signature="wrong")
        assert answer.status in {400, 403}
    assert stored(client, bucket) is None


@covers("versitygw#1147")
@pytest.mark.parametrize("kind", [SIGNED, SIGNED_TRAILER])
def test_the_signature_of_the_last_chunk_counts(client: Client, bucket: str, kind: str) -> None:
    trailer = {"x-amz-checksum-crc32": "NhCmhg=="} if kind == SIGNED_TRAILER else None
    put = framed(client, bucket, "key", [b"hello"], kind=kind, trailer=trailer)
    at = put.body.rindex(b"chunk-signature=") + len(b"chunk-signature=")
    flipped = b"0" if put.body[at : at + 1] != b"0" else b"1"
    answer = put.send(client, body=put.body[:at] + flipped + put.body[at + 1 :])
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert put.send(client, body=put.body[: put.body.rindex(b"0;chunk")]).status == 400
    assert stored(client, bucket) is None
    assert put.send(client).status == 200


_ADDED = {
    "x-amz-copy-source": "/{bucket}/private",
    "x-amz-metadata-directive": "REPLACE",
    "x-amz-tagging": "a=b",
    "x-amz-acl": "private",
    "x-amz-meta-a": "b",
    "x-amz-website-redirect-location": "http://evil.example/",
    "x-amz-security-token": "token",
    "X-Amz-Copy-Source": "/{bucket}/private",
}


@covers("CVE-2026-71191", "RustFS#7425", "GHSA-xm99", "GHSA-g8w9")
@pytest.mark.parametrize("name", _ADDED)
def test_a_header_that_was_not_signed_cannot_be_added(
    client: Client, bucket: str, name: str
) -> None:
    client.put(bucket, "private", b"secret")
    value = _ADDED[name].format(bucket=bucket)
    target = client.presigned("PUT", f"/{bucket}/key")
    answer = client.send("PUT", target, {"host": client.host, name: value}, b"x")
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert answer.text("Message") == (
        "There were headers present in the request which were not signed"
    )
    assert answer.text("HeadersNotSigned") == name.lower()
    headers = client.headers("PUT", f"/{bucket}/key", payload_hash="UNSIGNED-PAYLOAD")
    answer = client.send("PUT", f"/{bucket}/key", {**headers, name: value}, b"x")
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert client.keys(bucket) == ["private"]


@covers("presigned body")
@pytest.mark.parametrize("header", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_a_header_does_not_lift_what_a_url_says_of_its_body(
    client: Client, bucket: str, header: str
) -> None:
    wanted = sha256(b"wanted").hexdigest()
    target = client.presigned("PUT", f"/{bucket}/key", f"X-Amz-Content-Sha256={wanted}")
    lifted = {"host": client.host, "x-amz-content-sha256": header}
    assert client.send("PUT", target, lifted, b"forged").status == 400
    plain = client.send("PUT", target, {"host": client.host}, b"forged")
    assert (plain.status, plain.code) == (400, "XAmzContentSHA256Mismatch")
    assert stored(client, bucket) is None


_SECRET_WORDS = ("signature", "secret", "sha256", "digest", "hmac", "password", "token")


@covers("s3proxy 757a9dc8", "GHSA-3p3x")
def test_secrets_and_signatures_are_compared_by_compare_digest_only() -> None:
    files = [*(ROOT / "sigv4").glob("*.py"), *(ROOT / "gateway" / "access").glob("*.py")]
    assert len(files) > 15
    calls = 0
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                calls += ast.unparse(node.func) == "hmac.compare_digest"
            if isinstance(node, ast.Compare) and _of_equality(node):
                words = {word.id for word in ast.walk(node) if isinstance(word, ast.Name)}
                words |= {word.attr for word in ast.walk(node) if isinstance(word, ast.Attribute)}
                found = [word for word in words for part in _SECRET_WORDS if part in word.lower()]
                assert not found, f"{path.name}: {ast.unparse(node)}"
    assert calls >= 3


def _of_equality(node: ast.Compare) -> bool:
    texts = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
    names = ast.unparse(node)
    # Of which kind a payload is, and names of headers and parameters, are no secrets.
    known = (
        "EMPTY_SHA256",
        "'x-amz-content-sha256'",
        "sha256_hex ==",
        "_MAY_BE_UNSIGNED",
        "secret.strip()",
        "== _TOKEN",
    )
    return any(isinstance(op, texts) for op in node.ops) and not any(one in names for one in known)


@covers("GHSA-3p3x key look-up")
def test_an_unknown_key_costs_the_computation_of_a_known_one(
    client: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []

    def count(key: bytes, to_sign: str) -> bytes:
        counted.append(len(key))
        return keys.signature(key, to_sign)

    monkeypatch.setattr("sigv4.verify.signature", count)
    monkeypatch.setattr(Doctor, "hint", lambda *_, **__: None)
    costs = {}
    for access_key in (client.access_key, "AKIDNOBODY"):
        stranger = Client(port=client.port, access_key=access_key, secret="wrong")
        counted.clear()
        costs[access_key] = (stranger.request("GET", f"/{bucket}").status, list(counted))
    assert costs[client.access_key] == costs["AKIDNOBODY"]
    assert costs["AKIDNOBODY"][1]


@covers("CVE-2026-49017")
def test_a_framed_body_that_breaks_off_ends(live: Live, client: Client, bucket: str) -> None:
    put = framed(client, bucket, "key", [b"hello"], kind=UNSIGNED_TRAILER)
    for cut in range(len(put.body)):
        with connected(live.port) as raw:
            raw.send(head("PUT", put.target, put.headers, f"Content-Length: {cut}"))
            raw.send(put.body[:cut])
            assert raw.reply().status == 400
    with connected(live.port) as raw:
        raw.send(head("PUT", put.target, put.headers, f"Content-Length: {len(put.body)}"))
        raw.send(put.body[:5])
        # While that one waits, the loop serves others.
        assert client.request("GET", f"/{bucket}").status == 200
        assert raw.reply().status == 400
    assert stored(client, bucket) is None


@covers("GHSA-v2ch-c8v8-fgr7")
def test_no_request_ends_the_server(live: Live, client: Client, bucket: str) -> None:
    put = framed(client, bucket, "key", [b"hello"], kind=SIGNED_TRAILER)
    for name in put.headers:
        for value in ("", "\x00", "9" * 400, "-1", "é"):
            with connected(live.port) as raw:
                headers = {**put.headers, name: value}
                raw.send_or_be_closed(head("PUT", put.target, headers, "Content-Length: 0"))
                assert 400 <= raw.reply().status < 500
    assert client.request("GET", f"/{bucket}").status == 200
    assert stored(client, bucket) is None
