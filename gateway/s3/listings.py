"""What listings of objects give back; see ``gateway.s3.results`` for what fields mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.s3.results import Owner

ListedRow = tuple[str, int, str, int, str, str | None, str | None]
"""A ListedObject that was not made one: a page has a thousand of them."""


class ListedObject(NamedTuple):
    """One object of a listing. ``modified_ns``: Unix time in nanoseconds."""

    key: str
    size: int
    e_tag: str
    modified_ns: int
    storage_class: str = "STANDARD"
    checksum_algorithm: str | None = None
    checksum_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListObjectsResult:
    """``owner``: of every object. ``next_marker``: only with a delimiter, only if truncated.
    ``encoding_type``: ``url``."""

    name: str
    max_keys: int
    is_truncated: bool
    contents: Sequence[ListedRow] = ()
    common_prefixes: Sequence[str] = ()
    owner: Owner | None = None
    prefix: str | None = None
    delimiter: str | None = None
    marker: str | None = None
    next_marker: str | None = None
    encoding_type: str | None = None
    bucket_region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListObjectsV2Result:
    """``key_count``: contents and common prefixes together. ``owner``: of every object."""

    name: str
    max_keys: int
    key_count: int
    is_truncated: bool
    contents: Sequence[ListedRow] = ()
    common_prefixes: Sequence[str] = ()
    owner: Owner | None = None
    prefix: str | None = None
    delimiter: str | None = None
    start_after: str | None = None
    continuation_token: str | None = None
    next_continuation_token: str | None = None
    encoding_type: str | None = None
    bucket_region: str | None = None


class ListedVersion(NamedTuple):
    """One version of an object."""

    version_id: str
    is_latest: bool
    object: ListedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ListObjectVersionsResult:
    """``owner``: of every version. ``next_key_marker`` and ``next_version_id_marker``: only if
    truncated."""

    name: str
    max_keys: int
    is_truncated: bool
    versions: Sequence[ListedVersion] = ()
    common_prefixes: Sequence[str] = ()
    owner: Owner | None = None
    prefix: str | None = None
    delimiter: str | None = None
    key_marker: str | None = None
    version_id_marker: str | None = None
    next_key_marker: str | None = None
    next_version_id_marker: str | None = None
    encoding_type: str | None = None
