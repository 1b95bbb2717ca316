"""The storages every behaviour test runs on, and small words for what the tests do with them."""

import os
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from backends.interface import Can, Content, Fingerprint, Limits, Storage, Stored
from backends.layers.caching import Caching
from backends.layers.limiting import Limiting
from backends.layers.metering import Metering
from backends.layers.prefixing import Prefixed
from backends.layers.retrying import Retrying
from backends.layers.timing import Timing
from backends.layers.unstaged import Unstaged
from backends.local import opened, probing
from backends.local.opening import open_components
from backends.local.storage import LocalStorage
from backends.memory import MemoryStorage
from backends.remote_memory import AS_S3, AS_WEBDAV, S3_LIMITS, RemoteMemoryStorage
from tests.backends.mirror.members import dying, flapping, memories, mirror_of
from tests.backends.s3 import live
from tests.backends.s3.moto_server import moto_storage
from tests.backends.webdav.serving import webdav_storage

CACHE_SIZE = 64 * 1024 * 1024
NewStorage = Callable[[], AbstractAsyncContextManager[Storage]]
Make = Callable[[Path, pytest.MonkeyPatch], Storage]


def make_plain_local(root: Path, patch: pytest.MonkeyPatch) -> Storage:
    """As on a system without openat2, extended attributes, exact times and copy_file_range, not
    durable."""
    patch.setattr(opened, "best_open", lambda _: open_components)
    patch.setattr(probing, "_extended", lambda _: False)
    patch.setattr(probing, "_exact_times", lambda _: False)
    patch.delattr(os, "copy_file_range", raising=False)
    storage = LocalStorage(root=root, durable=False)
    storage.can &= ~Can.KERNEL_COPY
    return storage


MAKE: dict[str, Make] = {
    "memory": lambda _root, _patch: MemoryStorage(),
    "memory-as-s3": lambda _root, _patch: RemoteMemoryStorage(AS_S3, S3_LIMITS),
    "memory-as-webdav": lambda _root, _patch: RemoteMemoryStorage(AS_WEBDAV, Limits()),
    "local": lambda root, _patch: LocalStorage(root=root),
    "plain-local": make_plain_local,
    "s3": lambda _root, _patch: moto_storage(prefix="shared/bucket"),
    "webdav-apache": lambda _root, _patch: webdav_storage("apache"),
    "webdav-lighttpd": lambda _root, _patch: webdav_storage("lighttpd"),
    "webdav-nextcloud": lambda _root, _patch: webdav_storage("nextcloud"),
    "webdav-nginx": lambda _root, _patch: webdav_storage("nginx"),
    "webdav-rclone": lambda _root, _patch: webdav_storage("rclone"),
    "webdav-sabre": lambda _root, _patch: webdav_storage("sabre"),
    "webdav-wsgidav": lambda _root, _patch: webdav_storage("wsgidav"),
}


def make_layered(can: Can, limits: Limits) -> Storage:
    """All layers, as their package says they follow each other."""
    inner = Prefixed(RemoteMemoryStorage(can, limits), "team/files")
    return Metering(Retrying(Timing(Limiting(inner))), lambda _verb, _seconds, _outcome: None)


class Rereading(Caching):
    """Reads everything a second time, from the cache if it is there."""

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        if only_if is None:
            content = await super().read(path, first=first, last=last)
            only_if = content.stored.fingerprint
            await content.aclose()
        await drained(await super().read(path, first=first, last=last, only_if=only_if))
        await self.cache.settled()
        return await super().read(path, first=first, last=last, only_if=only_if)


def over_memory(layer: Callable[[Storage], Storage]) -> Make:
    """One layer alone."""
    return lambda _root, _patch: layer(RemoteMemoryStorage(AS_S3, S3_LIMITS))


