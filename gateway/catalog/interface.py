"""What every catalog promises.

- Each mutating method is one transaction: all or nothing, durable when it returns (as the durability
  setting says), isolated from every other process that uses the catalog.
- Reads see every write that was acknowledged before they began, in any process.
- Nothing but ``CatalogError`` is raised on purpose. A coroutine that is cancelled may or may not
  have happened.

Publishing (DESIGN: commit first, place after). Bytes are sealed under a staged name before
``publish`` is called. Inside one transaction the catalog decides conditions and ownership of paths
and writes the row, which names both the staged name and the path; after the commit, still under
the same lock that orders writers, it calls ``Placing.place``. A crash in between leaves the bytes
staged and the row pointing at them: readers try the path, then the staged name, and take the one
whose fingerprint is the row's; recovery places them. So an acknowledged object is never torn, and
what was not acknowledged is never half visible.

A path is owned by at most one location in any state. Removing marks the old location *doomed* in the
same transaction; a doomed path blocks reuse until ``Placing.remove`` has seen the bytes gone. The row
itself goes when that is durable too, lest a power cut brings back bytes that nobody knows of.

Where a storage cannot rename inside the commit (no Can.STAGE), bytes are written before it, under a
path that an intent owns (``gateway.catalog.intents``): ``intend``, write, ``publish`` or ``give_up``.
Such a version has ``location.staged`` None, and what is doomed there is removed by whoever asks
``removals``; ``when_doomed`` tells when to ask.
"""

import abc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from backends.interface import Fingerprint
from gateway.catalog.intents import Intent, Removal, Removed, Written
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


