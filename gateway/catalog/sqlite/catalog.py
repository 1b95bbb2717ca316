"""The interface over one SQLite file."""

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import apsw
import structlog
from apsw import Connection

from backends.interface import Fingerprint
from gateway.catalog.errors import CatalogError, CatalogUnavailable
from gateway.catalog.intents import Intent, Removal, Removed, Written
from gateway.catalog.interface import Catalog
from gateway.catalog.outside import (
    Absence,
    Adoption,
    Digested,
    Found,
    Lying,
    MissingLimit,
    Standing,
    Undigested,
)
from gateway.catalog.placing import Placing
from gateway.catalog.records import (
    ALWAYS,
    Bucket,
    Claim,
    Completed,
    Condition,
    Entry,
    Finding,
    Location,
    Page,
    Part,
    Upload,
    Version,
)
from gateway.catalog.sqlite import (
    adopting,
    beginnings,
    buckets,
    checking,
    comparing,
    copying,
    digests,
    intents,
    listing,
    locations,
    missing,
    objects,
    parts,
    uploads,
)
from gateway.catalog.sqlite import findings as finding_rows
from gateway.catalog.sqlite.committer import Committer
from gateway.catalog.sqlite.failures import failure
from gateway.catalog.sqlite.ledger import Ledger, Transaction
from gateway.catalog.sqlite.lock import FairLock
from gateway.catalog.sqlite.opening import Opened, open_files
from gateway.catalog.sqlite.remembering import VersionCache

P = ParamSpec("P")
T = TypeVar("T")