MAKE |= {
    "layers-as-s3": lambda _root, _patch: make_layered(AS_S3, S3_LIMITS),
    "layers-as-webdav": lambda _root, _patch: make_layered(AS_WEBDAV, Limits()),
    "limiting": over_memory(lambda inner: Limiting(inner, readings=1, writings=1, bodies=8)),
    "metering": over_memory(lambda inner: Metering(inner, lambda _verb, _s, _outcome: None)),
    "prefixed": over_memory(lambda inner: Prefixed(inner, "team")),
    "retrying": over_memory(Retrying),
    "timing": over_memory(Timing),
    "caching-as-s3": lambda root, _patch: Rereading(
        RemoteMemoryStorage(AS_S3, S3_LIMITS), root, CACHE_SIZE
    ),
    "caching-as-webdav": lambda root, _patch: Rereading(
        RemoteMemoryStorage(AS_WEBDAV, Limits()), root, CACHE_SIZE
    ),
    "caching-s3": lambda root, _patch: Rereading(moto_storage(prefix="cached"), root, CACHE_SIZE),
    "unstaged": lambda _root, _patch: Unstaged(MemoryStorage()),
    "unstaged-local": lambda root, _patch: Unstaged(LocalStorage(root=root)),
}


def make_cached_mirror(root: Path, _patch: pytest.MonkeyPatch) -> Storage:
    mirror = mirror_of(memories(AS_S3, S3_LIMITS))
    cached = Rereading(mirror, root, CACHE_SIZE)
    mirror.declared = cached.declare_anew
    return cached


MAKE |= {
    "mirror-as-s3": lambda _root, _patch: mirror_of(memories(AS_S3, S3_LIMITS)),
    "mirror-as-webdav": lambda _root, _patch: mirror_of(memories(AS_WEBDAV, Limits())),
    "mirror-of-all": lambda _root, _patch: mirror_of(memories(AS_S3, S3_LIMITS), quorum="all"),
    "mirror-without-copies": lambda _root, _patch: mirror_of(
        memories(AS_S3, S3_LIMITS), copies=False
    ),
    "mirror-first-dead": lambda _root, _patch: dying("nas", AS_S3, S3_LIMITS),
    "mirror-last-dead": lambda _root, _patch: dying("cloud", AS_S3, S3_LIMITS),
    "mirror-cached": make_cached_mirror,
    "mirror-flapping": lambda _root, _patch: flapping(AS_S3, S3_LIMITS),
    "mirror-of-files": lambda root, _patch: mirror_of(
        {"nas": Unstaged(LocalStorage(root=root)), "cloud": RemoteMemoryStorage(AS_S3, S3_LIMITS)}
    ),
}

CANNOT_HOLD: dict[str, Collection[str]] = {
    "webdav-nextcloud": {'a\\b:*?"<>|', " a /.. /...", "x" * 255},
    "webdav-nginx": {".s3front/k", " a /.. /..."},
    "webdav-wsgidav": {'a\\b:*?"<>|'},
}
"""Keys of these tests that one storage cannot hold, though others can."""

if live.SETTINGS is not None:
    MAKE["s3-live"] = lambda _root, _patch: live.live_storage()
    CANNOT_HOLD["s3-live"] = {" a /.. /..."} if live.live_profile() == "minio" else set()


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def drained(content: Content) -> bytes:
    """All bytes of an open reading, which is closed."""
    try:
        return b"".join([piece async for piece in content.chunks()])
    finally:
        await content.aclose()


async def bytes_at(storage: Storage, path: str) -> bytes:
    return await drained(await storage.read(path))


async def sealed(storage: Storage, name: str, data: bytes, about: bytes = b"about") -> Fingerprint:
    """Stage and seal ``data`` under ``name``."""
    staged = storage.stage(name)
    await staged.write(data)
    return await staged.seal(lambda _: about, size=len(data))


async def paths(storage: Storage, prefix: str = "", after: str = "") -> list[str]:
    return [stored.path async for stored in storage.list(prefix, after=after)]


def as_stored(path: str) -> Stored:
    """Something that is stored under a path."""
    of = Fingerprint(size=4, stamp="some")
    return Stored(path=path, fingerprint=of, modified_ns=1)


def known(stored: Stored) -> tuple[str, Fingerprint]:
    """What a verb and a later look tell alike. The time may differ: some services tell that of
    their answer."""
    return stored.path, stored.fingerprint
