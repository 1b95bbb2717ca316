"""Every setting: its name in each source, what is legal, what it means."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from os.path import normpath
from pathlib import PurePath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from backends.interface import RESERVED
from gateway.settings.address import Address, parse_address
from gateway.settings.limits import LimitSettings
from gateway.settings.mirrors import MirrorSettings, mirrors_of
from gateway.settings.naming import Named
from gateway.settings.parts import (
    BucketSettings,
    StorageSettings,
    Texts,
    is_ip,
    refusal,
    split,
)

_ACCESS_KEY = re.compile(r"[!-+\-.0-<>-~]{3,128}")  # printable ASCII without "," "/" "="
_REGION = re.compile(r"[a-z0-9-]{1,64}")
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_STORAGE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Settings(LimitSettings):
    """All settings, validated. Secrets are hidden in its repr."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    address: Annotated[str, Named(flag="--address", env="S3FRONT_ADDRESS")] = Field(
        default="127.0.0.1:9000",
        description="Where to listen: host:port. `:9000` is all interfaces, port 0 a free one.",
    )
    workers: Annotated[int, Named(flag="--workers", env="S3FRONT_WORKERS")] = Field(
        default=1, ge=1, le=256, description="Worker processes that share the port."
    )
    domains: Annotated[
        Texts, Named(flag="--domain", env="S3FRONT_DOMAIN", minio="MINIO_DOMAIN", many=True)
    ] = Field(
        default=("s3.localhost", "localhost"),
        description="Base domains of virtual-host addresses: `bucket.<domain>`.",
    )
    public_url: Annotated[
        Texts,
        Named(flag="--public-url", env="S3FRONT_PUBLIC_URL", minio="MINIO_SERVER_URL", many=True),
    ] = Field(default=(), description="URLs by which clients reach this server through a proxy.")
    trusted_proxies: Annotated[
        Texts, Named(flag="--trusted-proxies", env="S3FRONT_TRUSTED_PROXIES", many=True)
    ] = Field(
        default=(), description="Networks of proxies whose X-Forwarded-* headers are believed."
    )
    region: Annotated[str, Named(flag="--region", env="S3FRONT_REGION")] = Field(
        default="us-east-1", description="Region of new buckets; requests may name any."
    )
    durability: Annotated[
        Literal["full", "relaxed"], Named(flag="--durability", env="S3FRONT_DURABILITY")
    ] = Field(
        default="full",
        description="`full`: a write is on the medium before it is acknowledged. `relaxed`: no "
        "fsync; a power cut may lose the last writes.",
    )
    watch: Annotated[bool, Named(flag="--watch", env="S3FRONT_WATCH")] = Field(
        default=True,
        description="Whether files that others put, change or remove in the buckets' folders become, "
        "change or remove objects. `false`: such files are left alone.",
    )
    walk_seconds: Annotated[float, Named(flag="--walk-seconds", env="S3FRONT_WALK_SECONDS")] = (
        Field(
            default=300.0,
            ge=1,
            le=86_400,
            description="How often all files are compared with the catalog where the system cannot tell "
            "of every change; else once a day.",
        )
    )
    poll_seconds: Annotated[float, Named(flag="--poll-seconds", env="S3FRONT_POLL_SECONDS")] = (
        Field(
            default=300.0,
            ge=0,
            le=86_400,
            description="How often storages behind a network are listed and compared with the catalog, to "
            "find what others did there. 0: never.",
        )
    )
    missing_limit: Annotated[int, Named(flag="--missing-limit", env="S3FRONT_MISSING_LIMIT")] = (
        Field(
            default=1000,
            ge=0,
            description="How many objects of a bucket may lose their files within an hour before that is "
            "taken for a mistake: none is then marked missing, and the log says so.",
        )
    )
    missing_share: Annotated[float, Named(flag="--missing-share", env="S3FRONT_MISSING_SHARE")] = (
        Field(
            default=0.2,
            ge=0,
            le=1,
            description="Share of a bucket's objects up to which `missing_limit` may be passed.",
        )
    )
    scrub: Annotated[bool, Named(flag="--scrub", env="S3FRONT_SCRUB")] = Field(
        default=True,
        description="Whether all that is stored is read, slowly, and compared with its digests; what "
        "differs is logged, counted in the metrics and told by `s3front check`.",
    )
    scrub_rate: Annotated[int, Named(flag="--scrub-rate", env="S3FRONT_SCRUB_RATE")] = Field(
        default=16_777_216,
        ge=65_536,
        le=2**40,
        description="Bytes a second that the scrub reads on average.",
    )
    scrub_days: Annotated[float, Named(flag="--scrub-days", env="S3FRONT_SCRUB_DAYS")] = Field(
        default=30.0,
        gt=0,
        le=3650,
        description="Days from the start of a scrub to that of the next.",
    )
    verify_reads: Annotated[bool, Named(flag="--verify-reads", env="S3FRONT_VERIFY_READS")] = Field(
        default=False,
        description="Whether a GET of a whole object compares the bytes with their digest as they "
        "are sent, and cuts the connection rather than end well if they differ.",
    )
    fail_fast: Annotated[bool, Named(flag="--fail-fast", env="S3FRONT_FAIL_FAST")] = Field(
        default=False,
        description="Whether a storage behind a network that cannot be used, or fails its trial, ends "
        "the start (exit code 3). `false`: it is tried again until it can be; its buckets answer 503.",
    )
    log_format: Annotated[
        Literal["auto", "text", "json", "off"],
        Named(flag="--log-format", env="S3FRONT_LOG_FORMAT", reloadable=True),
    ] = Field(
        default="auto",
        description="`text` or `json`; `auto`: text on a terminal, JSON otherwise. `off`: no access "
        "log.",
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Named(flag="--log-level", env="S3FRONT_LOG_LEVEL", reloadable=True),
    ] = Field(
        default="info",
        description="Least severity of what is logged: `debug`, `info`, `warning` or `error`.",
    )
    tls_cert: Annotated[
        str | None, Named(flag="--tls-cert", env="S3FRONT_TLS_CERT", reloadable=True)
    ] = Field(
        default=None,
        description="Certificate chain in PEM; with it the port speaks TLS. Reloaded when it changes.",
    )
    tls_key: Annotated[
        str | None, Named(flag="--tls-key", env="S3FRONT_TLS_KEY", reloadable=True)
    ] = Field(default=None, description="Private key of the certificate in PEM.")
    metrics_address: Annotated[
        str | None, Named(flag="--metrics-address", env="S3FRONT_METRICS_ADDRESS")
    ] = Field(
        default=None,
        description="Where Prometheus finds the metrics, for example `127.0.0.1:9100`; off without it.",
    )
    drain_seconds: Annotated[
        float, Named(flag="--drain-seconds", env="S3FRONT_DRAIN_SECONDS", reloadable=True)
    ] = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="How long requests in flight may take to finish after SIGTERM.",
    )
    snapshot_seconds: Annotated[
        float, Named(flag="--snapshot-seconds", env="S3FRONT_SNAPSHOT_SECONDS")
    ] = Field(
        default=3600.0,
        ge=0,
        le=31 * 86_400,
        description="How often the catalog is copied to `.s3front/snapshots` of the default storage, "
        "if it has changed; the last two are kept. 0: never.",
    )
    catalog: Annotated[str | None, Named(flag="--catalog", env="S3FRONT_CATALOG")] = Field(
        default=None,
        description="Where the catalog is: `sqlite:///path/catalog.db`. Without it "
        "`.s3front/catalog.db` in the root of the default storage.",
    )
    default_storage: Annotated[
        str | None, Named(flag="--default-storage", env="S3FRONT_DEFAULT_STORAGE")
    ] = Field(default=None, description="Storage of new buckets; needed if there are several.")
    storages: Annotated[
        dict[str, StorageSettings], Named(env="S3FRONT_STORAGES__<NAME>__<OPTION>")
    ] = Field(default_factory=dict, description="Where the bytes are, by name: `[storages.disk]`.")
    buckets: Annotated[
        tuple[BucketSettings, ...],
        BeforeValidator(split),
        Named(flag="--buckets", env="S3FRONT_BUCKETS", many=True),
    ] = Field(
        default=(), description="Buckets created at start: `raw,site`, `[[buckets]]` in the file."
    )
    root_access_key: Annotated[
        str | None, Named(env="S3FRONT_ROOT_ACCESS_KEY", minio="MINIO_ROOT_USER")
    ] = Field(
        default=None,
        description="Access key of the owner; generated and kept if not given.",
    )
    root_secret_key: Annotated[
        SecretStr | None, Named(env="S3FRONT_ROOT_SECRET_KEY", minio="MINIO_ROOT_PASSWORD")
    ] = Field(default=None, description="Secret key of the owner, at least 8 characters.")

    @property
    def listen(self) -> Address:
        return parse_address(self.address)

    @property
    def metrics_listen(self) -> Address | None:
        return None if self.metrics_address is None else parse_address(self.metrics_address)

    @property
    def home(self) -> str:
        """Name of the default storage, whether it was named or is the only one."""
        return self.default_storage or next(iter(self.served))

    @property
    def mirrors(self) -> Mapping[str, MirrorSettings]:
        """Storages that are made of others, by name."""
        return mirrors_of(self.storages)

    @property
    def served(self) -> Sequence[str]:
        """Names of the storages that buckets may be on: all but those that are members of another."""
        members = {name for mirror in self.mirrors.values() for name in mirror.storages}
        return [name for name in self.storages if name not in members]

    @field_validator("address", "metrics_address")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return str(parse_address(value))
        except ValueError as error:
            raise refusal(
                f"{value!r} is no address: {error}.",
                "Write host:port, for example 127.0.0.1:9000, or :9000 for all interfaces.",
            ) from None

    @field_validator("domains")
    @classmethod
    def _domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        domains = tuple(domain.lower().rstrip(".") for domain in value)
        for domain in domains:
            if not _HOST.fullmatch(domain) or is_ip(domain):
                raise refusal(
                    f"{domain!r} is no domain name.",
                    "Write a host name only, without scheme, port or `*.`: s3.example.com.",
                )
        return domains

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            if not _is_http_url(url):
                raise refusal(
                    f"{url!r} is no public URL.",
                    "Write scheme, host and if need be port and path: https://s3.example.com.",
                )
        return tuple(url.rstrip("/") for url in value)

    @field_validator("trusted_proxies")
    @classmethod
    def _trusted_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        networks = []
        for text in value:
            try:
                networks.append(str(ipaddress.ip_network(text, strict=False)))
            except ValueError:
                raise refusal(
                    f"{text!r} is no IP address or network.",
                    "Write addresses like 10.0.0.7 or networks like 10.0.0.0/8.",
                ) from None
        return tuple(networks)

    @field_validator("region")
    @classmethod
    def _region(cls, value: str) -> str:
        if not _REGION.fullmatch(value):
            raise refusal(
                f"{value!r} is no region.", "Use lower-case letters, digits and hyphens: eu-west-1."
            )
        return value

    @field_validator("catalog")
    @classmethod
    def _catalog(cls, value: str | None) -> str | None:
        if value is None:
            return None
        scheme, colon, rest = value.partition(":")
        if colon and scheme != "sqlite":
            raise refusal(
                f"there is no catalog of kind {scheme!r}.",
                "Use a file: sqlite:///var/lib/s3front/catalog.db.",
            )
        path = rest.removeprefix("//") if colon else value
        if not path.startswith("/") or path.endswith("/"):
            raise refusal(
                f"{value!r} names no file.",
                "Use an absolute path: sqlite:///var/lib/s3front/catalog.db.",
            )
        return path

    @field_validator("storages")
    @classmethod
    def _storage_names(cls, value: dict[str, StorageSettings]) -> dict[str, StorageSettings]:
        for name in value:
            if not _STORAGE.fullmatch(name):
                raise refusal(
                    f"{name!r} is no name for a storage.",
                    "Use lower-case letters, digits, hyphens and underscores.",
                )
        return value

    @field_validator("root_access_key")
    @classmethod
    def _root_access_key(cls, value: str | None) -> str | None:
        if value is not None and not _ACCESS_KEY.fullmatch(value):
            raise refusal(
                "it is no usable access key.",
                "Use 3 to 128 printable ASCII characters without blank, comma, slash and equals "
                "sign.",
            )
        return value

    @field_validator("root_secret_key")
    @classmethod
    def _root_secret_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            text = value.get_secret_value()
            if not 8 <= len(text) <= 256 or text != text.strip() or not text.isprintable():
                raise refusal(
                    "it is no usable secret key.",
                    "Use 8 to 256 characters without blanks or line ends around them.",
                )
        return value

    @model_validator(mode="after")
    def _agree(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise refusal(
                "it is missing, the other half is given.",
                "TLS needs both --tls-cert and --tls-key.",
                key="tls_key" if self.tls_key is None else "tls_cert",
            )
        if (self.root_access_key is None) != (self.root_secret_key is None):
            raise refusal(
                "it is missing, the other half is given.",
                "Set both S3FRONT_ROOT_ACCESS_KEY and S3FRONT_ROOT_SECRET_KEY, or neither.",
                key="root_access_key" if self.root_access_key is None else "root_secret_key",
            )
        self._check_storages()
        return self

    def _check_storages(self) -> None:
        served = self.served
        names = ", ".join(sorted(served))
        if not self.storages:
            raise refusal(
                "none is configured.", "Add [storages.disk] with type and root.", key="storages"
            )
        if self.default_storage is None and len(served) > 1:
            raise refusal(
                "it is missing and there are several storages.",
                f"Name one of: {names}.",
                key="default_storage",
            )
        if self.default_storage is not None and self.default_storage not in served:
            raise refusal(
                f"there is no storage {self.default_storage!r}{self._as_a_whole}.",
                f"Name one of: {names}.",
                key="default_storage",
            )
        for bucket in self.buckets:
            if bucket.storage is not None and bucket.storage not in served:
                raise refusal(
                    f"there is no storage {bucket.storage!r} for bucket {bucket.name!r}"
                    f"{self._as_a_whole}.",
                    f"Name one of: {names}.",
                    key="buckets",
                )
        self._check_roots()
        self._check_caches()
        in_memory = [name for name, one in self.storages.items() if one.type == "memory"]
        if in_memory and self.workers > 1:
            raise refusal(
                f"storage {in_memory[0]!r} is in memory, which processes do not share.",
                "Use --workers 1, or storages of another type.",
                key="workers",
            )

    @property
    def _as_a_whole(self) -> str:
        return " that is not a member of another" if self.mirrors else ""

    def _check_roots(self) -> None:
        """Two storages that share files would each take the other's for its own."""
        roots = [
            (name, PurePath(normpath(str(storage.options["root"]))))
            for name, storage in self.storages.items()
            if "root" in storage.options
        ]
        for name, root in roots:
            for other, above in roots:
                if name != other and root.is_relative_to(above):
                    raise refusal(
                        f"the root of {name!r} lies in that of {other!r}.",
                        "Give each storage a directory of its own.",
                        key="storages",
                    )

    def _check_caches(self) -> None:
        """What is cached is no object, and no other storage's."""
        taken: dict[PurePath, str] = {}
        for name, storage in self.storages.items():
            if storage.cache_directory is None:
                continue
            directory = PurePath(normpath(storage.cache_directory))
            other = taken.setdefault(directory, name)
            if other != name:
                raise refusal(
                    f"{other!r} and {name!r} have one cache_directory.",
                    "Give each cache a directory of its own.",
                    key="storages",
                )
            for owner, of in self.storages.items():
                root = PurePath(normpath(str(of.options.get("root", "/dev/null"))))
                if _is_served(directory, root):
                    raise refusal(
                        f"the cache of {name!r} lies among the objects of {owner!r}.",
                        f"Put it elsewhere, or below {root / RESERVED / 'cache'}.",
                        key="storages",
                    )


def _is_served(directory: PurePath, root: PurePath) -> bool:
    """Whether what is in the directory would be in the storage of that root."""
    return directory.is_relative_to(root) and not directory.is_relative_to(
        root / RESERVED / "cache"
    )


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port_is_legal = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and port_is_legal
        and not parts.query
        and not parts.fragment
        and parts.username is None
        and not any(character.isspace() for character in url)
    )


def named(field: str) -> Named:
    """How the setting of that field is called."""
    for item in Settings.model_fields[field].metadata:
        if isinstance(item, Named):
            return item
    raise KeyError(field)


def in_order() -> list[str]:
    """Names of all settings, the limits last."""
    return sorted(Settings.model_fields, key=lambda name: name in LimitSettings.model_fields)
