"""How bytes become an object: one interface, two ways.

Where a storage can rename inside the catalog's commit, bytes are staged, sealed and published
(``staging``). Where it cannot, they are written under a path that an intent owns, and the commit makes
the intent the object's location (``remote``).
"""

import abc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, Self, TypeVar

from backends.interface import Content
from gateway.catalog.records import (
    ALWAYS,
    Bucket,
    Checksum,
    Completed,
    Condition,
    Location,
    Part,
    PartFact,
    Upload,
    Version,
)
from gateway.s3.errors import S3Error
from gateway.service.context import Context


@dataclass(slots=True, kw_only=True)
class Facts:
    """What is to be known of a new version, but for where its bytes are.

    ``etag`` and ``checksum`` may be set later, when the body has been read.
    """

    key: str
    size: int
    etag: str = ""
    storage_class: str = "STANDARD"
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[tuple[str, str]] = ()
    checksum: Checksum | None = None
    parts: Sequence[PartFact] = ()

    def version(self, location: Location, now_ns: int) -> Version:
        """The version that it is from now on."""
        return Version(
            key=self.key,
            sequence=now_ns // 1000,
            size=self.size,
            etag=self.etag,
            modified_ns=now_ns,
            storage_class=self.storage_class,
            headers=self.headers,
            metadata=self.metadata,
            tags=self.tags,
            checksum=self.checksum,
            parts=self.parts,
            location=location,
        )


class Arriving(Protocol):
    """Bytes on their way to become an object or a part. Used by one task at a time; nothing is done
    before the first coroutine is awaited. ``backends.interface.Staged`` is one."""

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append."""

    async def take(self, give: Callable[[], Sequence[bytes | memoryview]], size: int) -> None:
        """Append what ``give`` returns, some ``size`` bytes; large pieces are asked for in a thread."""

    async def copy(self, source: Content) -> None:
        """Append the bytes of an open reading of the same storage."""

    async def discard(self) -> None:
        """Leave nothing of them, now or later; unless they have become something."""


A = TypeVar("A", bound=Arriving)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What an upload that is closed against writers is to become.

    ``movable``: nobody writes into its shared file any more, and all that lies there is wanted.
    """

    upload: Upload
    parts: Sequence[Part]
    facts: Facts
    completed: Completed
    movable: bool


class PartWriter(abc.ABC):
    """One attempt at a part: leaves nothing behind if it fails.

    S3Error InvalidArgument for a number that is too high.
    """

    arriving: Arriving
    """To be written to inside the context."""

    def __init__(
        self, context: Context, bucket: Bucket, upload: Upload, number: int, size: int
    ) -> None:
        _check_number(number, context.services.bounds.parts)
        self._context = context
        self._services = context.services
        self._bucket = bucket
        self._storage = context.storage(upload.storage)
        self._upload = upload
        self._number = number
        self._size = size
        self._attempt = f"{context.services.process}{context.services.new_id()}"

    @abc.abstractmethod
    async def __aenter__(self) -> Self: ...

    @abc.abstractmethod
    async def record(self, *, etag: str, checksum: str | None) -> Part:
        """Make the bytes durable and the part known. Raises NoSuchUpload if it is too late."""

    @abc.abstractmethod
    async def __aexit__(self, *_: object) -> None: ...

    def _part(
        self, *, etag: str, checksum: str | None, offset: int | None = None, tag: str | None = None
    ) -> Part:
        return Part(
            number=self._number,
            attempt=self._attempt,
            size=self._size,
            etag=etag,
            modified_ns=self._services.now_ns(),
            checksum=checksum,
            offset=offset,
            tag=tag,
        )


def _check_number(number: int, most: int) -> None:
    if number > most:
        raise S3Error(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {most}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=str(number),
        )


class Publisher(abc.ABC, Generic[A]):
    """One way in which bytes become objects."""

    @abc.abstractmethod
    def begin(self, context: Context, bucket: Bucket, facts: Facts, *, copies: bool = False) -> A:
        """New bytes for an object of that bucket, ``facts.size`` of them. S3Error EntityTooLarge.

        ``copies``: they may come from the storage itself, so that no room need be made for them.
        """

    @abc.abstractmethod
    def publish(
        self,
        context: Context,
        bucket: Bucket,
        arriving: A,
        facts: Facts,
        *,
        only_if: Condition = ALWAYS,
    ) -> Awaitable[Version]:
        """Make the bytes, all of which have arrived, the current version of their key.

        On a refusal nothing is left of them. If the outcome is unknown, recovery finds out.
        """

    @abc.abstractmethod
    async def start_upload(self, context: Context, bucket: Bucket, upload: Upload) -> None:
        """Raises NoSuchBucket."""

    @abc.abstractmethod
    def part(
        self, context: Context, bucket: Bucket, upload: Upload, number: int, size: int
    ) -> PartWriter:
        """An attempt at a part. S3Error InvalidArgument, EntityTooLarge."""

    @abc.abstractmethod
    async def complete(
        self, context: Context, bucket: Bucket, completion: Completion, *, only_if: Condition
    ) -> None:
        """Make an object of the parts. On a refusal they are all still there."""


AnyPublisher = Publisher[Any]
