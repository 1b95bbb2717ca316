"""The storages of the settings, made for whoever opens them."""

from backends import registry
from backends.interface import Can, Storage
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


def served_storages_of(settings: Settings) -> dict[str, Storage]:
    """The same, for who serves buckets on them. Raises StartError."""
    storages = storages_of(settings)
    for name, storage in storages.items():
        if Can.STAGE not in storage.can:
            raise StartError(
                f"storages.{name}: buckets cannot be served on a storage of type"
                f" {settings.storages[name].type} yet. Use a local one.",
                exit=Exit.BAD_CONFIGURATION,
            )
    return storages
