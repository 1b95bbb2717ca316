"""What is done when something is found that is not as it was written."""

import structlog

from gateway.catalog.errors import CatalogError
from gateway.catalog.records import Finding
from gateway.service.context import Services

_log = structlog.get_logger("s3front.integrity")


async def report(
    services: Services,
    kind: str,
    detail: str,
    *,
    bucket: str = "",
    key: str = "",
    sequence: int | None = None,
) -> None:
    """Log it, count it, remember it in the catalog. Never fails: a damaged catalog still logs."""
    _log.error("not as it was written", kind=kind, bucket=bucket, key=key, detail=detail)
    services.tally.found(kind)
    now_ns = services.now_ns()
    finding = Finding(
        bucket=bucket,
        key=key,
        kind=kind,
        detail=detail,
        sequence=sequence,
        first_ns=now_ns,
        last_ns=now_ns,
    )
    try:
        await services.catalog.add_findings([finding])
    except CatalogError as error:
        _log.error("a finding could not be kept", error=type(error).__name__, cause=str(error))
