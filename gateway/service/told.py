"""The headers that an answer tells of an object, beside what S3 itself says of it."""

from collections.abc import Mapping

from gateway.catalog.records import Version
from gateway.s3.inputs.objects import GetObject
from gateway.s3.metadata import overridden
from gateway.service.context import Context


def told_headers(context: Context, version: Version, input: GetObject) -> Mapping[str, str]:
    """Those the object was stored with, those the request sets in their place, and the bucket's
    Cache-Control if there is none. S3Error InvalidArgument as ``overridden``."""
    headers = overridden(version.headers, input)
    defaults = context.services.cache_control
    if not defaults or "cache-control" in headers:
        return headers
    default = defaults.get(input.bucket)
    return headers if default is None else {**headers, "cache-control": default}
