"""Making bytes an object: stage, seal, publish."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backends.interface import Fingerprint, Staged, Storage
from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.placing import shadow_path
from gateway.catalog.records import (
    ALWAYS,
    Bucket,
    Checksum,
    Completed,
    Condition,
    Location,
    PartFact,
    Version,
)
from gateway.service.context import Context, Services
from gateway.service.description import record_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is to be known of a new version, but for where its bytes are."""

    key: str
    size: int
    etag: str
    storage_class: str = "STANDARD"
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[tuple[str, str]] = ()
    checksum: Checksum | None = None
    parts: Sequence[PartFact] = ()


def stage_new(services: Services, storage: Storage, *, size: int | None = None) -> Staged:
    """A staged writer under a new name that tells which process made it; of ``size`` bytes, if that
    is known."""
    return storage.stage(f"put-{services.process}-{services.new_id()}", size=size)


async def publish(
    context: Context,
    bucket: Bucket,
    storage: Storage,
    staged: Staged,
    facts: Facts,
    *,
    only_if: Condition = ALWAYS,
    upload: str | None = None,
    completed: Completed | None = None,
) -> Version:
    """Seal the staged bytes and make them the current version of their key.

    On a refusal the staged bytes are discarded and nothing has changed. If the outcome is unknown
    they stay: recovery finds out.
    """
    services = context.services
    now_ns = services.now_ns()
    natural = storage.natural(bucket.name, facts.key)
    version: Version | None = None

    def describe(fingerprint: Fingerprint) -> bytes:
        nonlocal version
        version = Version(
            key=facts.key,
            sequence=now_ns // 1000,
            size=facts.size,
            etag=facts.etag,
            modified_ns=now_ns,
            storage_class=facts.storage_class,
            headers=facts.headers,
            metadata=facts.metadata,
            tags=facts.tags,
            checksum=facts.checksum,
            parts=facts.parts,
            location=Location(
                storage=bucket.storage,
                path=natural if natural is not None else shadow_path(staged.name),
                staged=staged.name,
                fingerprint=fingerprint,
                natural=natural is not None,
            ),
        )
        return record_of(bucket.name, version)

    await staged.seal(describe, size=facts.size)
    if version is None:
        raise AssertionError("sealed without being described")
    try:
        return await services.catalog.publish(
            bucket, version, only_if=only_if, upload=upload, completed=completed
        )
    except (CatalogUnavailable, asyncio.CancelledError):
        raise
    except BaseException:
        if upload is None:
            await staged.discard()
        raise
