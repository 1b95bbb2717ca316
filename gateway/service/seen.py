"""What others get who read a storage without us, as it was a moment ago.

Somebody may have put other bytes under a path since we wrote there, or may answer with other headers
than the row has. Only a look tells, and it costs a round trip: so it holds for some seconds.
"""

import asyncio

from backends.errors import StorageError
from backends.interface import Storage, Stored
from gateway.catalog.records import Version

HOLDS_S = 5.0
_MOST = 10_000


class Seen:
    """The looks of one process."""

    def __init__(self) -> None:
        self._looks: dict[tuple[str, str, int], tuple[float, Stored]] = {}
        """By storage, path and sequence, the oldest first."""

    async def bytes_of(self, storage: Storage, version: Version) -> Stored | None:
        """What is under the path of a version, HOLDS_S seconds ago or later; None unless it was its bytes."""
        location = version.location
        at = location.storage, location.path, version.sequence
        now = asyncio.get_running_loop().time()
        when, stored = self._looks.get(at, (0.0, None))
        if stored is None or now - when > HOLDS_S:
            try:
                stored = await storage.stat(location.path)
            except StorageError:
                return None
            self._looks.pop(at, None)
            self._looks[at] = now, stored
            if len(self._looks) > _MOST:
                del self._looks[next(iter(self._looks))]
        return stored if stored.fingerprint == location.fingerprint else None
