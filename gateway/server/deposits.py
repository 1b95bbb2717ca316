"""Where snapshots of the catalog are kept, beside those that lie on this machine."""

from backends.interface import Can, Storage
from gateway.jobs.depositing import Deposits
from gateway.settings.model import Settings


def deposits_of(settings: Settings, home: Storage) -> Deposits | None:
    """On the default storage, ``home``; None if that is on this machine itself."""
    if Can.STAGE in home.can:
        return None
    return Deposits(home, secret_of(settings, settings.home))


def secret_of(settings: Settings, name: str) -> str:
    """What a storage behind a network is used with, and others do not know; "" if nothing is. Of a
    mirror: what all its members are."""
    mirror = settings.mirrors.get(name)
    if mirror is not None:
        return "\0".join(secret_of(settings, one) for one in mirror.storages)
    options = settings.storages[name].options
    found = (options.get(one) for one in ("secret_key", "password", "token"))
    return str(next((one for one in found if one), ""))
