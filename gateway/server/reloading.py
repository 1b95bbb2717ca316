"""What of new settings a running server takes over."""

from gateway.settings.model import Settings, named

_OF_THE_PARENT = frozenset(
    {
        "address",
        "workers",
        "metrics_address",
        "catalog",
        "default_storage",
        "storages",
        "buckets",
        "root_access_key",
        "root_secret_key",
    }
)
"""Port, locks, keys and folders are held by the parent and outlive its workers."""

_OF_A_STORAGE = frozenset({"link_mode"})
"""Options of a storage that change nothing of it."""


def taken_over(
    old: Settings, new: Settings, *, by_new_workers: bool = False
) -> tuple[Settings, list[str]]:
    """What a running server uses of new settings, and the names of what needs a restart.

    ``by_new_workers``: its workers are replaced, so that only what is the parent's stays as it was.
    """
    changes: dict[str, object] = {}
    refused = []
    tls_switched = (old.tls_cert is None) != (new.tls_cert is None)
    for name in Settings.model_fields:
        value = getattr(new, name)
        if value == getattr(old, name):
            continue
        if name == "storages" and _plain(old) == _plain(new):
            changes[name] = value
            continue
        can = name not in _OF_THE_PARENT if by_new_workers else named(name).reloadable
        if not can or (tls_switched and name in {"tls_cert", "tls_key"}):
            refused.append(name)
        else:
            changes[name] = value
    return old.model_copy(update=changes), refused


def _plain(settings: Settings) -> dict[str, dict[str, object]]:
    """The storages, without what may change while they are open."""
    return {
        name: {
            "type": storage.type,
            **{key: value for key, value in storage.given().items() if key not in _OF_A_STORAGE},
        }
        for name, storage in settings.storages.items()
    }
