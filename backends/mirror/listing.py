"""Listings: what the ledger knows, and what others put on the first member."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from backends.errors import StorageError, Unavailable
from backends.interface import RESERVED, Storage, Stored
from backends.mirror.crew import Crew
from backends.mirror.finding import Finding
from backends.mirror.ledger import Entry, State
from backends.mirror.reading import told

_PAGE = 500


class Listing:
    """Of one mirror. What the first member has other bytes of is looked at by ``mirror``."""

    def __init__(self, mirror: Storage, crew: Crew, finding: Finding) -> None:
        self._mirror = mirror
        self._crew = crew
        self._finding = finding

    async def under(
        self, prefix: str, *, after: str, pass_over_closed: bool
    ) -> AsyncGenerator[Stored, None]:
        """As ``Storage.list``."""
        if not _can_begin_a_path(prefix):
            return
        known = self._known(prefix, after)
        others = self._listed(prefix, after, pass_over_closed=pass_over_closed)
        async with aclosing(known), aclosing(others):
            entry, other = await anext(known, None), await anext(others, None)
            while entry is not None or other is not None:
                if entry is not None and (other is None or entry.path <= other.path):
                    is_there = other is not None and other.path == entry.path
                    stored = told(entry)
                    if other is not None and is_there:
                        stored = await self._compared(entry, other) or stored
                        other = await anext(others, None)
                    yield stored
                    entry = await anext(known, None)
                elif other is not None:
                    found = await self._finding.of_others(other.path)
                    if found is not None and found.live:
                        yield told(found)
                    other = await anext(others, None)

    async def _known(self, prefix: str, after: str) -> AsyncGenerator[Entry, None]:
        while page := await self._crew.ledger.entries(prefix, after=after, limit=_PAGE):
            for entry in page:
                yield entry
            after = page[-1].path

    async def _listed(
        self, prefix: str, after: str, *, pass_over_closed: bool
    ) -> AsyncGenerator[Stored, None]:
        """Of the first member, as far as it can be asked."""
        first = self._crew.first
        if prefix.startswith(f"{RESERVED}/") or not first.is_open or not first.admits():
            return
        listed = first.storage.list(prefix, after=after, pass_over_closed=pass_over_closed)
        async with aclosing(listed):
            try:
                async for stored in listed:
                    yield stored
            except Unavailable as error:
                first.failed(error)
                return
        first.succeeded()

    async def _compared(self, entry: Entry, other: Stored) -> Stored | None:
        """What is under a path that the first member lists with other bytes than it is known for."""
        copy = entry.copies.get(self._crew.first.name)
        if copy is None or copy.state is not State.CURRENT or copy.token is not None:
            return None
        if copy.fingerprint == other.fingerprint:
            return None
        try:
            stored = await self._mirror.stat(entry.path)
        except StorageError:
            return None
        return Stored(
            path=stored.path, fingerprint=stored.fingerprint, modified_ns=stored.modified_ns
        )


def _can_begin_a_path(prefix: str) -> bool:
    try:
        prefix.encode()
    except UnicodeEncodeError:
        return False
    return True
