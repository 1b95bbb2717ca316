"""Bytes that others wrote, as objects."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from apsw import Connection

from backends.interface import Fingerprint
from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.outside import UNDIGESTED, Adoption, Found, Lying, Standing
from gateway.catalog.placing import Placing
from gateway.catalog.records import Bucket, Location, Version
from gateway.catalog.sqlite import comparing, digests, locations, missing, objects
from gateway.catalog.sqlite.encoding import version_of
from gateway.catalog.sqlite.ledger import Transaction
from gateway.catalog.sqlite.objects import LOOK_UP, store

_PLACE = "SELECT key, size, fingerprint_size, stamp, path, natural FROM objects "
_LYING = f"{_PLACE} WHERE bucket_id = ? AND key > ? AND key >= ? ORDER BY key LIMIT ?"
_LYING_AT = f"{_PLACE} WHERE bucket_id = ? AND key = ?"


def lying(reader: Connection, bucket: Bucket, prefix: str, after: str, limit: int) -> list[Lying]:
    """As ``Catalog.lying``. Raises apsw.Error."""
    begins = prefix.encode()
    found = []
    for row in reader.execute(_LYING, (bucket.id, after.encode(), begins, limit)):
        if not row[0].startswith(begins):
            break
        found.append(_lying(bucket, row))
    return found


def lying_at(reader: Connection, bucket: Bucket, keys: Sequence[str]) -> dict[str, Lying]:
    """As ``Catalog.lying_at``. Raises apsw.Error."""
    found = {}
    reader.execute("BEGIN")
    try:
        for key in keys:
            row = reader.execute(_LYING_AT, (bucket.id, key.encode())).fetchone()
            if row is not None:
                found[key] = _lying(bucket, row)
    finally:
        reader.execute("COMMIT")
    return found


def _lying(bucket: Bucket, row: tuple[Any, ...]) -> Lying:
    key, size, other_size, stamp, path, natural = row
    name = key.decode()
    fingerprint = Fingerprint(size=size if other_size is None else other_size, stamp=stamp)
    return Lying(
        name, fingerprint, f"{bucket.name}/{name}" if path is None else path, bool(natural)
    )


def standing(
    reader: Connection, bucket: Bucket, key: str, claim: str | None, since: int | None
) -> Standing:
    """As ``Catalog.standing``: all of one moment. Raises apsw.Error."""
    reader.execute("BEGIN")
    try:
        return Standing(
            version=objects.get(reader, bucket, key),
            owned=comparing.is_owned(reader, bucket.storage, claim, since),
            freed=comparing.freed(reader),
        )
    finally:
        reader.execute("COMMIT")


def adopt(
    transaction: Transaction, bucket: Bucket, found: tuple[Found, ...], now_ns: int
) -> list[Adoption]:
    """As ``Catalog.adopt``."""
    transaction.require(bucket)
    placing = transaction.ledger.placing(bucket.storage)
    if placing is None:
        raise CatalogUnavailable(f"the storage {bucket.storage!r} is not configured")
    return [_adopt(transaction, bucket, placing, one, now_ns) for one in found]


def _adopt(
    transaction: Transaction, bucket: Bucket, placing: Placing, found: Found, now_ns: int
) -> Adoption:
    is_remote = bucket.storage in transaction.ledger.remote
    if not is_remote and placing.glance(found.path).fingerprint != found.fingerprint:
        return Adoption.GONE
    key = found.key.encode()
    row = transaction.row(LOOK_UP, (bucket.id, key))
    old = None if row is None else version_of(bucket.name, found.key, row)
    if is_remote and (found.standing is None or not comparing.is_as_it_was(old, found.standing)):
        return Adoption.GONE
    if old is not None:
        return _change(transaction, bucket, placing, old, found)
    claim = placing.claim(found.path)
    folds = transaction.ledger.folds(bucket.storage, placing)
    if folds and locations.owned_by_another(transaction, bucket.storage, claim, bucket.id, key):
        return Adoption.OWNED
    refusal = _refusal(transaction, bucket, placing, claim, found)
    if refusal is not None:
        return refusal
    kept = missing.row_of_missing(transaction, bucket.id, key)
    if found.stale and kept is None:
        return Adoption.OWNED
    new, outcome = _new(transaction, bucket, found, kept, now_ns)
    store(transaction, bucket, key, claim if folds else None, new)
    missing.drop(transaction, bucket.id, key)
    return outcome


def _refusal(
    transaction: Transaction, bucket: Bucket, placing: Placing, claim: str, found: Found
) -> Adoption | None:
    """Whether something of ours may lie, or have lain, where no row tells of anything."""
    if found.standing is not None:
        return comparing.refusal(transaction, bucket.storage, claim, found.standing)
    if (bucket.storage, claim) in transaction.ledger.doomed:
        # Deleted in this very batch: whose bytes are left there is known after it.
        return Adoption.GONE
    if not locations.freed(transaction, placing, bucket.storage, claim):
        # Until what was deleted there is known to be gone for good.
        return Adoption.GONE
    return None


def _change(
    transaction: Transaction, bucket: Bucket, placing: Placing, old: Version, found: Found
) -> Adoption:
    location = old.location
    if (location.storage, location.path) != (bucket.storage, found.path):
        return Adoption.IN_THE_WAY
    if location.fingerprint == found.fingerprint:
        return Adoption.SAME
    staged = location.staged
    if staged is not None and placing.glance_staged(staged).fingerprint == location.fingerprint:
        return Adoption.IN_THE_WAY
    claim = None
    if transaction.ledger.folds(bucket.storage, placing):
        claim = placing.claim(found.path)
    store(
        transaction, bucket, found.key.encode(), claim, _with_bytes(transaction, bucket, old, found)
    )
    return Adoption.CHANGED


def _new(
    transaction: Transaction,
    bucket: Bucket,
    found: Found,
    row: tuple[Any, ...] | None,
    now_ns: int,
) -> tuple[Version, Adoption]:
    if row is not None:
        old = version_of(bucket.name, found.key, row)
        if old.location.fingerprint == found.fingerprint and old.location.path == found.path:
            back = dataclasses.replace(old, sequence=max(old.sequence + 1, now_ns // 1000))
            _enqueue(transaction, bucket, back, None)
            return back, Adoption.RESTORED
        return _with_bytes(transaction, bucket, old, found), Adoption.RESTORED
    version = Version(
        key=found.key,
        sequence=now_ns // 1000,
        size=found.fingerprint.size,
        etag=found.etag,
        modified_ns=found.modified_ns,
        headers=found.headers,
        location=_location(bucket, found),
    )
    source = _moved(transaction, found) or found.described
    if source is not None:
        version = dataclasses.replace(
            source, key=version.key, sequence=version.sequence, location=version.location
        )
    _enqueue(transaction, bucket, version, None)
    return version, Adoption.NEW


def _moved(transaction: Transaction, found: Found) -> Version | None:
    """The object these bytes were, if the bytes are still those: a rename is no new upload."""
    if found.was is None:
        return None
    name, key = found.was
    bucket = transaction.row("SELECT id FROM buckets WHERE name = ?", (name,))
    if bucket is None:
        return None
    row = transaction.row(LOOK_UP, (bucket[0], key.encode())) or missing.row_of_missing(
        transaction, bucket[0], key.encode()
    )
    if row is None:
        return None
    source = version_of(name, key, row)
    return source if source.location.fingerprint == found.fingerprint else None


def _with_bytes(transaction: Transaction, bucket: Bucket, old: Version, found: Found) -> Version:
    """All that is known of the old version, but for what its bytes decide."""
    new = dataclasses.replace(
        old,
        sequence=old.sequence + 1,
        size=found.fingerprint.size,
        etag=found.etag,
        modified_ns=found.modified_ns,
        checksum=None,
        parts=(),
        location=_location(bucket, found),
    )
    _enqueue(transaction, bucket, new, old)
    return new


def _location(bucket: Bucket, found: Found) -> Location:
    return Location(
        storage=bucket.storage, path=found.path, staged=None, fingerprint=found.fingerprint
    )


def _enqueue(
    transaction: Transaction, bucket: Bucket, version: Version, old: Version | None
) -> None:
    if version.etag.endswith(UNDIGESTED):
        digests.enqueue(transaction, bucket.id, version.key.encode(), old)
