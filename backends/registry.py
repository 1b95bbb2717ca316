"""The only list of backends: type name to constructor."""

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from backends.interface import Limits, Storage

Settings = Mapping[str, object]

S3_NEEDS = ("endpoint", "bucket", "access_key", "secret_key")
S3_MAY = (
    *("region", "session_token", "prefix", "profile", "address_style", "url", "link_mode"),
    "allow_private",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A driver: the settings it needs and may have, and how to make a storage of them."""

    make: Callable[[Settings], Storage]
    needs: Collection[str] = ()
    may: Collection[str] = ()


def construct(type: str, settings: Settings) -> Storage:
    """A storage, not yet opened, of a backend and its settings (without ``type`` itself).

    ValueError, with cause and remedy, for an unknown type or setting, one that is missing, or a
    value that cannot be.
    """
    backend = BACKENDS.get(type)
    if backend is None:
        raise ValueError(f"unknown storage type {type!r}{_nearest(type, BACKENDS)}")
    known = {*backend.needs, *backend.may}
    for name in settings:
        if name not in known:
            raise ValueError(f"a {type} storage has no setting {name!r}{_nearest(name, known)}")
    for name in backend.needs:
        if settings.get(name) is None or settings[name] == "":
            raise ValueError(f"a {type} storage needs the setting {name!r}")
    return backend.make(settings)


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(sorted(known)) or 'none'}"


def _local(settings: Settings) -> Storage:
    root = settings["root"]
    if not isinstance(root, str | Path):
        raise ValueError(f"root is a directory's name, not {root!r}")  # noqa: TRY004 (one error)
    durability = settings.get("durability", "full")
    if durability not in ("full", "relaxed"):
        raise ValueError(f'durability is "full" or "relaxed", not {durability!r}')
    # Who only checks settings, as the parent of the workers, does not import what it never uses.
    from backends.local.storage import LocalStorage  # noqa: PLC0415

    return LocalStorage(root=Path(root).expanduser(), durable=durability == "full")


def _memory(settings: Settings) -> Storage:
    from backends import memory, remote_memory  # noqa: PLC0415 - as above

    match settings.get("like"):
        case None:
            return memory.MemoryStorage()
        case "s3":
            return remote_memory.RemoteMemoryStorage(remote_memory.AS_S3, remote_memory.S3_LIMITS)
        case "webdav":
            return remote_memory.RemoteMemoryStorage(remote_memory.AS_WEBDAV, Limits())
        case like:
            raise ValueError(f'a memory storage is like "s3" or "webdav", not {like!r}')


def _s3(settings: Settings) -> Storage:
    from backends.layers.retrying import Retrying  # noqa: PLC0415 - as above
    from backends.s3.settings import read_settings  # noqa: PLC0415
    from backends.s3.storage import S3Storage  # noqa: PLC0415

    return Retrying(S3Storage(read_settings(settings)))


def _webdav(settings: Settings) -> Storage:
    from backends.webdav.settings import webdav_settings  # noqa: PLC0415 - as above
    from backends.webdav.storage import WebDavStorage  # noqa: PLC0415 - as above

    return WebDavStorage(webdav_settings(settings))


BACKENDS: Mapping[str, Backend] = {
    "local": Backend(make=_local, needs=("root",), may=("durability",)),
    "memory": Backend(make=_memory, may=("like",)),
    "s3": Backend(make=_s3, needs=S3_NEEDS, may=S3_MAY),
    "webdav": Backend(
        make=_webdav,
        needs=("endpoint",),
        may=("username", "password", "token", "prefix", "url", "link_mode", "allow_private"),
    ),
}
