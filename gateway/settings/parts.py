"""The parts of settings: lists, storages, buckets; and how a value is refused."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from backends import registry
from backends.cache.sizes import LEAST

_REACHED_BY_S3 = frozenset({"cos", "kodo", "oss"})
"""Services that have a protocol of their own, too. Each is the name of its profile."""
_HEADER = re.compile(r"[!-~][ -~]{0,255}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def refusal(wrong: str, fix: str, *, key: str = "") -> PydanticCustomError:
    """A validation error that knows its fix and, where the field does not tell it, its key.

    None of the texts may hold a secret.
    """
    return PydanticCustomError("refused", "{wrong}", {"wrong": wrong, "fix": fix, "key": key})


def split(value: object) -> object:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(split)]


class StorageSettings(BaseModel):
    """One configured use of a backend. What else a type takes is in ``options``."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = Field(description="Type of the storage: one of the known backends.")
    cache_size: int | None = Field(
        default=None,
        ge=LEAST,
        le=2**60,
        description="Bytes of a local disk in which what is read of a storage behind a network is kept; "
        "none without it.",
    )
    cache_directory: str | None = Field(
        default=None,
        description="Directory of that cache; without it `.s3front/cache/NAME` in the data directory.",
    )

    @property
    def options(self) -> Mapping[str, Any]:
        """What the type takes, as configured. May hold secrets."""
        return self.model_extra or {}

    def given(self) -> Mapping[str, Any]:
        """All but the type, as configured. May hold secrets."""
        cache = {"cache_size": self.cache_size, "cache_directory": self.cache_directory}
        return {**self.options, **{name: of for name, of in cache.items() if of is not None}}

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [("type", self.type)]

    @field_validator("type")
    @classmethod
    def _known(cls, value: str) -> str:
        known = sorted(registry.BACKENDS)
        if value not in known:
            fix = f"Known types: {', '.join(known)}."
            if value in _REACHED_BY_S3:
                fix = f'Use type = "s3", profile = "{value}" and its S3 endpoint.'
            raise refusal(f"there is no storage type {value!r}.", fix)
        return value

    @model_validator(mode="after")
    def _has_a_cache_or_none(self) -> "StorageSettings":
        if self.cache_directory is not None and self.cache_size is None:
            raise refusal("'cache_size' is missing.", "Say how many bytes the cache may take.")
        if self.cache_size is not None and self.type == "local":
            raise refusal(
                "a storage of type 'local' has no cache.",
                "Remove cache_size and cache_directory.",
            )
        return self

    @model_validator(mode="after")
    def _takes_these(self) -> "StorageSettings":
        backend = registry.BACKENDS[self.type]
        takes = {*backend.needs, *backend.may}
        for name in self.options:
            if name not in takes:
                cache = () if self.type == "local" else ("cache_size", "cache_directory")
                listed = ", ".join(sorted({*takes, *cache})) or "nothing else"
                raise refusal(
                    f"a storage of type {self.type!r} takes no {name!r}.",
                    f"Remove it; besides type it takes: {listed}.",
                )
        for name in backend.needs:
            if not self.options.get(name):
                raise refusal(f"{name!r} is missing.", f"A storage of type {self.type!r} needs it.")
        return self


class BucketSettings(BaseModel):
    """A bucket that is created at start if it is not there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name of the bucket.")
    storage: str | None = Field(
        default=None, description="Storage of its objects; without it the default storage."
    )
    index: Literal["on", "off"] = Field(
        default="on",
        description="Whether what others put there, behind a network, is indexed and polled; off: "
        "listings ask the storage each time.",
    )

    cache_control: str | None = Field(
        default=None, description="Cache-Control of its objects that were stored without one."
    )

    etag: Literal["md5", "crc64nvme"] = Field(
        default="md5",
        description="What the ETags of new objects are made of; `crc64nvme` costs a fraction, for "
        "clients that do not compare them with MD5s.",
    )

    @field_validator("cache_control")
    @classmethod
    def _sendable(cls, value: str | None) -> str | None:
        if value is not None and not _HEADER.fullmatch(value):
            raise refusal(
                "cache_control is no value of a header.",
                'Write directives as they are sent: "public, max-age=86400".',
            )
        return value

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("name")
    @classmethod
    def _legal(cls, value: str) -> str:
        if ":" in value:
            raise refusal(
                f"{value!r} asks for an access rule, which this version does not have.",
                f"Write {value.partition(':')[0]!r}; buckets are private.",
            )
        if not _BUCKET.fullmatch(value) or ".." in value or is_ip(value):
            raise refusal(
                f"{value!r} is no legal bucket name.",
                "Use 3 to 63 lower-case letters, digits, hyphens and dots, starting and ending "
                "with a letter or digit.",
            )
        return value


def is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
