"""Why a signature that a known client made is wrong: the likely causes, tried one by one.

Diagnosis only. Nothing here accepts a request: the result is a sentence, never a ``Verified``, and
a cause that explains a signature is no reason to trust the request. Only for known access keys, and
the caller limits the rate: an attempt costs some twenty microseconds, and there are up to
``MAX_ATTEMPTS``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal, NamedTuple

from sigv4 import dates, rewriting
from sigv4.canonical import Signable
from sigv4.claim import Claim
from sigv4.keys import derive_key
from sigv4.payload import EMPTY_SHA256, UNSIGNED_PAYLOAD
from sigv4.refusal import Refusal, encodable
from sigv4.verify import SKEW, check_time, matching_timestamp

MAX_ATTEMPTS = 400

CauseName = Literal[
    "clock",
    "region",
    "host",
    "port",
    "prefix",
    "encoding",
    "query",
    "header",
    "method",
    "payload",
    "secret",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypotheses:
    """What the caller knows of the way to this server, and so what may have been signed."""

    hosts: tuple[str, ...] = ()
    """Names clients may use: hosts of public URLs and domains, with or without a port."""
    forwarded_hosts: tuple[str, ...] = ()
    """What X-Forwarded-Host or Forwarded said."""
    ports: tuple[int, ...] = ()
    """Ports clients may connect to."""
    prefixes: tuple[str, ...] = ()
    """Paths a proxy may add or strip, as ``/s3``."""
    region: str | None = None
    """The only region accepted, if there is one."""
    skew: timedelta = SKEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause and its fix, in one plain sentence that may be shown to the client."""

    name: CauseName
    sentence: str
    proved: bool = True
    """The signature is right under this cause; if False it is only suspected."""


class _Attempt(NamedTuple):
    name: CauseName
    sentence: str
    request: Signable
    claim: Claim
    key: bytes


def diagnose(
    request: Signable, claim: Claim, secret: str, *, now: datetime, facts: Hypotheses
) -> Cause | None:
    """The first cause under which ``secret`` made the signature claimed, or a suspicion, or None.

    For after ``verify`` has refused ``request``. Raises nothing for what a client may send.
    """
    key = derive_key(secret, claim.date, claim.region, claim.service)
    if matching_timestamp(request, claim, key) is not None:
        return _clock(claim, now, facts) or _region(claim, facts)
    for attempt in islice(_attempts(request, claim, secret, key, facts), MAX_ATTEMPTS):
        if matching_timestamp(attempt.request, attempt.claim, attempt.key) is not None:
            return _cause(attempt.name, attempt.sentence)
    return _suspicion(request, claim)


def _clock(claim: Claim, now: datetime, facts: Hypotheses) -> Cause | None:
    try:
        check_time(claim, now=now, skew=facts.skew)
    except Refusal:
        signed, here = dates.iso_8601(claim.signed_at), dates.iso_8601(now)
        if claim.expires is not None and now > claim.signed_at:
            return _cause(
                "clock", f"The URL was signed at {signed} and has expired; now is {here}. Sign anew"
            )
        return _cause(
            "clock",
            f"The signature is right, but dated {signed} where the server's clock says {here}; "
            "set the clocks (NTP)",
        )
    return None


def _region(claim: Claim, facts: Hypotheses) -> Cause | None:
    if facts.region in (None, claim.region):
        return None
    return _cause(
        "region",
        f"The signature is right, but for region '{claim.region}'; "
        f"set the client's region to '{facts.region}'",
    )


def _cause(name: CauseName, sentence: str) -> Cause:
    return Cause(name=name, sentence=f"{encodable(sentence)}.")


def _attempts(
    request: Signable, claim: Claim, secret: str, key: bytes, facts: Hypotheses
) -> Iterator[_Attempt]:
    yield from _secrets(request, claim, secret)
    yield from _changed(request, claim, key)
    yield from _moved(request, claim, key, facts)


def _changed(request: Signable, claim: Claim, key: bytes) -> Iterator[_Attempt]:
    def attempt(name: CauseName, sentence: str, signed: Signable) -> _Attempt:
        return _Attempt(name, sentence, signed, claim, key)

    for method in rewriting.methods(request.method):
        yield attempt(
            "method",
            f"The client signed {method} and {request.method} arrived: a proxy changes the method "
            "(nginx: proxy_cache_convert_head off)",
            replace(request, method=method),
        )
    yield from _payloads(request, claim, key)
    for path, sentence in rewriting.paths(request.path):
        yield attempt("encoding", sentence, replace(request, path=path))
    for query, sentence in rewriting.encoded_queries(request.query):
        yield attempt("encoding", sentence, replace(request, query=query))
    for query, sentence in rewriting.dropped_queries(request.query, presigned=claim.presigned):
        yield attempt("query", sentence, replace(request, query=query))
    for name, value in rewriting.header_values(request.headers, claim.signed_headers):
        yield attempt(
            "header",
            f"The client signed '{name}: {value}' and '{name}: {request.headers.get(name, '')}' "
            "arrived: a proxy rewrites it; pass it on or keep the client from signing it",
            replace(request, headers={**request.headers, name: value}),
        )


def _moved(request: Signable, claim: Claim, key: bytes, facts: Hypotheses) -> Iterator[_Attempt]:
    paths = list(rewriting.prefixed(request.path, facts.prefixes))
    for path, sentence in paths:
        yield _Attempt("prefix", sentence, replace(request, path=path), claim, key)
    received = request.headers.get("host", "")
    hosts = list(rewriting.hosts(received, facts.forwarded_hosts + facts.hosts, facts.ports))
    for path in (request.path, *(path for path, _ in paths)):
        for host in hosts:
            name: CauseName = "port" if rewriting.same_name(host, received) else "host"
            sentence = (
                f"The client signed Host '{host}' and '{received}' arrived: a proxy changes the "
                f"{name}; pass it on (nginx: proxy_set_header Host $http_host) or set public_url"
            )
            if path != request.path:
                sentence += f"; it changes the path too, the client signed '{path}'"
            signed = replace(request, path=path, headers={**request.headers, "host": host})
            yield _Attempt(name, sentence, signed, claim, key)


def _payloads(request: Signable, claim: Claim, key: bytes) -> Iterator[_Attempt]:
    for payload_hash in (UNSIGNED_PAYLOAD, EMPTY_SHA256):
        if payload_hash == claim.payload_hash:
            continue
        headers = dict(request.headers)
        if "x-amz-content-sha256" in headers:
            headers["x-amz-content-sha256"] = payload_hash
        sentence = (
            f"The client signed the payload hash {payload_hash} and sent {claim.payload_hash}; "
            "sign the x-amz-content-sha256 that is sent"
        )
        yield _Attempt(
            "payload",
            sentence,
            replace(request, headers=headers),
            replace(claim, payload_hash=payload_hash),
            key,
        )


def _secrets(request: Signable, claim: Claim, secret: str) -> Iterator[_Attempt]:
    for other, sentence in rewriting.secrets(secret):
        key = derive_key(other, claim.date, claim.region, claim.service)
        yield _Attempt(
            "secret",
            sentence,
            request,
            claim,
            key,
        )


def _suspicion(request: Signable, claim: Claim) -> Cause | None:
    missing = [name for name in claim.signed_headers if name not in request.headers]
    if not missing:
        return None
    return Cause(
        name="header",
        sentence=encodable(
            f"The client signed the header '{missing[0]}', which did not arrive: a proxy may have "
            "removed it."
        ),
        proved=False,
    )
