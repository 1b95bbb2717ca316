"""The storages of the settings, made for whoever opens them."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from backends import registry
from backends.interface import Can, Storage
from backends.layers.around import Around
from gateway.server.directories import catalog_of
from gateway.server.failure import Exit, StartError
from gateway.settings.model import Settings

if TYPE_CHECKING:
    from backends.mirror.storage import Mirror

_log = structlog.get_logger("s3front.storages")
_AT_ONCE = 256
"""Of a storage: asked at once to read, as many to write; and bodies on their way at once, either way, however
slow their clients. Each of these has a connection, and all together fewer than a client has."""

_MEMBER_S = 20.0
"""How long a member of a mirror is waited for."""

Observe = Callable[[str, str, float, str], None]
"""Storage, verb, seconds, outcome: see ``backends.layers.metering``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caches:
    """Where those storages have their caches that do not say it themselves, below ``home``; ``count`` is told
    of what they do: storage, event, number, see ``backends.cache.events``."""

    home: Path
    count: Callable[[str, str, int], None] = lambda _storage, _event, _number: None


def storages_of(
    settings: Settings,
    observe: Observe | None = None,
    catalog: Path | None = None,
    process: str = "",
    caches: Caches | None = None,
) -> dict[str, Storage]:
    """Those that buckets may be on, each by its name, not yet open. Raises StartError.

    Those behind a network are asked again where that is safe, not waited for without end, and not asked
    too much at once. ``observe`` is told of what they do. What a mirror knows lies beside the ``catalog``,
    where ``process``, or the command that this is, notes what it is doing. None has a cache without ``caches``.
    """
    mirrors = settings.mirrors
    storages: dict[str, Storage] = {}
    for name in settings.served:
        if name in mirrors:
            members = {
                one: _layered(one, _made(settings, one), observe, member=True)
                for one in mirrors[name].storages
            }
            mirror = _mirror(settings, name, members, catalog, process)
            cached = storages[name] = _cached(settings, name, mirror, caches)
            if isinstance(cached, Around):
                mirror.declared = cached.declare_anew
        else:
            layered = _layered(name, _made(settings, name), observe)
            storages[name] = _cached(settings, name, layered, caches)
    return storages


def refusals(settings: Settings) -> Iterator[str]:
    """Why the server would not start with the storages of these settings, each with cause and fix. Nothing
    is opened or connected to."""
    for name in settings.storages:
        if name not in settings.mirrors:
            try:
                _made(settings, name)
            except StartError as error:
                yield str(error)
    if settings.storages[settings.home].type != "memory":
        try:
            catalog_of(settings, purpose="serve")
        except StartError as error:
            yield str(error)


def _mirror(
    settings: Settings,
    name: str,
    members: dict[str, Storage],
    catalog: Path | None,
    process: str,
) -> "Mirror":
    catalog = catalog or catalog_of(settings, purpose="mirror")
    from backends.mirror.storage import Mirror  # noqa: PLC0415 - most servers have none
    from gateway.catalog.sqlite.mirrors import SqliteMirrorLedger  # noqa: PLC0415

    how = settings.mirrors[name]
    ledger = SqliteMirrorLedger(
        catalog.with_name(f"mirror-{name}.db"),
        process=process or f"command-{os.getpid()}",
        durable=settings.durability == "full",
    )
    return Mirror(members, ledger, quorum=how.quorum, copies=how.copies, refill=how.refill)


def _made(settings: Settings, name: str) -> Storage:
    storage = settings.storages[name]
    options = dict(storage.options)
    if "durability" in registry.BACKENDS[storage.type].may:
        options.setdefault("durability", settings.durability)
    try:
        return registry.construct(storage.type, options)
    except ValueError as error:
        raise StartError(
            f"storages.{name}: {error}. Correct its settings.", exit=Exit.BAD_CONFIGURATION
        ) from None


def _cached(settings: Settings, name: str, storage: Storage, caches: Caches | None) -> Storage:
    """Outside of all other layers: what is at hand is neither counted nor timed as the storage's."""
    of = settings.storages[name]
    if caches is None or of.cache_size is None:
        return storage
    if Can.STAGE in storage.can:
        raise StartError(
            f"storages.{name}: it is not behind a network, and has no cache. Remove cache_size.",
            exit=Exit.BAD_CONFIGURATION,
        )
    from backends.layers.caching import Caching  # noqa: PLC0415 - as below

    return Caching(
        storage,
        Path(of.cache_directory) if of.cache_directory else caches.home / name,
        of.cache_size,
        name=name,
        count=lambda event, number: caches.count(name, event, number),
        complain=lambda cause: _log.error(
            "a cache cannot be used, what is read is not kept", storage=name, cause=cause
        ),
    )


def _layered(
    name: str, storage: Storage, observe: Observe | None, *, member: bool = False
) -> Storage:
    if Can.STAGE in storage.can:
        return _unstaged(storage) if member else storage
    from backends.layers.limiting import Limiting  # noqa: PLC0415 - a server of files needs none
    from backends.layers.metering import Metering  # noqa: PLC0415
    from backends.layers.retrying import Patience, Retrying  # noqa: PLC0415
    from backends.layers.timing import Timing  # noqa: PLC0415

    limited = Limiting(storage, readings=_AT_ONCE, writings=_AT_ONCE, bodies=_AT_ONCE)
    layered = Retrying(Timing(limited))
    if member:  # there is another one
        layered = Retrying(Timing(limited, _MEMBER_S), Patience(attempts=2, within_s=_MEMBER_S))
    if observe is None:
        return layered
    return Metering(layered, lambda verb, seconds, outcome: observe(name, verb, seconds, outcome))


def _unstaged(storage: Storage) -> Storage:
    from backends.layers.unstaged import Unstaged  # noqa: PLC0415 - as above

    return Unstaged(storage)
