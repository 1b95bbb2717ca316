"""Version ids in buckets that have no versioning."""

from gateway.catalog.records import NULL_VERSION
from gateway.s3.errors import S3Error


def require_current(version_id: str | None, key: str) -> None:
    """Only the null version exists. S3Error NoSuchVersion for any other."""
    if version_id is not None and version_id != NULL_VERSION:
        raise S3Error("NoSuchVersion", Key=key, VersionId=version_id)
