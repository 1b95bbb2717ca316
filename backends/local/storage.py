"""The verbs of ``backends.interface`` over a directory."""

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

from backends import naming
from backends.bodies import stage_whole
from backends.errors import Damaged, NotFound, Unavailable, Unsupported
from backends.interface import (
    Can,
    Change,
    Content,
    Fingerprint,
    Glance,
    Sight,
    Staged,
    Storage,
    Stored,
)
from backends.local.durability import sync_file_system
from backends.local.faults import translated
from backends.local.opened import Opened
from backends.local.opening import names_in
from backends.local.probing import probe
from backends.local.reading import LocalContent
from backends.local.sighting import examined, glanced
from backends.local.staging import LocalStaged
from backends.local.threads import Pool
from backends.local.walking import Walk
from backends.local.watching import Watcher


class LocalStorage(Storage):
    """A directory. See ``backends.local`` for the layout.

    ``durable``: what ``seal``, ``keep`` and ``write`` return is on the medium (data and
    attributes, names of staged bytes, after ``write`` also the path). ``place`` and ``remove`` are
    not: after a crash bytes may be back under their staged name, or not gone; the catalog's
    recovery repeats both. ``force_removed`` makes removals durable, many at once.

    Coroutines run on one event loop; the sync verbs may be called from any thread and are kept
    apart from each other only by the catalog's lock.
    """

    can = Can.STAGE | Can.PARTS_IN_PLACE | Can.WATCH | Can.REPLICATE
    can |= Can.UNSIZED | Can.TREE | Can.UNIQUE | Can.OUTLIVE
    if hasattr(os, "copy_file_range"):
        can |= Can.KERNEL_COPY

    def __init__(self, *, root: Path, durable: bool = True) -> None:
        self._root = root.absolute()
        self._durable = durable
        self._opened: Opened | None = None

    async def open(self) -> None:
        """Raises Denied, NameRefused or Unavailable with cause and remedy."""
        if self._opened is not None:
            return
        pool = Pool()
        opening = pool.start(_opened, self._root, pool, durable=self._durable)
        try:
            self._opened = await asyncio.shield(opening)
        except BaseException:
            await pool.aclose()
            if opening.done() and opening.exception() is None:  # the wait was cancelled
                await opening.result().aclose()
            raise
        self.limits = self._opened.facts.limits

    async def aclose(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.aclose()

    @property
    def identity(self) -> str:
        """What the storage was called when it was first opened (``.s3front/storage-id``)."""
        return self._held.facts.identity

    @property
    def _held(self) -> Opened:
        if self._opened is None:
            raise Unavailable(f"the storage at {self._root} is not open")
        return self._opened

    @property
    def _use(self) -> Opened:
        opened = self._held
        opened.presence.check()
        return opened

    def check(self) -> None:
        self._use.pool.check_open()

    # The five verbs.

    async def stat(self, path: str) -> Stored:
        naming.segments(path, self.limits)
        use = self._use
        return use.described(use.paths, path)

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        naming.segments(path, self.limits)
        use = self._use
        return use.content(use.paths, path, first=first, last=last, only_if=only_if)

    def read_at_once(
        self, path: str, *, first: int, last: int, only_if: Fingerprint
    ) -> bytes | None:
        naming.segments(path, self.limits)
        held = self._held
        held.pool.check_open()
        return held.at_once.read(path, first=first, last=last, only_if=only_if)

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        if description is not None or headers is not None or create:
            raise Unsupported("descriptions, headers and conditions of a write")
        use = self._use
        naming.segments(path, self.limits)
        name = f"write-{secrets.token_hex(16)}"
        staged = LocalStaged(use.workshop, name, offset=0, exclusive=True)
        try:
            await stage_whole(staged, body, size)
            sealed = await staged.fix(None, size)
            await use.pool.run(use.places.publish, name, path, durable=self._durable)
        except BaseException:
            await staged.discard()
            raise
        return Stored(path=path, fingerprint=sealed, modified_ns=int(sealed.stamp))

    async def delete(self, path: str) -> None:
        naming.segments(path, self.limits)
        use = self._use
        await use.pool.run(use.places.remove, path, only_if=None)

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        use = self._use
        walk = Walk(use.paths, prefix, after, pass_over_closed=pass_over_closed)
        while batch := await use.pool.run(walk.step):
            for stored in batch:
                yield stored

    # Names.

    def claim(self, path: str) -> str:
        return self._held.facts.folding.claim(path)

    def natural(self, bucket: str, key: str) -> str | None:
        path = naming.natural(bucket, key, self.limits)
        return path if path is not None and self._held.facts.folding.exact(path) else None

    # Staging.

    def stage(
        self, name: str, *, offset: int = 0, exclusive: bool = True, size: int | None = None
    ) -> Staged:
        # What is held is written into: whether the path still leads there is asked when it is decided
        # whose bytes these become.
        return LocalStaged(
            self._held.workshop,
            naming.staged_name(name),
            offset=offset,
            exclusive=exclusive,
            size=size,
        )

    async def staged(
        self,
        name: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        use = self._use
        naming.staged_name(name)
        return use.content(use.bench, name, first=first, last=last, only_if=only_if)

    async def replicate(self, source: Content, name: str, description: bytes) -> None:
        if not isinstance(source, LocalContent):
            raise Unsupported("replicas of what is not a local file")
        of = source.stored.fingerprint
        staged = LocalStaged(self._use.workshop, naming.staged_name(name), offset=0, exclusive=True)
        try:
            await staged.copy(source)
            sealed = await staged.fix(lambda _: description, source.length, stamp=int(of.stamp))
        except BaseException:
            await staged.discard()
            raise
        if sealed != of:
            await staged.discard()
            raise Unsupported(
                f"modification times in nanoseconds at {self._root}: {of.stamp} became {sealed.stamp}"
            )

    async def sync(self) -> None:
        use = self._use
        try:
            await use.pool.run(sync_file_system, use.facts.root)
        except OSError as error:
            raise Unavailable(f"sync of {self._root} failed: {error.strerror}") from error

    def staged_names(self) -> Sequence[str]:
        try:
            return sorted(names_in(self._use.facts.staged))
        except OSError as error:
            raise translated(error, "list staged names") from error

    def staged_description(self, name: str) -> bytes | None:
        use = self._use
        try:
            found = use.described(use.bench, naming.staged_name(name))
        except NotFound:
            return None
        if found.description_damaged:
            raise Damaged(f"the description of staged {name!r} is not what was written")
        return found.description

    async def describe(self, path: str, description: bytes, *, only_if: Fingerprint) -> bool:
        naming.segments(path, self.limits)
        use = self._use
        return await use.pool.run(
            use.describe, use.paths, path, description, only_if, durable=self._durable
        )

    # These belong to the catalog's lock.

    def folders(self) -> Sequence[str]:
        return self._use.places.folders()

    def make_folder(self, name: str) -> None:
        self._use.places.make_folder(name)

    def drop_folder(self, name: str) -> None:
        self._use.places.drop_folder(name)

    def prepare(self, path: str) -> bool:
        naming.segments(path, self.limits)
        return self._use.places.prepare(path)

    def place(self, name: str, path: str) -> bool:
        naming.staged_name(name)
        naming.segments(path, self.limits)
        return self._held.places.place(name, path)

    def remove(self, path: str, *, only_if: Fingerprint | None) -> bool:
        naming.segments(path, self.limits)
        return self._use.places.remove(path, only_if=only_if)

    def force_removed(self, paths: Sequence[str]) -> None:
        if self._durable:
            self._use.places.force_removed(paths)

    def drop_staged(self, name: str) -> None:
        self._use.places.drop_staged(naming.staged_name(name))

    # What others do.

    def glance(self, path: str) -> Glance:
        naming.segments(path, self.limits)
        return glanced(self._use.paths, path)

    def glance_staged(self, name: str) -> Glance:
        return glanced(self._use.bench, naming.staged_name(name))

    def examine(self, path: str, *, closed: bool = False) -> Sight:
        naming.segments(path, self.limits)
        use = self._use
        return examined(use.paths, use.attributes, path, closed=closed)

    def certain(self) -> bool:
        return self._use.presence.certain()

    async def changes(self) -> AsyncGenerator[Sequence[Change], None]:
        use = self._use
        watcher = Watcher(use.paths, use.pool)
        try:
            async with aclosing(watcher.changes()) as batches:
                async for batch in batches:
                    yield batch
        finally:
            watcher.close()


def _opened(root: Path, pool: Pool, *, durable: bool) -> Opened:
    return Opened(root, probe(root, durable=durable), pool, durable=durable)
