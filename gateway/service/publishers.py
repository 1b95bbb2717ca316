"""Which way a storage publishes."""

from typing import Final

from backends.interface import Can, Storage
from gateway.service.publishing import AnyPublisher
from gateway.service.remote import Remote
from gateway.service.staging import Staging

_STAGING: Final = Staging()
_REMOTE: Final = Remote()


def publisher_of(storage: Storage) -> AnyPublisher:
    """How bytes become objects of that storage."""
    return _STAGING if Can.STAGE in storage.can else _REMOTE
