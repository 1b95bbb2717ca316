"""What a handler is given besides its input."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from backends.interface import Storage
from gateway.catalog.interface import Catalog
from gateway.catalog.outside import MissingLimit
from gateway.catalog.records import Bucket
from gateway.observe.tally import Tally
from gateway.payload import Payload
from gateway.s3.errors import S3Error
from gateway.s3.etag import MD5
from gateway.s3.message import Request
from gateway.service.homing import Homing
from gateway.service.removing import Remover
from gateway.service.seen import Seen
from sigv4.verify import Verified


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The one account: who owns every bucket and object."""

    id: str
    display_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The largest objects, in bytes, and the highest number of a part. S3's unless they are set:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
    """

    put: int = 5 * 1024**3
    """Of one PutObject, part or copy."""
    object: int = 5 * 1024**4
    """Of what is put together from parts."""
    parts: int = 10_000
    document: int = 2 * 1024**2
    """Of XML in a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """That what others do under the storages' paths counts, and how."""

    since_ns: int
    """When this process began to: files of ours that are older and have no row are left alone."""
    missing: MissingLimit = field(default_factory=MissingLimit)
    walk_s: float = 300.0
    """Seconds between walks where changes cannot be watched."""
    poll_s: float = 300.0
    """Seconds between polls of storages behind a network; 0: none."""


@dataclass(slots=True)
class Links:
    """Which storages clients may be sent to (``link_mode = "direct"``). May change at any time."""

    direct: Collection[str] = frozenset()
    seen: Seen = field(default_factory=Seen)


class Refused:
    """Some paths: as many as are easily kept."""

    _MOST = 1_024

    def __init__(self) -> None:
        self._paths: dict[str, None] = {}

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def add(self, path: str) -> None:
        """In place of the oldest if there are too many."""
        if len(self._paths) >= self._MOST:
            del self._paths[next(iter(self._paths))]
        self._paths[path] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What lives as long as the process. Time and randomness are given, not taken."""

    catalog: Catalog
    storages: Mapping[str, Storage]
    default_storage: str
    region: str
    owner: Owner
    now_ns: Callable[[], int]
    new_id: Callable[[], str]
    """32 random hexadecimal digits."""
    process: str
    """Names this process in the staged names it makes; 8 hexadecimal digits."""
    remover: Remover
    """Removes bytes from storages that cannot do so inside a commit."""
    homing: Homing
    """Brings objects back under their own names there."""
    refused: Refused = field(default_factory=Refused)
    """Natural paths that storages have refused lately, though nobody owned them."""
    completing: set[str] = field(default_factory=set)
    """Uploads that requests of this process are completing now."""

    bounds: Bounds = field(default_factory=Bounds)
    watching: Watching | None = None
    """None: files that others put under the paths are left alone."""
    links: Links = field(default_factory=Links)
    cache_control: Mapping[str, str] = field(default_factory=dict)
    """Cache-Control of objects that have none, by bucket."""
    etags: Mapping[str, str] = field(default_factory=dict)
    """What new ETags are made of, by bucket; without an entry of MD5s."""
    verify_reads: bool = False
    """Whether bytes of whole objects are compared with their digests as they are sent."""
    tally: Tally = field(default_factory=Tally)
    """Counts what verification finds, and what others do to files."""

    def etag_algorithm(self, bucket: Bucket) -> str:
        """What the ETags of its new objects are made of, ``MD5`` or ``CRC``."""
        return self.etags.get(bucket.name, MD5)


class Context:
    """One request's surroundings: ``request``, what is ``verified`` of it, and ``services``.

    ``headers``: those of the request by lower-case name, with those a presigned URL carries in its
    query. ``pool``: where large pieces of bodies are hashed.
    """

    __slots__ = ("_payload", "_request", "_verified", "headers", "pool", "services")

    def __init__(
        self,
        services: Services,
        request: Request,
        verified: Verified,
        *,
        headers: Mapping[str, str],
        pool: Executor,
    ) -> None:
        self.services = services
        self.headers = headers
        self.pool = pool
        self._request = request
        self._verified = verified
        self._payload: Payload | None = None

    @property
    def payload(self) -> Payload:
        """The body; most requests are never asked for it."""
        if self._payload is None:
            self._payload = Payload(self._request, self._verified, self.pool)
        return self._payload

    @property
    def resource(self) -> str:
        """Raw path of the request, for answers that repeat it."""
        return self._request.path

    @property
    def base_url(self) -> str:
        """``http://host[:port]`` as the client addressed us."""
        scheme = "https" if self._request.secure else "http"
        return f"{scheme}://{self._request.host or 'localhost'}"

    @property
    def presigned_until_ns(self) -> int | None:
        """When the URL by which this was asked stops to hold; None if it is not presigned."""
        claim = self._verified.claim
        if not claim.presigned or claim.expires is None:
            return None
        return (int(claim.signed_at.timestamp()) + claim.expires) * 1_000_000_000

    async def bucket(self, name: str, *, expected_owner: str | None = None) -> Bucket:
        """The bucket; S3Error NoSuchBucket, or AccessDenied if it is not the expected owner's.

        StorageError Unavailable if its storage is not there, and has no cache: what is known of its
        objects is then not to be told, since nobody can say what is true.
        """
        bucket = await self.services.catalog.bucket(name)
        self.storage(bucket.storage).check_readable()
        if expected_owner is not None and expected_owner != self.services.owner.id:
            raise S3Error("AccessDenied")
        return bucket

    def storage(self, name: str) -> Storage:
        """The storage of that name; it was there when the row was written."""
        try:
            return self.services.storages[name]
        except KeyError:
            raise S3Error(
                "ServiceUnavailable", f"The storage {name!r} of this object is not configured."
            ) from None
