"""Versions and uploads to store."""

import itertools
from collections.abc import Mapping, Sequence

from backends.interface import Fingerprint
from gateway.catalog.interface import Catalog
from gateway.catalog.placing import shadow_path
from gateway.catalog.records import Bucket, Checksum, Location, PartFact, Upload, Version
from tests.catalog.shelf import Shelf

_numbers = itertools.count(1)
START_NS = 1_800_000_000_000_000_000


def new_version(
    bucket: Bucket,
    key: str,
    *,
    shelf: Shelf | None = None,
    storage: str = "disk",
    sequence: int | None = None,
    etag: str | None = None,
    size: int = 5,
    staged: str | None = None,
    natural: bool = True,
    headers: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    tags: Sequence[tuple[str, str]] = (),
    checksum: Checksum | None = None,
    parts: Sequence[PartFact] = (),
    modified_ns: int | None = None,
) -> Version:
    """A version whose bytes are staged (on ``shelf``, if given) under a name of its own."""
    number = next(_numbers)
    name = staged if staged is not None else f"put-test-{number:032x}"
    if shelf is not None:
        fingerprint = shelf.stage(name, size)
    else:
        fingerprint = Fingerprint(size=size, stamp=f"of-{name}")
    return Version(
        key=key,
        sequence=START_NS // 1000 + number if sequence is None else sequence,
        size=size,
        etag=f"etag-{number}" if etag is None else etag,
        modified_ns=START_NS + number * 10**9 if modified_ns is None else modified_ns,
        headers={} if headers is None else headers,
        metadata={} if metadata is None else metadata,
        tags=tags,
        checksum=checksum,
        parts=parts,
        location=Location(
            storage=storage,
            path=f"{bucket.name}/{key}" if natural else shadow_path(name),
            staged=name,
            fingerprint=fingerprint,
            natural=natural,
        ),
    )


def new_upload(
    bucket: Bucket, key: str, *, initiated_ns: int | None = None, storage: str = "disk"
) -> Upload:
    """An upload with an id of its own."""
    number = next(_numbers)
    return Upload(
        id=f"{number:032x}",
        bucket_id=bucket.id,
        key=key,
        initiated_ns=START_NS + number if initiated_ns is None else initiated_ns,
        storage=storage,
    )


async def new_bucket(catalog: Catalog, *, storage: str = "disk") -> Bucket:
    """A bucket of a new name."""
    return await catalog.create_bucket(
        f"bucket-{next(_numbers)}", region="us-east-1", storage=storage, now_ns=1
    )
