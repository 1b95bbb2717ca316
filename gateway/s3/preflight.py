"""What S3 answers to a preflight request (OPTIONS) of a bucket that has no CORS configuration.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html; the wording is what S3 is known
to send (versitygw #2083). No bucket can have such a configuration yet, so that nothing need be looked
up: browsers sign no preflight, and a stranger is told the same of every name.
"""

from collections.abc import Mapping

from gateway.s3.errors import S3Error
from gateway.s3.message import Scope
from gateway.s3.target import Target

METHOD = "OPTIONS"


def preflight_refusal(target: Target, headers: Mapping[str, str]) -> S3Error:
    """AccessForbidden (403), or BadRequest without an Origin. ``headers``: lower-case names."""
    if not headers.get("origin"):
        return S3Error("BadRequest", "Insufficient information. Origin request header needed.")
    scope = Scope.BUCKET if target.key is None else Scope.OBJECT
    asked = headers.get("access-control-request-method", METHOD)
    return S3Error(
        "AccessForbidden",
        Method=asked if asked.isascii() and asked.isalnum() else METHOD,
        ResourceType=scope.name,
    )
