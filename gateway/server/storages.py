"""The storages of the settings, made for whoever opens them."""

from collections.abc import Callable

from backends import registry
from backends.interface import Can, Storage
from gateway.server.failure import Exit, StartError
from gateway.settings.model import Settings

_AT_ONCE = 256
"""Of a storage. Each upload that a slow client sends is one."""

Observe = Callable[[str, str, float, str], None]
"""Storage, verb, seconds, outcome: see ``backends.layers.metering``."""


def storages_of(settings: Settings, observe: Observe | None = None) -> dict[str, Storage]:
    """Each by its name, not yet open. Raises StartError.

    Those behind a network are asked again where that is safe, not waited for without end, and not asked
    too much at once. ``observe`` is told of what they do.
    """
    return {name: _layered(name, _made(settings, name), observe) for name in settings.storages}


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


def _layered(name: str, storage: Storage, observe: Observe | None) -> Storage:
    if Can.STAGE in storage.can:
        return storage
    from backends.layers.limiting import Limiting  # noqa: PLC0415 - a server of files needs none
    from backends.layers.metering import Metering  # noqa: PLC0415
    from backends.layers.retrying import Retrying  # noqa: PLC0415
    from backends.layers.timing import Timing  # noqa: PLC0415

    layered = Retrying(Timing(Limiting(storage, readings=_AT_ONCE, writings=_AT_ONCE)))
    if observe is None:
        return layered
    return Metering(layered, lambda verb, seconds, outcome: observe(name, verb, seconds, outcome))
