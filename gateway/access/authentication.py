"""From a request to a proved principal, or S3's refusal."""

import secrets
from collections.abc import Callable
from datetime import datetime

from gateway.access.doctor import Doctor
from gateway.access.principals import Principal
from gateway.access.public_addresses import PublicAddresses
from gateway.access.secret_source import SecretSource
from gateway.observe.event import RequestEvent
from gateway.refusals import s3_refusal
from gateway.s3.errors import S3Error
from gateway.s3.message import Request
from gateway.s3.target import Domains
from sigv4.canonical import Signable
from sigv4.claim import Claim
from sigv4.mechanism import claim_of
from sigv4.refusal import Refusal
from sigv4.verify import Verified, verify

_TOKEN = "x-amz-security-token"  # noqa: S105  a header's name, not a password


class Authentication:
    """Proves who signed a request. Anonymous requests are refused."""

    def __init__(
        self,
        secrets_of: SecretSource,
        *,
        now: Callable[[], datetime],
        doctor: Doctor,
        addresses: PublicAddresses,
        domains: Domains,
        region: str | None = None,
    ) -> None:
        self._secrets = secrets_of
        self._now = now
        self._doctor = doctor
        self._addresses = addresses
        self._domains = domains
        self._region = region
        # An unknown key costs what a known one costs, so that timing tells nothing.
        self._decoy = secrets.token_urlsafe(30)

    def __call__(self, request: Request, event: RequestEvent) -> tuple[Principal, Verified]:
        """The principal and what chunk signatures need.

        Raises S3Error with S3's code for the first thing that is wrong; InvalidToken for a session
        token, which none of our keys has. A failed signature of a known key is diagnosed into
        ``event.hint``, for the log only.
        """
        signable = Signable(
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
        )
        try:
            claim = claim_of(signable)
            if claim is None:
                raise S3Error("AccessDenied")
            event.access_key = claim.access_key
            proved = self._prove(signable, claim, request.host, event)
        except Refusal as refusal:
            raise s3_refusal(refusal) from None
        if _names_a_token(request):
            raise S3Error("InvalidToken")
        return proved

    def _prove(
        self, signable: Signable, claim: Claim, host: str, event: RequestEvent
    ) -> tuple[Principal, Verified]:
        secret = self._secrets.secret(claim.access_key)
        now = self._now()
        try:
            verified = verify(signable, claim, secret or self._decoy, now=now, region=self._region)
        except Refusal as refusal:
            if secret is None:
                raise unknown_key(claim.access_key) from None
            if refusal.code != "SignatureDoesNotMatch":
                raise
            found = self._addressed_otherwise(signable, claim, secret, host, now)
            if found is None:
                event.hint = self._doctor.hint(signable, claim, secret, now=now)
                raise
            verified = found
        else:
            # Proved for the Host header; a proxy may have told another host.
            if secret and not self._same_bucket(signable.headers.get("host", ""), host):
                raise S3Error("AccessDenied", "The Host that was signed names another bucket.")
        if secret is None:
            raise unknown_key(claim.access_key)
        return Principal(access_key=claim.access_key), verified

    def _addressed_otherwise(
        self, signable: Signable, claim: Claim, secret: str, host: str, now: datetime
    ) -> Verified | None:
        """Proof under one of the addresses that are configured, or told by a trusted proxy.

        Only one that names the bucket the request is about: whoever holds a URL for the public
        address could else name any other bucket by its Host.
        """
        for spelling in self._addresses.spellings(signable, host):
            if not self._same_bucket(spelling.headers["host"], host):
                continue
            try:
                return verify(spelling, claim, secret, now=now, region=self._region)
            except Refusal:
                continue
        return None

    def _same_bucket(self, signed: str, asked: str) -> bool:
        try:
            return signed == asked or self._domains.bucket(signed) == self._domains.bucket(asked)
        except S3Error:
            return False


def _names_a_token(request: Request) -> bool:
    if request.headers.get(_TOKEN):
        return True
    query = request.query
    # Mostly it is not there at all.
    if query.lower().find(_TOKEN) < 0:
        return False
    return any(
        value and name.lower() == _TOKEN
        for name, _, value in (parameter.partition("=") for parameter in query.split("&"))
    )


def unknown_key(access_key: str) -> S3Error:
    """S3's answer to an access key that does not exist."""
    return S3Error("InvalidAccessKeyId", AWSAccessKeyId=access_key)
