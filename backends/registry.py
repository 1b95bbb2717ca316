"""The only list of backends: type name to constructor."""

import difflib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.interface import Limits, Storage
from backends.trying import Finding, Grade, attempt, trial

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
    make_anew: Callable[[Settings], Storage] | None = None
    """Makes one that takes nothing for known from before, where storages remember something."""
    probe: Callable[[Settings], Awaitable[Sequence[Finding]]] | None = None
    """Tries a storage of these settings, where more can be told than by its verbs."""
    policy: Callable[[Settings], Mapping[str, object]] | None = None
    """What its account must be allowed to do, as the service has it written."""
    of_others: bool = False
    """Made of other storages of the same settings: by whoever has these."""


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
    if backend.of_others:
        raise ValueError(f"a {type} is made of other storages: try those")
    for name in backend.needs:
        if settings.get(name) is None or settings[name] == "":
            raise ValueError(f"a {type} storage needs the setting {name!r}")
    return backend.make(settings)


async def probe(type: str, settings: Settings, *, anew: bool = False) -> Sequence[Finding]:
    """Try whether a storage works as these settings say. ValueError as ``construct``.

    ``anew``: nothing that was found out before is taken for known.
    """
    storage = construct(type, settings)
    backend = BACKENDS[type]
    if backend.probe is not None:
        return await backend.probe(settings)
    if anew and backend.make_anew is not None:
        storage = backend.make_anew(settings)
    opened = await attempt("open it", storage.open)
    if opened.grade is Grade.WRONG:
        return [opened]
    try:
        found = [opened]
        if storage.about():
            tried = "find out what it can"
            found.append(Finding(grade=Grade.GOOD, tried=tried, text=storage.about()))
        return [*found, *await trial(storage)]
    finally:
        await storage.aclose()


def policy(type: str, settings: Settings) -> Mapping[str, object] | None:
    """What the account must be allowed to do, as the service has it written; None if it has no such
    thing."""
    find = BACKENDS[type].policy
    return None if find is None else find(settings)


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
    from backends.s3.settings import read_settings  # noqa: PLC0415 - as above
    from backends.s3.storage import S3Storage  # noqa: PLC0415

    return S3Storage(read_settings(settings))


def _webdav(settings: Settings) -> Storage:
    from backends.webdav.settings import webdav_settings  # noqa: PLC0415 - as above
    from backends.webdav.storage import WebDavStorage  # noqa: PLC0415 - as above

    return WebDavStorage(webdav_settings(settings))


def _webdav_anew(settings: Settings) -> Storage:
    from backends.webdav.settings import webdav_settings  # noqa: PLC0415
    from backends.webdav.storage import WebDavStorage  # noqa: PLC0415

    return WebDavStorage(webdav_settings(settings), anew=True)


async def _probe_s3(settings: Settings) -> Sequence[Finding]:
    from backends.s3.probing import probe as probe_s3  # noqa: PLC0415
    from backends.s3.settings import read_settings  # noqa: PLC0415

    return await probe_s3(read_settings(settings))


def _policy_of_s3(settings: Settings) -> Mapping[str, object]:
    from backends.s3.probing import minimum_policy  # noqa: PLC0415
    from backends.s3.settings import read_settings  # noqa: PLC0415

    return minimum_policy(read_settings(settings))


def _of_others(_: Settings) -> Storage:
    raise AssertionError("it is made by whoever has its members")


BACKENDS: Mapping[str, Backend] = {
    "local": Backend(make=_local, needs=("root",), may=("durability",)),
    "memory": Backend(make=_memory, may=("like",)),
    "mirror": Backend(
        make=_of_others,
        needs=("storages",),
        may=("quorum", "copies", "refill"),
        of_others=True,
    ),
    "s3": Backend(make=_s3, needs=S3_NEEDS, may=S3_MAY, probe=_probe_s3, policy=_policy_of_s3),
    "webdav": Backend(
        make=_webdav,
        make_anew=_webdav_anew,
        needs=("endpoint",),
        may=(
            *("username", "password", "token", "prefix", "url", "link_mode", "allow_private"),
            "chunk_size",
        ),
    ),
}
