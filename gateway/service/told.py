"""The headers that an answer tells of an object, beside what S3 itself says of it."""

from collections.abc import Mapping

from gateway.catalog.records import Version
from gateway.s3.inputs.objects import GetObject
from gateway.s3.metadata import overridden
from gateway.service.context import Context, Services


def told_headers(context: Context, version: Version, input: GetObject) -> Mapping[str, str]:
    """Those the object was stored with, those the request sets in their place, and the bucket's
    Cache-Control if there is none. S3Error InvalidArgument as ``overridden``."""
    return with_default(context.services, input.bucket, overridden(version.headers, input))


def with_default(services: Services, bucket: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers of an object of the bucket, and its Cache-Control if they have none."""
    if not services.cache_control or "cache-control" in headers:
        return headers
    default = services.cache_control.get(bucket)
    return headers if default is None else {**headers, "cache-control": default}
