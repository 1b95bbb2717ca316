"""The storages of the settings, made for whoever opens them."""

from backends import registry
from backends.interface import Storage
from gateway.server.failure import Exit, StartError
from gateway.settings.model import Settings


def storages_of(settings: Settings) -> dict[str, Storage]:
    """Each by its name, not yet open. Raises StartError."""
    storages: dict[str, Storage] = {}
    for name, storage in settings.storages.items():
        options = dict(storage.options)
        if "durability" in registry.BACKENDS[storage.type].may:
            options.setdefault("durability", settings.durability)
        try:
            storages[name] = registry.construct(storage.type, options)
        except ValueError as error:
            raise StartError(
                f"storages.{name}: {error}. Correct its settings.", exit=Exit.BAD_CONFIGURATION
            ) from None
    return storages
