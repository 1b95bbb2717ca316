"""Requests signed by us and by botocore, for the tests of this folder."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from sigv4.canonical import Signable, canonical_request, string_to_sign
from sigv4.keys import derive_key, signature
from sigv4.mechanism import claim_of
from sigv4.payload import UNSIGNED_PAYLOAD
from sigv4.refusal import Refusal
from sigv4.sign import Credentials, presign, sign
from sigv4.verify import Verified, verify

NOW = dt.datetime(2013, 5, 24, tzinfo=dt.UTC)
CREDENTIALS = Credentials(
    access_key="AKIAIOSFODNN7EXAMPLE", secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)
SECRET = CREDENTIALS.secret
SCOPE = "20130524/us-east-1/s3/aws4_request"
HOST = "examplebucket.s3.amazonaws.com"
REGION = "us-east-1"


def request(
    method: str = "GET",
    path: str = "/bucket/key",
    query: str = "",
    headers: Mapping[str, str] | None = None,
) -> Signable:
    return Signable(
        method=method, path=path, query=query, headers={"host": HOST, **(headers or {})}
    )


def signed(
    plain: Signable, *, payload_hash: str = UNSIGNED_PAYLOAD, now: dt.datetime = NOW
) -> Signable:
    """``plain`` with an Authorization header of ours."""
    added = sign(plain, CREDENTIALS, region=REGION, now=now, payload_hash=payload_hash)
    return with_headers(plain, added)


def presigned(plain: Signable, *, expires: int = 300, now: dt.datetime = NOW) -> Signable:
    """``plain`` as whoever was given the URL sends it."""
    query = presign(plain, CREDENTIALS, region=REGION, now=now, expires=expires)
    return replace(plain, query=query)


def with_headers(signable: Signable, headers: Mapping[str, str]) -> Signable:
    return replace(signable, headers={**signable.headers, **headers})


def without_header(signable: Signable, name: str) -> Signable:
    return replace(signable, headers={n: v for n, v in signable.headers.items() if n != name})


def proved(
    signable: Signable,
    *,
    now: dt.datetime = NOW,
    secret: str = SECRET,
    region: str | None = None,
) -> Verified:
    claim = claim_of(signable)
    assert claim is not None
    return verify(signable, claim, secret, now=now, region=region)


def refusal(call: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as raised:
        call()
    return raised.value


def signed_over(good: Signable, timestamp: str) -> Signable:
    """``good`` with a signature over all its headers and ``timestamp``."""
    names = tuple(sorted(name for name in good.headers if name != "authorization"))
    canonical = canonical_request(good, names, good.headers["x-amz-content-sha256"])
    key = derive_key(SECRET, "20130524", "us-east-1", "s3")
    made = signature(key, string_to_sign(timestamp, SCOPE, canonical)).decode()
    value = (
        f"AWS4-HMAC-SHA256 Credential={CREDENTIALS.access_key}/{SCOPE}, "
        f"SignedHeaders={';'.join(names)}, Signature={made}"
    )
    return with_headers(good, {"authorization": value})


def _by_botocore(
    signer: S3SigV4Auth | S3SigV4QueryAuth,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Signable:
    prepared = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
    with patch("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None)):
        signer.add_auth(prepared)
    url = str(prepared.url)
    sent = {name.lower(): value for name, value in prepared.headers.items()}
    sent.setdefault("host", urlsplit(url).netloc)
    target = url.partition("://")[2]
    path, _, query = target[target.index("/") :].partition("?")
    return Signable(method=method, path=path, query=query, headers=sent)


def signed_by_botocore(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Signable:
    """What botocore sends for S3 with an Authorization header."""
    keys = BotocoreCredentials(CREDENTIALS.access_key, SECRET)
    signer = S3SigV4Auth(keys, "s3", REGION)
    return _by_botocore(signer, method, url, headers or {}, body)


def presigned_by_botocore(
    method: str, url: str, headers: Mapping[str, str] | None = None, *, expires: int = 300
) -> Signable:
    """What the holder of a URL that botocore presigned sends."""
    keys = BotocoreCredentials(CREDENTIALS.access_key, SECRET)
    signer = S3SigV4QueryAuth(keys, "s3", REGION, expires=expires)
    return _by_botocore(signer, method, url, headers or {}, b"")
