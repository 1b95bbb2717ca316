"""Telling what others did to the files of a bucket: in the log and to the metrics."""

import structlog

from gateway.catalog.records import Bucket
from gateway.service.context import Services
from gateway.service.finding import Outcome

_log = structlog.get_logger("s3front.outside")


def tell(services: Services, bucket: Bucket, outcome: Outcome) -> None:
    """Count it, and say it if there is anything."""
    counts = {
        "new": outcome.adopted,
        "changed": outcome.changed,
        "back": outcome.restored,
        "missing": outcome.missing,
    }
    for what, count in {**counts, "refused": outcome.refused}.items():
        if count:
            services.tally.changed_outside(what, count)
    if outcome.anything:
        _log.info("files were changed from outside", bucket=bucket.name, **counts)
    if outcome.refused:
        _log.warning(
            "files are no objects and left alone: in the way of one, links, pipes, devices, "
            "not ours to read, or of a deleted object",
            bucket=bucket.name,
            files=outcome.refused,
        )
