"""The bug that the checker must find: a worker that remembers rows another one may have changed."""

import random

from gateway.access.credentials import Credentials
from gateway.catalog.records import Bucket, Version
from gateway.server import build as real
from gateway.settings.model import Settings

_CHANCE = 0.2


def build(settings: Settings, credentials: Credentials, catalog: str, number: int) -> real.S3:
    """The real application; one in five look-ups is answered from this process's memory."""
    application = real.build(settings, credentials, catalog, number)
    rows = application._services.catalog
    look_up = rows.get
    remembered: dict[tuple[int, str], Version | None] = {}

    async def get(bucket: Bucket, key: str) -> Version | None:
        at = bucket.id, key
        if at in remembered and random.random() < _CHANCE:
            return remembered[at]
        version = remembered[at] = await look_up(bucket, key)
        return version

    rows.get = get  # type: ignore[method-assign]
    return application
