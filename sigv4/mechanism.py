"""Which authentication mechanism a request uses, and what it claims."""

from sigv4.canonical import Signable
from sigv4.claim import Claim
from sigv4.header import header_claim
from sigv4.presigned import presigned_claim
from sigv4.refusal import ONE_MECHANISM, invalid_argument, signature_version_2

# Names of query parameters that only a signed URL carries. An encoded spelling of them is none.
_VERSION_4 = frozenset({"X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"})
_VERSION_2 = frozenset({"Signature", "AWSAccessKeyId"})


def claim_of(request: Signable) -> Claim | None:
    """What ``request`` claims about its signature; None if it carries no credentials at all.

    Nothing is proved by a claim: ``sigv4.verify.verify`` proves it.
    Raises ``Refusal``: credentials in header and query together, SigV2, SigV4A, and each fault S3
    knows in what is claimed.
    """
    authorization = request.headers.get("authorization")
    query = request.query
    if query and ("X-Amz-" in query or "Signature" in query or "AWSAccessKeyId" in query):
        names = {part.partition("=")[0] for part in query.split("&")}
        version_4 = not names.isdisjoint(_VERSION_4)
        version_2 = not names.isdisjoint(_VERSION_2)
        if (authorization is not None) + version_4 + version_2 > 1:
            raise invalid_argument(ONE_MECHANISM, "Authorization", authorization or "")
        if version_2:
            raise signature_version_2()
        if version_4:
            return presigned_claim(request)
    return header_claim(request, authorization) if authorization else None
