"""Refusals of the signature code, as S3's errors: the only place that knows both."""

from gateway.s3.errors import S3Error
from sigv4.refusal import Refusal


def s3_refusal(refusal: Refusal) -> S3Error:
    """The same code, message, status and elements."""
    error = S3Error(refusal.code, refusal.message, status=refusal.status)
    error.fields = refusal.fields
    return error
