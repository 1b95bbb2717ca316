"""Current versions: look up, publish, remove, change facts."""

import dataclasses
from typing import Any

from apsw import Connection

from gateway.catalog.errors import ConditionConflict, ConditionFailed, NoSuchKey
from gateway.catalog.records import Bucket, Completed, Condition, Location, Version
from gateway.catalog.sqlite import intents, locations, missing, uploads
from gateway.catalog.sqlite.encoding import (
    SEQUENCE,
    VERSION_COLUMNS,
    location_of,
    packed,
    row_of,
    version_of,
)
from gateway.catalog.sqlite.ledger import Transaction

_NS = 1_000_000_000
_LARGE = 1024 * 1024
"""Removing a larger file frees many extents: not on the loop."""

_OF_KEY = "FROM objects WHERE bucket_id = ? AND key = ?"
LOOK_UP = f"SELECT {VERSION_COLUMNS} {_OF_KEY}"
"""A row of VERSION_COLUMNS by bucket and key."""
_LOOK_UP_CLAIMED = f"SELECT {VERSION_COLUMNS}, claim {_OF_KEY}"

_COLUMNS = VERSION_COLUMNS.split(", ")
STORE = (
    f"INSERT INTO objects(bucket_id, key, claim, {VERSION_COLUMNS}) "
    f"VALUES(?, ?, ?, {', '.join('?' * len(_COLUMNS))}) "
    "ON CONFLICT(bucket_id, key) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in ("claim", *_COLUMNS))
)

_OF_OWNER = (
    f"SELECT b.name, o.key, {', '.join(f'o.{column}' for column in _COLUMNS)} "  # noqa: S608 - constants
    "FROM objects o JOIN buckets b ON b.id = o.bucket_id WHERE o.storage = ? "
)
_OWNER_OF_STAGED = f"{_OF_OWNER} AND o.staged = ?"
_OWNER_OF_PATH = f"{_OF_OWNER} AND coalesce(o.path, b.name || '/' || CAST(o.key AS TEXT)) = ?"


def get(reader: Connection, bucket: Bucket, key: str) -> Version | None:
    """As ``Catalog.get``. Raises apsw.Error."""
    row = reader.execute(LOOK_UP, (bucket.id, key.encode())).fetchone()
    return None if row is None else version_of(bucket.name, key, row)


def owner_of_staged(reader: Connection, storage: str, name: str) -> Version | None:
    """As ``Catalog.owner_of_staged``. Raises apsw.Error."""
    return _owner(reader, _OWNER_OF_STAGED, storage, name)


def owner_of_path(reader: Connection, storage: str, path: str) -> Version | None:
    """As ``Catalog.owner_of_path``. Raises apsw.Error."""
    return _owner(reader, _OWNER_OF_PATH, storage, path)


def _owner(reader: Connection, statement: str, storage: str, name: str) -> Version | None:
    row = reader.execute(statement, (storage, name)).fetchone()
    return None if row is None else version_of(row[0], row[1].decode(), row[2:])


def place_staged(transaction: Transaction, bucket: Bucket, key: str) -> None:
    """As ``Catalog.place_staged``; after the commit."""
    transaction.require(bucket)
    row = transaction.row(LOOK_UP, (bucket.id, key.encode()))
    if row is not None:
        locations.place(transaction, location_of(bucket.name, key, row))


def publish(
    transaction: Transaction,
    bucket: Bucket,
    version: Version,
    *,
    only_if: Condition,
    upload: str | None,
    completed: Completed | None,
    intent: str | None,
) -> Version:
    """As ``Catalog.publish``; bytes are placed after the commit."""
    transaction.require(bucket)
    key = version.key.encode()
    if upload is not None:
        uploads.end(transaction, bucket, version, upload, completed=completed, intent=intent)
    row = transaction.row(LOOK_UP, (bucket.id, key))
    _check(only_if, row)
    transaction.require_thread_if(row is not None and row[0] > _LARGE)
    old = None if row is None else location_of(bucket.name, version.key, row)
    wanted = version.location
    if intent is None:
        location, claim = locations.decide(transaction, bucket.id, key, wanted, old)
    else:
        location, claim = wanted, intents.become(transaction, wanted, intent)
    sequence = version.sequence if row is None else max(version.sequence, row[SEQUENCE] + 1)
    if location is not wanted or sequence != version.sequence:
        version = dataclasses.replace(version, location=location, sequence=sequence)
    store(transaction, bucket, key, claim, version)
    if row is None:
        missing.drop(transaction, bucket.id, key)
    locations.settle(transaction, location, old)
    return version


