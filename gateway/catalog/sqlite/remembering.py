"""The current versions that were looked up last, as long as nothing is committed."""

from apsw import Connection

from gateway.catalog.records import Bucket, Version
from gateway.catalog.sqlite import objects
from gateway.catalog.sqlite.generation import Generation

_MOST = 2_048
"""Versions of 1 to 2 KB, and up to 20 with all the metadata there can be."""


class VersionCache:
    """Versions by key, as true as a look-up: the generation is compared at each question.

    Any commit, in any process, empties it: it is for times and objects that are read only. What is
    not there is not remembered, nor are objects of parts, which may be 10,000.
    """

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._as_of: int | None = None
        self._versions: dict[tuple[int, str], Version] = {}

    def known(self, bucket: Bucket, key: str) -> Version | None:
        """The current version, None if it must be looked up."""
        now = self._generation.of_anything()
        if now is None or now != self._as_of:
            return None
        return self._versions.get((bucket.id, key))

    def get(self, reader: Connection, bucket: Bucket, key: str) -> Version | None:
        """Look the current version up, and remember it. Raises apsw.Error."""
        # Asked before the row is: it is not older than this.
        now = self._generation.of_anything()
        if now != self._as_of:
            self._versions.clear()
            self._as_of = now
        version = objects.get(reader, bucket, key)
        if now is not None and version is not None and not version.parts:
            if len(self._versions) >= _MOST:
                del self._versions[next(iter(self._versions))]
            self._versions[bucket.id, key] = version
        return version
