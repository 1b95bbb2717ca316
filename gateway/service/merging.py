"""Listings of a bucket of which not everything is known: what we know beside what the storage lists.

Two sequences in order are read side by side, each no further than the page needs. A row wins for its key,
wherever its bytes are. Of what the storage lists nothing counts that is ours: being written or cleared
now, or at any moment since the listing was begun.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from backends.interface import Stored
from gateway.catalog.records import Bucket, Entry, Page, Version
from gateway.service.context import Services
from gateway.service.finding import etag_of
from gateway.service.looking import Looking, is_an_object, looking

_LAST = "\U0010ffff"
"""Behind a common prefix: at the end of all that it hides, or nearly so."""
_PASSED_OVER = 1_000
"""Names under a common prefix that are read on before the listing is begun anew behind it: no more
than storages give at once."""


async def listed(
    services: Services, bucket: Bucket, *, prefix: str, delimiter: str, after: str, limit: int
) -> Page:
    """As ``Catalog.list``, of all that is in the bucket. StorageError if the storage must be asked and
    cannot be."""
    look = None if bucket.indexed else looking(services, bucket)
    if look is None or limit <= 0:
        return await services.catalog.list(
            bucket, prefix=prefix, delimiter=delimiter, after=after, limit=limit
        )
    return await Merging(look, bucket, prefix, delimiter, after).page(limit)


@dataclass(slots=True)
class Merging:
    """One page of such a listing."""

    look: Looking
    bucket: Bucket
    prefix: str
    delimiter: str
    after: str
    _known: set[str] = field(default_factory=set)
    """Keys and common prefixes that rows give."""

    async def page(self, limit: int) -> Page:
        """Up to ``limit`` keys and common prefixes."""
        rows = await self.look.catalog.list(
            self.bucket,
            prefix=self.prefix,
            delimiter=self.delimiter,
            after=self.after,
            limit=limit,
        )
        known = rows.items
        self._known = {_name(item) for item in known}
        found: list[Entry | str] = []
        position = 0
        async with aclosing(self._there()) as there:
            item = await anext(there, None)
            while len(found) < limit and (position < len(known) or item is not None):
                row = known[position] if position < len(known) else None
                if row is None or (item is not None and _name(item) < _name(row)):
                    found += [] if item is None else [item]
                    item = await anext(there, None)
                    continue
                found.append(row)
                position += 1
                if item is not None and _name(item) == _name(row):
                    item = await anext(there, None)
        return Page(
            entries=[one for one in found if not isinstance(one, str)],
            prefixes=[one for one in found if isinstance(one, str)],
            more=rows.more or position < len(known) or item is not None,
        )

    async def _there(self) -> AsyncGenerator[Entry | str, None]:
        """What the storage holds of objects, rolled up, in order."""
        folder, begins = self.bucket.name, len(self.bucket.name) + 1
        common = self._common(self.after) if self.after.startswith(self.prefix) else None
        behind: str | None = self.after if common is None else f"{common}{_LAST}"
        while behind is not None:
            freed = await self.look.catalog.freed()
            files = self.look.storage.list(
                f"{folder}/{self.prefix}",
                after=f"{folder}/{behind}" if behind else "",
                pass_over_closed=True,
            )
            behind, passed = None, 0
            async with aclosing(files):
                async for stored in files:
                    key = stored.path[begins:]
                    if common is not None and key.startswith(common):
                        passed += 1
                        if passed < _PASSED_OVER:
                            continue
                        behind = f"{common}{_LAST}"
                        break
                    entry = await self._entry(key, stored, freed)
                    if entry is None:
                        continue
                    common, passed = self._common(key), 0
                    yield entry if common is None else common

    async def _entry(self, key: str, stored: Stored, freed: int) -> Entry | None:
        """What a listing tells of it, None if it is no object."""
        look, path = self.look, stored.path
        if not is_an_object(look.storage, self.bucket, key):
            return None
        if key not in self._known and (self._common(key) or "") not in self._known:
            standing = await look.catalog.standing(self.bucket, key, path, freed=freed)
            if standing.version is not None:
                return _entry_of(standing.version)
            if standing.owned:
                return None
        return Entry(
            key=key,
            size=stored.fingerprint.size,
            etag=etag_of(look.storage, path, stored.fingerprint),
            modified_ns=max(0, stored.modified_ns),
            storage_class="STANDARD",
        )

    def _common(self, key: str) -> str | None:
        if not self.delimiter:
            return None
        at = key.find(self.delimiter, len(self.prefix))
        return None if at < 0 else key[: at + len(self.delimiter)]


def _name(item: Entry | str) -> str:
    return item if isinstance(item, str) else item.key


def _entry_of(version: Version) -> Entry:
    checksum = version.checksum
    return Entry(
        key=version.key,
        size=version.size,
        etag=version.etag,
        modified_ns=version.modified_ns,
        storage_class=version.storage_class,
        checksum_algorithm=None if checksum is None else checksum.algorithm,
        checksum_type=None if checksum is None else checksum.type,
    )