def remove(transaction: Transaction, bucket: Bucket, key: str, only_if: Condition) -> bool:
    """As ``Catalog.remove``; bytes are removed after the commit."""
    transaction.require(bucket)
    at = (bucket.id, key.encode())
    row = transaction.row(LOOK_UP, at)
    _check(only_if, row)
    transaction.require_thread_if(row is not None and row[0] > _LARGE)
    if row is None:
        missing.drop(transaction, *at)
        return False
    transaction.execute("DELETE FROM objects WHERE bucket_id = ? AND key = ?", at)
    locations.doom(transaction, location_of(bucket.name, key, row))
    return True


def set_tags(
    transaction: Transaction, bucket: Bucket, key: str, tags: tuple[tuple[str, str], ...]
) -> Version:
    """As ``Catalog.set_tags``."""
    transaction.require(bucket)
    version = dataclasses.replace(_current(transaction, bucket, key), tags=tags)
    content_type, facts = packed(version.headers, version.metadata, tags)
    transaction.execute(
        "UPDATE objects SET content_type = ?, facts = ? WHERE bucket_id = ? AND key = ?",
        (content_type, facts, bucket.id, key.encode()),
    )
    return version


def replace_facts(
    transaction: Transaction, bucket: Bucket, version: Version, only_if: Condition
) -> Version:
    """As ``Catalog.replace_facts``."""
    transaction.require(bucket)
    key = version.key.encode()
    row = transaction.row(_LOOK_UP_CLAIMED, (bucket.id, key))
    if row is None:
        raise NoSuchKey(version.key)
    if row[SEQUENCE] != version.sequence:
        raise ConditionConflict(version.key)
    _check(only_if, row)
    stored = dataclasses.replace(
        version,
        size=row[0],
        sequence=version.sequence + 1,
        location=location_of(bucket.name, version.key, row),
    )
    store(transaction, bucket, key, row[-1], stored)
    return stored


def relocate(
    transaction: Transaction, bucket: Bucket, key: str, *, old: Location, new: Location, intent: str
) -> bool:
    """As ``Catalog.relocate``."""
    transaction.require(bucket)
    row = transaction.row(LOOK_UP, (bucket.id, key.encode()))
    if row is None:
        return False
    version = version_of(bucket.name, key, row)
    if version.location != old:
        return False
    claim = intents.become(transaction, new, intent)
    moved = dataclasses.replace(version, location=new)
    store(transaction, bucket, key.encode(), claim, moved)
    intents.doom(transaction, old)
    return True


def _current(transaction: Transaction, bucket: Bucket, key: str) -> Version:
    row = transaction.row(LOOK_UP, (bucket.id, key.encode()))
    if row is None:
        raise NoSuchKey(key)
    return version_of(bucket.name, key, row)


def store(
    transaction: Transaction, bucket: Bucket, key: bytes, claim: str | None, version: Version
) -> None:
    """Write the row of a current version."""
    transaction.execute(STORE, (bucket.id, key, claim, *row_of(bucket.name, version)))


def _check(condition: Condition, row: tuple[Any, ...] | None) -> None:
    """Of what is there now. A missing object fails If-Match with NoSuchKey (404), and satisfies the
    conditions of size and time.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
    """
    if row is None:
        if condition.etags:
            raise NoSuchKey
        return
    size, etag, modified_ns = row[:3]
    etags = condition.etags
    if (
        condition.absent
        or (etags and etag not in etags and "*" not in etags)
        or (condition.size is not None and condition.size != size)
        or (condition.modified_s is not None and condition.modified_s != modified_ns // _NS)
    ):
        raise ConditionFailed
