"""``Claim`` + secret + now ▶ ``Verified``, or a named ``Refusal``."""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sigv4 import dates
from sigv4.canonical import Signable, canonical_forms, canonical_request, string_to_sign
from sigv4.claim import Claim
from sigv4.keys import signature, signing_key
from sigv4.payload import UNSIGNED_PAYLOAD
from sigv4.refusal import Refusal, access_denied, credential_malformed, signature_does_not_match

SKEW = timedelta(minutes=15)
"""How far the clocks of client and server may differ."""


@dataclass(slots=True, kw_only=True)
class Verified:
    """A claim that is proved. ``signing_key`` goes on to verify signed chunks.

    Not frozen, as ``Claim`` is not.
    """

    claim: Claim
    signing_key: bytes = field(repr=False)
    timestamp: str
    """The date as it stood in the string to sign."""


def verify(
    request: Signable,
    claim: Claim,
    secret: str,
    *,
    now: datetime,
    skew: timedelta = SKEW,
    region: str | None = None,
) -> Verified:
    """Prove that whoever knows ``secret`` signed ``request``, for now.

    ``now`` is aware. ``region`` None accepts the region the client names, else it must be that one.
    Every kind of payload is proved alike; the body is the caller's to check: its hash
    (``Payload.SIGNED``), its chunks (``ChunkChain``), its trailing checksums.

    Raises ``Refusal``: RequestTimeTooSkewed, AccessDenied (a presigned URL expired, or not yet
    valid), AuthorizationHeaderMalformed or AuthorizationQueryParametersError (another region),
    SignatureDoesNotMatch.
    """
    check_time(claim, now=now, skew=skew)
    check_region(claim, region)
    key = signing_key(secret, claim.date, claim.region, claim.service)
    leave_out = "X-Amz-Signature" if claim.presigned else None
    canonical = canonical_request(
        request, claim.signed_headers, claim.payload_hash, leave_out=leave_out
    )
    to_sign = string_to_sign(claim.timestamp, claim.scope, canonical)
    given = claim.signature.encode("utf-8", "surrogateescape")
    if hmac.compare_digest(signature(key, to_sign), given):
        return Verified(claim=claim, signing_key=key, timestamp=claim.timestamp)
    timestamp = matching_timestamp(request, claim, key)
    if timestamp is None:
        raise signature_does_not_match(
            access_key=claim.access_key,
            given=claim.signature,
            string_to_sign=to_sign,
            canonical_request=canonical,
        )
    return Verified(claim=claim, signing_key=key, timestamp=timestamp)


def matching_timestamp(request: Signable, claim: Claim, key: bytes) -> str | None:
    """The spelling of the date under which some spelling of ``request`` has the signature claimed.

    None if there is none. Says nothing of time and region, so proves nothing alone.
    """
    given = claim.signature.encode("utf-8", "surrogateescape")
    leave_out = "X-Amz-Signature" if claim.presigned else None
    hashes = [claim.payload_hash]
    if claim.presigned and "x-amz-content-sha256" not in request.headers:
        # Named in the query only: some signers also put it on the last line, S3 does not. It is
        # signed either way.
        hashes.append(UNSIGNED_PAYLOAD)
    # A Date header goes into the string to sign as it stands (S3) or as a timestamp (Amazon's
    # documents, botocore).
    timestamps = dict.fromkeys((claim.timestamp, claim.date_as_sent))
    for canonical in canonical_forms(request, claim.signed_headers, hashes, leave_out=leave_out):
        for timestamp in timestamps:
            to_sign = string_to_sign(timestamp, claim.scope, canonical)
            if hmac.compare_digest(signature(key, to_sign), given):
                return timestamp
    return None


def check_time(claim: Claim, *, now: datetime, skew: timedelta) -> None:
    """Refuse a claim that is too old, too new, or expired at ``now``."""
    if claim.expires is None:
        if abs(now - claim.signed_at) > skew:
            raise Refusal(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
                status=403,
                fields={
                    "RequestTime": claim.date_as_sent,
                    "ServerTime": dates.iso_8601(now),
                    "MaxAllowedSkewMilliseconds": str(skew // timedelta(milliseconds=1)),
                },
            )
        return
    end = claim.signed_at + timedelta(seconds=claim.expires)
    if claim.signed_at - now <= skew and now <= end:
        return
    times = {"Expires": dates.iso_8601(end), "ServerTime": dates.iso_8601(now)}
    if now > end:
        raise access_denied("Request has expired", {"X-Amz-Expires": str(claim.expires), **times})
    # S3 shows this date as milliseconds since the epoch, and only this one.
    shown = str(int(claim.signed_at.timestamp() * 1000))
    raise access_denied("Request is not yet valid", {"X-Amz-Date": shown, **times})


def check_region(claim: Claim, region: str | None) -> None:
    """Refuse a claim for another region than ``region``; None lets any pass."""
    if region is not None and claim.region != region:
        raise credential_malformed(
            f"the region '{claim.region}' is wrong; expecting '{region}'",
            presigned=claim.presigned,
            fields={"Region": region},
        )