_PAUSES_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Between tries of a read that met another process repairing the WAL after a crash."""

_PAGE = 1_000
_OF_BUCKET = len(buckets.COLUMNS.split(", "))
_log = structlog.get_logger("s3front.catalog")


def _changes(reader: Connection) -> int:
    return int(reader.execute("PRAGMA data_version").get)


class SqliteCatalog(Catalog):
    """One file, used by any number of processes of one machine, by one loop in each."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        placings: Mapping[str, Placing],
        durable: bool,
        process: str = "",
    ) -> None:
        """``path`` in an existing directory that is ours alone; ``placings`` are open before this is.
        ``process``: who removes what it dooms on storages without Can.STAGE; empty: the janitor.

        ``durable``: a write is on the medium when it returns. Else it survives the end of the
        process, not of the machine.
        """
        self._path = Path(path).absolute()
        self._placings = placings
        self._durable = durable
        self._process = process
        self._committer = Committer(self._open_files, waits_for_disk=durable)
        self._reader: Connection | None = None
        self._cache: buckets.BucketCache | None = None
        self._opened: Opened | None = None
        self._versions: VersionCache | None = None
        self._when_doomed: Callable[[], None] | None = None

    async def open(self) -> None:
        """CatalogUnavailable, with cause and fix, if it cannot be used."""
        self._loop = asyncio.get_running_loop()
        await self._committer.start()
        if self._opened is not None:
            self._reader = self._opened.reader
            generation = self._opened.ledger.generation
            self._cache = buckets.BucketCache(generation)
            self._versions = VersionCache(generation)

    async def aclose(self) -> None:
        await self._committer.finish()
        self._cache = self._versions = None
        # Before the writer, which closes in its own thread and, as the last, writes the WAL back.
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        await self._committer.aclose()

    # Buckets

    async def create_bucket(
        self, name: str, *, region: str, storage: str, now_ns: int, indexed: bool = False
    ) -> Bucket:
        return await self._write(buckets.create, name, region, storage, now_ns, indexed=indexed)

    async def set_indexing(self, name: str, *, indexes: bool) -> None:
        await self._write(buckets.set_indexing, name, indexes=indexes)

    async def set_indexed(self, bucket: Bucket) -> None:
        await self._write(buckets.set_indexed, bucket)

    async def delete_bucket(self, name: str) -> None:
        await self._write(buckets.delete, name)

    async def bucket(self, name: str) -> Bucket:
        cache = self._cache
        if cache is None:
            raise CatalogUnavailable("the catalog is not open")
        return await self._read(cache.get, name)

    async def buckets(self, *, prefix: str = "", after: str = "", limit: int) -> Sequence[Bucket]:
        return await self._read(buckets.page, prefix, after, limit)

    # Objects

    async def get(self, bucket: Bucket, key: str) -> Version | None:
        cache = self._versions
        if cache is None:
            raise CatalogUnavailable("the catalog is not open")
        known = cache.known(bucket, key)
        return await self._read(cache.get, bucket, key) if known is None else known

    async def list(
        self,
        bucket: Bucket,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        limit: int,
    ) -> Page:
        return await self._read(
            listing.page, bucket.id, prefix=prefix, delimiter=delimiter, after=after, limit=limit
        )

    async def publish(
        self,
        bucket: Bucket,
        version: Version,
        *,
        only_if: Condition = ALWAYS,
        upload: str | None = None,
        completed: Completed | None = None,
        intent: str | None = None,
    ) -> Version:
        write = self._write_briefly if upload is None else self._write
        return await write(
            objects.publish,
            bucket,
            version,
            only_if=only_if,
            upload=upload,
            completed=completed,
            intent=intent,
        )

    async def remove(self, bucket: Bucket, key: str, *, only_if: Condition = ALWAYS) -> bool:
        return await self._write_briefly(objects.remove, bucket, key, only_if)

    async def set_tags(self, bucket: Bucket, key: str, tags: Sequence[tuple[str, str]]) -> Version:
        return await self._write_briefly(objects.set_tags, bucket, key, tuple(tags))

    async def replace_facts(
        self, bucket: Bucket, version: Version, *, only_if: Condition
    ) -> Version:
        return await self._write_briefly(objects.replace_facts, bucket, version, only_if)

    async def relocate(
        self, bucket: Bucket, key: str, old: Location, new: Location, *, intent: str
    ) -> bool:
        return await self._write(objects.relocate, bucket, key, old=old, new=new, intent=intent)

    # Multipart uploads

    async def start_upload(self, upload: Upload, *, intent: str | None = None) -> None:
        await self._write(uploads.start, upload, intent)

    async def upload(self, bucket: Bucket, key: str, upload_id: str) -> Upload:
        return await self._read(uploads.get, bucket, key, upload_id)

    async def uploads(
        self,
        bucket: Bucket,
        *,
        prefix: str = "",
        delimiter: str = "",
        after_key: str = "",
        after_id: str = "",
        limit: int,
    ) -> tuple[Sequence[Upload | str], bool]:
        return await self._read(
            uploads.page,
            bucket,
            prefix=prefix,
            delimiter=delimiter,
            after=(after_key, after_id),
            limit=limit,
        )

    async def claim_part(self, upload_id: str, number: int, attempt: str, size: int) -> Claim:
        return await self._write(parts.claim, upload_id, number, attempt, size)

    async def put_part(self, upload_id: str, part: Part, *, intent: str | None = None) -> None:
        await self._write(parts.put, upload_id, part, intent)

    async def parts(
        self, upload_id: str, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Part]:
        return await self._read(parts.page, upload_id, after, limit)

    async def begin_complete(self, upload_id: str) -> bool:
        return await self._write(uploads.begin_complete, upload_id)

    async def reopen_upload(self, upload_id: str, *, by: int | None = None) -> None:
        await self._write(uploads.reopen, upload_id, by)

    async def abort_upload(self, bucket: Bucket, key: str, upload_id: str) -> None:
        await self._write(uploads.abort, bucket, key, upload_id)

    async def completed(self, bucket: Bucket, key: str, upload_id: str) -> Completed | None:
        return await self._read(uploads.completed, bucket, key, upload_id)

    # Paths on storages without Can.STAGE

    async def intend(self, bucket: Bucket, key: str, wanted: Intent) -> Intent:
        return await self._write_briefly(intents.intend, bucket, key, wanted)

    async def give_up(
        self,
        name: str,
        *,
        written: Written | None = None,
        unknown: Sequence[str] = (),
        parts: str | None = None,
        begun: bool = False,
    ) -> None:
        if begun:
            await self._write(intents.give_up_begun, name)
        else:
            await self._write(intents.give_up, name, written, tuple(unknown), parts)

    async def may_have_begun(self, storage: str, path: str, *, from_ns: int, to_ns: int) -> bool:
        return await self._read(beginnings.may_be_ours, storage, path, from_ns, to_ns)

    async def forget_begun(self, *, before_ns: int) -> int:
        forgotten = 0
        while True:
            some = await self._write(beginnings.forget, before_ns, _PAGE)
            forgotten += some
            if some < _PAGE:
                return forgotten

    async def note_written(self, upload: str, fingerprint: Fingerprint) -> None:
        await self._write(intents.note_written, upload, fingerprint)

    def when_doomed(self, tell: Callable[[], None]) -> None:
        self._when_doomed = tell

    async def removals(
        self, process: str, *, after: tuple[str, str] = ("", ""), limit: int
    ) -> Sequence[Removal]:
        return await self._read(intents.removals, process, after, limit)

    async def settle_removals(self, outcomes: Sequence[Removed]) -> None:
        await self._write(intents.settle, tuple(outcomes))

    async def writers(self) -> Sequence[str]:
        return await self._read(intents.writers)

    async def abandon(self, process: str) -> None:
        await self._write(intents.abandon, process)

    # Recovery and the janitor

    async def recover(self) -> None:
        await self._write(intents.abandon_all)
        await self._write(uploads.reopen_all)
        await self._write(uploads.abandon_all)
        await self.finish_removals()

    async def finish_removals(self) -> int:
        left, after = 0, ("", "")
        while True:
            next, still = await self._write(locations.finish_removals, after)
            left += still
            if next is None:
                return left
            after = next

    async def stale_uploads(self, *, before_ns: int, limit: int) -> Sequence[tuple[Bucket, Upload]]:
        rows = await self._read(uploads.stale, before_ns, limit)
        return [
            (buckets.bucket_of(row[-_OF_BUCKET:]), uploads.upload_of(row[:-_OF_BUCKET]))
            for row in rows
        ]

    async def forget_completed(self, *, before_ns: int) -> int:
        forgotten = 0
        while True:
            some = await self._write(uploads.forget, before_ns, _PAGE)
            forgotten += some
            if some < _PAGE:
                return forgotten

    async def owner_of_staged(self, storage: str, name: str) -> Version | None:
        return await self._read(objects.owner_of_staged, storage, name)

    async def owner_of_path(self, storage: str, path: str) -> Version | None:
        return await self._read(objects.owner_of_path, storage, path)

    async def doomed(self) -> Sequence[Location]:
        return await self._read(locations.doomed)

    async def place_staged(self, bucket: Bucket, key: str) -> None:
        await self._write(objects.place_staged, bucket, key)

    async def problems(self) -> Sequence[str]:
        return await asyncio.to_thread(checking.problems, self._path)

    async def changes(self) -> int:
        return await self._read(_changes)

    async def snapshot(self, file: str) -> None:
        if self._reader is None:
            raise CatalogUnavailable("the catalog is not open")
        stop = threading.Event()
        copy = asyncio.get_running_loop().run_in_executor(
            None, lambda: copying.copy_online(self._path, Path(file), stopped=stop.is_set)
        )
        try:
            await asyncio.shield(copy)
        except asyncio.CancelledError:
            stop.set()
            with contextlib.suppress(copying.Stopped, OSError, CatalogError):
                await copy
                await asyncio.to_thread(Path(file).unlink, missing_ok=True)
            raise

    async def add_findings(self, findings: Sequence[Finding]) -> None:
        await self._write(finding_rows.add, findings)

    async def clear_findings(self, bucket: str, key: str) -> None:
        await self._write(finding_rows.clear, bucket, key)

    async def findings(
        self, *, after: tuple[str, str, str] = ("", "", ""), limit: int
    ) -> Sequence[Finding]:
        return await self._read(finding_rows.page, after, limit)

    async def forget_void_findings(self) -> None:
        await self._write(finding_rows.forget_void)

    async def note(self, name: str) -> str | None:
        return await self._read(finding_rows.note, name)

    async def set_note(self, name: str, text: str) -> None:
        await self._write(finding_rows.set_note, name, text)

    async def every_entry(self, bucket: Bucket) -> AsyncIterator[Entry]:
        after, more = "", True
        while more:
            page = await self.list(bucket, after=after, limit=_PAGE)
            for entry in map(Entry._make, page.entries):
                yield entry
                after = entry.key
            more = page.more
            await asyncio.sleep(0)

    # What others do

    async def adopt(
        self, bucket: Bucket, found: Sequence[Found], *, now_ns: int
    ) -> Sequence[Adoption]:
        return await self._write(adopting.adopt, bucket, tuple(found), now_ns)

    async def mark_missing(
        self,
        bucket: Bucket,
        keys: Sequence[str],
        *,
        limit: MissingLimit,
        now_ns: int,
        expected: int = 0,
        standings: Mapping[str, Standing] | None = None,
    ) -> Sequence[Absence]:
        return await self._write(
            missing.mark,
            bucket,
            tuple(keys),
            limit=limit,
            now_ns=now_ns,
            expected=expected,
            standings=standings,
        )

    async def standing(
        self, bucket: Bucket, key: str, path: str | None, *, freed: int | None = None
    ) -> Standing:
        placing = self._placings.get(bucket.storage)
        claim = path if path is None or placing is None else placing.claim(path)
        return await self._read(adopting.standing, bucket, key, claim, freed)

    async def is_owned(self, storage: str, path: str) -> bool:
        placing = self._placings.get(storage)
        claim = path if placing is None else placing.claim(path)
        return await self._read(comparing.is_owned, storage, claim, None)

    async def freed(self) -> int:
        return await self._read(comparing.freed)

    async def adopt_bucket(self, name: str, *, region: str, storage: str, now_ns: int) -> bool:
        return await self._write(buckets.adopt, name, region, storage, now_ns)

    async def lying(
        self, bucket: Bucket, *, prefix: str = "", after: str = "", limit: int
    ) -> Sequence[Lying]:
        return await self._read(adopting.lying, bucket, prefix, after, limit)

    async def lying_at(self, bucket: Bucket, keys: Sequence[str]) -> Mapping[str, Lying]:
        return await self._read(adopting.lying_at, bucket, keys)

    async def missing(self, bucket: Bucket, key: str) -> Version | None:
        return await self._read(missing.get, bucket, key)

    async def undigested(
        self, *, after: tuple[int, str] = (0, ""), limit: int
    ) -> Sequence[Undigested]:
        return await self._read(digests.page, after, limit)

    async def settle_digests(self, digested: Sequence[Digested]) -> None:
        await self._write(digests.settle, tuple(digested))

    async def forget_missing(self, *, before_ns: int) -> int:
        forgotten = 0
        while True:
            some = await self._write(missing.forget, before_ns, _PAGE)
            forgotten += some
            if some < _PAGE:
                return forgotten

    # How

    async def _write(
        self,
        work: Callable[Concatenate[Transaction, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        return await self._committer.run(lambda transaction: work(transaction, *args, **kwargs))

    async def _write_briefly(
        self,
        work: Callable[Concatenate[Transaction, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As ``_write``, for what the loop may do itself."""
        return await self._committer.run(
            lambda transaction: work(transaction, *args, **kwargs), brief=True
        )

    async def _read(
        self,
        query: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        for pause in _PAUSES_S:
            reader = self._reader
            if reader is None:
                raise CatalogUnavailable("the catalog is not open")
            try:
                return query(reader, *args, **kwargs)
            except apsw.BusyError:
                await asyncio.sleep(pause)
            except apsw.Error as error:
                raise failure("a read", error) from error
        raise CatalogUnavailable("a read found the catalog busy for too long")

    def _open_files(self) -> tuple[FairLock, Ledger]:
        """In the committer's thread."""
        opened = open_files(
            self._path,
            self._placings,
            durable=self._durable,
            process=self._process,
            tell_doomed=self._tell_doomed,
        )
        self._opened = opened
        return opened.lock, opened.ledger

    def _tell_doomed(self) -> None:
        """In whatever thread has committed."""
        if self._when_doomed is not None:
            self._loop.call_soon_threadsafe(self._when_doomed)