class Catalog(abc.ABC):
    """Buckets, objects, uploads. ``storages`` are known by name when it is constructed."""

    @abc.abstractmethod
    async def open(self) -> None:
        """Create or migrate the schema (O(1)), start the committer."""

    @abc.abstractmethod
    async def aclose(self) -> None:
        """Finish what was accepted, release everything."""

    # Buckets

    @abc.abstractmethod
    async def create_bucket(
        self, name: str, *, region: str, storage: str, now_ns: int, indexed: bool = False
    ) -> Bucket:
        """``indexed``: nothing that others made lies in its folder. Raises BucketExists."""

    @abc.abstractmethod
    async def set_indexing(self, name: str, *, indexes: bool) -> None:
        """Whether what others put there is to be indexed. If not, the bucket is not ``indexed`` any more."""

    @abc.abstractmethod
    async def set_indexed(self, bucket: Bucket) -> None:
        """All that others had put there has a row now. Nothing where it ``indexes`` no more. Raises
        NoSuchBucket."""

    @abc.abstractmethod
    async def delete_bucket(self, name: str) -> None:
        """Raises NoSuchBucket, BucketNotEmpty. Open uploads do not count and are aborted."""

    @abc.abstractmethod
    async def bucket(self, name: str) -> Bucket:
        """Raises NoSuchBucket."""

    @abc.abstractmethod
    async def buckets(self, *, prefix: str = "", after: str = "", limit: int) -> Sequence[Bucket]:
        """Up to ``limit`` buckets by name, greater than ``after``."""

    # Objects

    @abc.abstractmethod
    async def get(self, bucket: Bucket, key: str) -> Version | None:
        """The current version, or None."""

    @abc.abstractmethod
    async def list(
        self,
        bucket: Bucket,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        limit: int,
    ) -> Page:
        """Up to ``limit`` keys and common prefixes greater than ``after``, in UTF-8 byte order.

        A key with ``delimiter`` after ``prefix`` is rolled up into its common prefix (which ends with
        the delimiter). A common prefix counts as one item; it is given only if it is greater
        than ``after``, and ``after`` equal to a common prefix skips all keys under it. Cost is
        O(items), however many keys a prefix hides. ``limit`` 0 gives no items and more=False.
        """

    @abc.abstractmethod
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
        """Make sealed bytes the current version of its key.

        ``version.location`` names the staged bytes and, in ``path``, the natural path wanted
        (``natural=True``), or (``natural=False``) a path of our own that is free by construction.
        If the natural path is owned by another location or ``prepare`` refuses it, the version gets
        the shadow path ``shadow_path(staged)`` instead. ``sequence`` is raised above the
        current one if it is not greater. With ``upload`` (and ``completed``) the upload's rows are
        removed and its completion remembered in the same transaction; it must be ``completing``.
        Returns the version as it was stored. Raises NoSuchBucket, NoSuchUpload, ConditionFailed,
        NoSuchKey (``only_if.etags`` and no such object); then nothing has changed and the caller
        still owns the staged bytes.

        ``intent``: the name of the one whose bytes these are, under the path of the location, which
        is taken as it is. CatalogUnavailable if it has been given up.
        """

    @abc.abstractmethod
    async def remove(self, bucket: Bucket, key: str, *, only_if: Condition = ALWAYS) -> bool:
        """Remove the current version and its bytes. False if there was none.

        Raises NoSuchBucket, ConditionFailed; NoSuchKey if ``only_if.etags`` is given and there is
        no such object.
        """

    @abc.abstractmethod
    async def set_tags(self, bucket: Bucket, key: str, tags: Sequence[tuple[str, str]]) -> Version:
        """Replace the tags of the current version; nothing else of it changes. Raises NoSuchKey."""

    @abc.abstractmethod
    async def replace_facts(
        self, bucket: Bucket, version: Version, *, only_if: Condition
    ) -> Version:
        """CopyObject onto itself: same bytes and location, new headers, metadata, tags, class, times.

        Size and location stay; all else is as ``version`` tells. Raises NoSuchBucket, NoSuchKey,
        ConditionFailed, or ConditionConflict if the current sequence is not ``version.sequence``;
        the stored sequence is a greater one.
        """

    @abc.abstractmethod
    async def relocate(
        self, bucket: Bucket, key: str, old: Location, new: Location, *, intent: str
    ) -> bool:
        """The bytes of the current version are at ``new``, under the path of that intent, as well.

        From now on they count there, and those at ``old`` are doomed; nothing else changes. False if
        the current version is not at ``old`` any more. CatalogUnavailable if the intent has been given
        up; NoSuchBucket.
        """

    # Multipart uploads

    @abc.abstractmethod
    async def start_upload(self, upload: Upload, *, intent: str | None = None) -> None:
        """Raises NoSuchBucket. ``intent``: the name of the one that has the upload's path, which is the
        upload's from now on. CatalogUnavailable if it has been given up."""

    @abc.abstractmethod
    async def upload(self, bucket: Bucket, key: str, upload_id: str) -> Upload:
        """Raises NoSuchUpload (also if it belongs to another key)."""

    @abc.abstractmethod
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
        """Open uploads by key, then time of initiation, with common prefixes, as ``list``.

        Greater than ``after_key``; with ``after_id``, also those of ``after_key`` itself
        that come after that upload (all of them if it is gone). The flag tells whether more is left.
        """

    @abc.abstractmethod
    async def claim_part(self, upload_id: str, number: int, attempt: str, size: int) -> Claim:
        """Decide where an attempt at a part writes. Raises NoSuchUpload.

        In place only for the first attempt ever at this number, if its size fits the upload's
        ``part_size`` (set by the first claim; a smaller part may only be the last).
        """

    @abc.abstractmethod
    async def put_part(self, upload_id: str, part: Part, *, intent: str | None = None) -> None:
        """Record a finished part, replacing an earlier one of that number, whose own staged file is
        dropped. Raises NoSuchUpload; the caller then drops its staged bytes.

        With ``intent``, the part's bytes are under the path of that intent, which is the upload's from
        now on. CatalogUnavailable if it has been given up."""

    @abc.abstractmethod
    async def parts(
        self, upload_id: str, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Part]:
        """Finished parts by number, greater than ``after``."""

    @abc.abstractmethod
    async def begin_complete(self, upload_id: str) -> bool:
        """Close the upload against writers. Raises NoSuchUpload (also if another one that lives is
        completing it).

        Returns whether attempts in place are still unfinished (their writers may still write into
        the shared staged file, which must then not be published).
        """

    @abc.abstractmethod
    async def reopen_upload(self, upload_id: str, *, by: int | None = None) -> None:
        """Undo ``begin_complete`` (only if it was ``by``'s) after a failed completion.

        If the completion has happened nothing is done: there is no such upload any more.
        """

    @abc.abstractmethod
    async def abort_upload(self, bucket: Bucket, key: str, upload_id: str) -> None:
        """Remove the upload, its parts and their staged bytes. Raises NoSuchUpload."""

    @abc.abstractmethod
    async def completed(self, bucket: Bucket, key: str, upload_id: str) -> Completed | None:
        """What a finished upload became, for at least a day."""

    # Paths on storages without Can.STAGE

    @abc.abstractmethod
    async def intend(self, bucket: Bucket, key: str, wanted: Intent) -> Intent:
        """Own a path that is about to be written: the one that is wanted or, if that is natural and
        anybody owns it, the shadow path of the intent's name. Raises NoSuchBucket; StorageError.
        """

    @abc.abstractmethod
    async def give_up(
        self,
        name: str,
        *,
        written: Written | None = None,
        unknown: Sequence[str] = (),
        parts: str | None = None,
        begun: bool = False,
    ) -> None:
        """Doom the paths of an intent, unless it has become a version's location (or an upload's).

        ``written``: what is there. ``unknown``: paths where bytes may be, or come to be later. Of the
        others it is certain that nothing of the intent is there: they are free at once. ``parts``: the
        storage's id of what was begun in parts there. ``begun``: something may have been, nobody
        knows its id, and nothing else is there.
        """

    @abc.abstractmethod
    async def may_have_begun(self, storage: str, path: str, *, from_ns: int, to_ns: int) -> bool:
        """Whether something may have been begun in parts under that path by us, within that time, of which
        nobody has known the id: its answer was lost, or its process died. The last of these are
        remembered."""

    @abc.abstractmethod
    async def forget_begun(self, *, before_ns: int) -> int:
        """Drop what is remembered of beginnings before that time; returns how many."""

    @abc.abstractmethod
    async def note_written(self, upload: str, fingerprint: Fingerprint) -> None:
        """Remember what is under the path of an upload that has not become an object after all."""

    @abc.abstractmethod
    def when_doomed(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called on the loop after each commit of this process that leaves it something in
        ``removals``, and before the call that has committed returns."""

    @abc.abstractmethod
    async def removals(
        self, process: str, *, after: tuple[str, str] = ("", ""), limit: int
    ) -> Sequence[Removal]:
        """Doomed paths that are this process's to remove, or (empty) the janitor's, by storage and
        claim."""

    @abc.abstractmethod
    async def settle_removals(self, outcomes: Sequence[Removed]) -> None:
        """What is gone is owned no longer; the janitor must have seen it gone twice. What is not is
        the janitor's."""

    @abc.abstractmethod
    async def writers(self) -> Sequence[str]:
        """Processes that own paths."""

    @abc.abstractmethod
    async def abandon(self, process: str) -> None:
        """The process is dead: what it was writing or removing is the janitor's to remove."""

    # Recovery and the janitor

    @abc.abstractmethod
    async def recover(self) -> None:
        """At start, before any writer: finish removals of doomed locations, reopen uploads that
        were being completed, abandon all writers."""

    @abc.abstractmethod
    async def finish_removals(self) -> int:
        """Try again to remove the bytes of doomed locations, at any time. Returns how many are
        still there (their paths stay blocked)."""

    @abc.abstractmethod
    async def stale_uploads(self, *, before_ns: int, limit: int) -> Sequence[tuple[Bucket, Upload]]:
        """Uploads initiated before that time."""

    @abc.abstractmethod
    async def forget_completed(self, *, before_ns: int) -> int:
        """Drop what is remembered of uploads completed before that time; returns how many."""

    @abc.abstractmethod
    async def owner_of_staged(self, storage: str, name: str) -> Version | None:
        """The current version whose location names those staged bytes. Looks at every row."""

    @abc.abstractmethod
    async def owner_of_path(self, storage: str, path: str) -> Version | None:
        """The current version whose location is that path. Looks at every row."""

    @abc.abstractmethod
    async def doomed(self) -> Sequence[Location]:
        """Locations whose bytes are still to be removed."""

    @abc.abstractmethod
    async def place_staged(self, bucket: Bucket, key: str) -> None:
        """Move the bytes of the current version to their path, if they are still staged. Under the
        lock that orders writers, so that they never replace those of a newer version."""

    @abc.abstractmethod
    async def problems(self) -> Sequence[str]:
        """What is wrong with the catalog itself, a sentence each; none if all of it can be read and
        agrees with itself. Reads everything, in a thread; others read and write meanwhile."""

    @abc.abstractmethod
    async def changes(self) -> int:
        """A number that is another one whenever something has been committed since it was asked for.

        Only numbers told by one open catalog can be compared.
        """

    @abc.abstractmethod
    async def snapshot(self, file: str) -> None:
        """Write all that is known, as it is at one moment, to a new file, durably.

        Others read and write meanwhile. Raises OSError or CatalogUnavailable, and then, as when it is
        cancelled, the file is not there.
        """

    async def add_findings(self, findings: Sequence[Finding]) -> None:
        """Remember findings, each in place of one of the same bucket, key and kind; its ``first_ns``
        is kept if that was about the same version."""

    @abc.abstractmethod
    async def clear_findings(self, bucket: str, key: str) -> None:
        """Forget what was found of a key (or, both empty, of the catalog): it is well."""

    @abc.abstractmethod
    async def findings(
        self, *, after: tuple[str, str, str] = ("", "", ""), limit: int
    ) -> Sequence[Finding]:
        """Findings that are not void, by bucket, key and kind, greater than ``after``."""

    @abc.abstractmethod
    async def forget_void_findings(self) -> None:
        """Drop findings about versions that are not current any more."""

    @abc.abstractmethod
    async def note(self, name: str) -> str | None:
        """What a job has noted for its next run, in any process."""

    @abc.abstractmethod
    async def set_note(self, name: str, text: str) -> None:
        """Note something under a name, in place of what was noted before."""

    @abc.abstractmethod
    def every_entry(self, bucket: Bucket) -> AsyncIterator[Entry]:
        """All current objects in order, paged; no read transaction is held between pages."""

    # What others do to the bytes. Paths are looked at inside the transaction, under the lock that
    # orders writers: what we place ourselves is never taken for somebody else's. Where that cannot be
    # (without Can.STAGE) who looks asks for the key's ``standing`` first, and what was seen counts only if
    # nothing has changed since: neither the row, nor who owns the path.

    @abc.abstractmethod
    async def adopt(
        self, bucket: Bucket, found: Sequence[Found], *, now_ns: int
    ) -> Sequence[Adoption]:
        """Make bytes that others wrote the objects of their keys, each as ``Adoption`` says.

        Nothing but what the bytes decide is changed of an object that is there or was missing: its
        headers, metadata, tags and class stay; size, ETag and time are those found, checksum and
        parts are dropped. Bytes that were another object's (``Found.was``, equal fingerprints) take
        all of that along; else they have what they say of themselves. Raises NoSuchBucket; StorageError.
        """

    @abc.abstractmethod
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
        """Take objects whose bytes are gone out of sight; all that is known of them is kept.

        Only what is not there when the transaction looks counts, and only while the storage is
        certain that it is itself: else THERE. ``expected``: how many are known to be gone in all, if
        these are some of more. ``standings``: of each key, before its path was seen empty, on a
        storage without Can.STAGE. Raises TooManyMissing, NoSuchBucket; StorageError.
        """

    @abc.abstractmethod
    async def standing(
        self, bucket: Bucket, key: str, path: str | None, *, freed: int | None = None
    ) -> Standing:
        """What is known of a key and of its natural path, if it has one, at this moment. With ``freed``, as
        it was told before: a path that has been freed since counts as owned."""

    @abc.abstractmethod
    async def is_owned(self, storage: str, path: str) -> bool:
        """Whether something is being written or cleared there by us, whatever current objects own."""

    @abc.abstractmethod
    async def freed(self) -> int:
        """How many paths have been freed so far. Asked before a listing is begun."""

    @abc.abstractmethod
    async def adopt_bucket(self, name: str, *, region: str, storage: str, now_ns: int) -> bool:
        """Make a bucket of a folder that is there. False if there is a bucket or no folder."""

    @abc.abstractmethod
    async def lying(
        self, bucket: Bucket, *, prefix: str = "", after: str = "", limit: int
    ) -> Sequence[Lying]:
        """Up to ``limit`` current objects greater than ``after``, in UTF-8 byte order."""

    @abc.abstractmethod
    async def lying_at(self, bucket: Bucket, keys: Sequence[str]) -> Mapping[str, Lying]:
        """Those of ``keys``, at most a few hundred, that have an object; all of one moment."""

    @abc.abstractmethod
    async def missing(self, bucket: Bucket, key: str) -> Version | None:
        """What is kept of an object that is missing."""

    @abc.abstractmethod
    async def undigested(
        self, *, after: tuple[int, str] = (0, ""), limit: int
    ) -> Sequence[Undigested]:
        """Up to ``limit`` objects whose ETag is to be computed, by bucket and key."""

    @abc.abstractmethod
    async def settle_digests(self, digested: Sequence[Digested]) -> None:
        """Give objects their ETags, if they still have those bytes. Where it is the one they
        had before others touched them, they have their checksum back as well."""

    @abc.abstractmethod
    async def forget_missing(self, *, before_ns: int) -> int:
        """Drop what is kept of missing objects that others made and nobody gave metadata or tags,
        missing since before that time; returns how many."""
