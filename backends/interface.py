"""What every storage promises.

A *path* is a relative name of ``/``-separated, non-empty segments in valid UTF-8; it is never an S3
key: ``gateway.service`` chooses paths (``bucket/key`` where the storage can hold that name, else a
name of its own under ``RESERVED``). A storage refuses with ``NameRefused`` what it cannot hold.

Promises, tested for every storage by ``tests/backends/test_*behaviour.py``:

- a write is all or nothing: a short, failed or cancelled body leaves what was there before;
- delete of nothing is no error;
- listings are in UTF-8 byte order;
- ``read`` fails before the first byte if nothing is there; closing it releases everything;
- only ``StorageError`` is raised on purpose; every coroutine may be cancelled;
- no method holds more than a few pieces of ``PIECE`` bytes in memory.

A storage with ``Can.STAGE`` (its root is ours alone to rename in) writes in two steps, so that
publishing can be decided by the catalog: bytes are *staged* under a name of their own, *sealed*
(self-described, fingerprinted and, if the storage is durable, forced to the medium), and after the
catalog has committed *placed* under their path by one rename. Staged bytes can be read by their
staged name until they are placed.
"""

import abc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, Flag, auto

from backends.errors import Unsupported

RESERVED = ".s3front"
"""First segment of every path that is S3front's own."""

PIECE = 256 * 1024
"""Preferred size in bytes of one piece of a streamed body."""


SERVED = frozenset(
    {
        *("content-type", "content-language", "expires", "cache-control"),
        *("content-disposition", "content-encoding"),
    }
)
"""Headers, by lower-case name, that a storage can be told to answer others with."""

MAX_DESCRIPTION = 2 * 1024 * 1024
"""Longest self-description in bytes."""


class Can(Flag):
    """What a storage does beyond the five verbs."""

    NOTHING = 0
    STAGE = auto()
    """Has ``stage``, ``place``, ``staged`` and the sync verbs that go with them."""
    PARTS_IN_PLACE = auto()
    """Staged bytes may be written at any offset by several writers at once (sparse)."""
    KERNEL_COPY = auto()
    """``Staged.copy`` moves no byte through this process."""
    WATCH = auto()
    """Others may change what lies under its paths: has ``glance``, ``examine``, ``changes``."""

    REPLICATE = auto()
    """Has ``replicate`` and ``sync``: can be the source and the target of a backup."""

    UNSIZED = auto()
    """``write`` takes bodies of unknown size."""
    TREE = auto()
    """Keeps the rule of file systems: nothing lies below a path that holds bytes."""
    UNIQUE = auto()
    """Each write has a fingerprint of its own, even of the same bytes."""
    OUTLIVE = auto()
    """An open reading gives the bytes it was opened for, whatever becomes of the path meanwhile.

    Without it such a reading may end with Damaged, but never gives other bytes.
    """
    CREATE = auto()
    """``write``, ``copy`` and ``complete_parts`` can refuse to replace anything, at one moment."""
    DESCRIBE = auto()
    """``write``, ``copy`` and ``begin_parts`` take a self-description, which ``stat`` tells."""
    HEADERS = auto()
    """``write``, ``copy`` and ``begin_parts`` take headers that others are answered with, where they can
    read; ``stat`` tells those."""
    COPY = auto()
    """Has ``copy``: the storage copies by itself, no byte through this process."""
    MOVE = auto()
    """Has ``move``: another name for the same bytes, at one moment."""
    PARTS = auto()
    """Has ``begin_parts`` and the verbs that go with it."""
    COPY_PARTS = auto()
    """Has ``copy_part``."""
    OPEN_PARTS = auto()
    """Has ``open_parts``."""
    LINK = auto()
    """Has ``link``: others can read a path for a while without us."""
    ETAGS = auto()
    """The stamp of a fingerprint is an ETag as S3 makes them, wherever it looks like one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Facts of a storage, in bytes."""

    max_segment: int = 255
    max_path: int = 4096
    max_object: int = 5 * 1024**4
    max_write: int = 5 * 1024**4
    """Largest body of one ``write`` or ``write_part``."""
    min_part: int = 0
    """Smallest part but the last."""
    max_description: int = MAX_DESCRIPTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Tells whether the bytes under a path are still those we stored.

    ``stamp`` is opaque to all but the storage that made it (local: modification time in
    nanoseconds, unique for each sealing). Equal fingerprints mean the same bytes.
    """

    size: int
    stamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One stored thing: its path, fingerprint and time of last change (Unix nanoseconds)."""

    path: str
    fingerprint: Fingerprint
    modified_ns: int
    description: bytes | None = None
    """The self-description given when it was sealed; None if it has none or it is void.

    Told by ``stat`` (and ``Storage.staged_description``) only: a listing or an open reading, where
    asking would cost as much as the rest, leaves it None.
    """
    description_damaged: bool = False
    """There is a self-description, but it is not what was written (told where ``description`` is)."""
    headers: Mapping[str, str] | None = None
    """What of SERVED others are answered with (told where ``description`` is); None if nobody knows."""
    holder: str = ""
    """Which of the storages that this one is made of has told it (told where ``description`` is)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What was begun in parts under ``path``, an id by which ``abort_parts`` drops it, and when (Unix
    nanoseconds, by the storage's clock)."""

    path: str
    upload: str
    begun_ns: int


class Nature(Enum):
    """What is under a path, to whoever must know whether it can be an object's bytes."""

    NOTHING = "nothing"
    BYTES = "bytes"
    """A regular file."""
    BUSY = "busy"
    """A regular file that somebody is still writing (told by ``Storage.examine`` only)."""
    FOLDER = "folder"
    OTHER = "other"
    """What is never read: a link, a pipe, a socket, a device."""
    CLOSED = "closed"
    """What we may not look at or open: it may be anything, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a path is; ``fingerprint`` if it is BYTES."""

    nature: Nature
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a path is, seen from near. ``stored`` (with its description) if it is BYTES."""

    nature: Nature
    stored: Stored | None = None
    touched_ns: int = 0
    """When anything of it, its name included, was last changed (Unix nanoseconds)."""


class What(Enum):
    """What a ``Change`` tells of its path."""

    FILE = "file"
    """Something that is no directory appeared, vanished or was changed there."""
    CLOSED = "closed"
    """The same, and a writer of it has just finished."""
    TREE = "tree"
    """Anything may have changed there and below; ``""`` is the whole storage."""
    BLIND = "blind"
    """Not everything can be watched: from here on changes may go untold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that somebody, perhaps we, did to a path."""

    what: What
    path: str


class Content(abc.ABC):
    """An open reading of ``length`` bytes from offset ``first``. Must be closed."""

    stored: Stored
    first: int
    length: int

    @abc.abstractmethod
    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes, once, in pieces of at most a few ``PIECE``; Damaged if they end early."""

    def at_hand(self) -> bytes | None:
        """All of the bytes, if they are in memory: then ``chunks`` waits for nothing, and cannot fail."""
        return None

    def descriptor(self) -> int | None:
        """A file descriptor that holds exactly these bytes at ``first`` (for sendfile), or None."""
        return None

    def can_splice(self) -> bool:
        """Whether ``spliced`` gives what ``chunks`` has not given yet, with less work than it would."""
        return False

    def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        """The bytes that ``chunks`` has not given, once; only where ``can_splice``. A piece that is a number
        is of bytes the kernel has moved to the pipe whose writing end is ``pipe``.

        Whoever asks for the next piece has emptied the pipe. Fails as ``chunks`` does, and then nothing
        is in the pipe. One that has begun is the only one: ``chunks`` gives no more.
        """
        raise Unsupported("its bytes are not moved by the kernel")

    def check(self) -> None:
        """For who reads the descriptor: Damaged if these are no longer the bytes that were opened.

        Asked before the last of them are handed on, as ``chunks`` does by itself.
        """

    @abc.abstractmethod
    async def aclose(self) -> None:
        """Release everything. May be called more than once."""


class Staged(abc.ABC):
    """Bytes being written under a staged name; not visible under any path.

    Used by one task at a time. Exactly one of ``seal``, ``keep`` or ``discard`` ends it; all three
    release the descriptor. A ``seal`` or ``keep`` that fails or is cancelled discards. After a
    ``write``, ``take`` or ``copy`` that failed or was cancelled only ``discard`` is left: the others raise
    Damaged. ``discard`` may be called at any time and again; after ``seal`` it removes the staged
    bytes. One that is not exclusive never removes them: they belong to all who write into them,
    and ``Storage.drop_staged`` is for whoever knows that none does.
    """

    name: str

    @abc.abstractmethod
    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append at the current offset. Raises Full, Denied or Unavailable."""

    @abc.abstractmethod
    async def take(self, give: Callable[[], Sequence[bytes | memoryview]], size: int) -> None:
        """Append what ``give`` returns: some ``size`` bytes or fewer, in as few steps as can be.

        Where so many bytes are written in a thread, it is called in that thread: what is computed
        of them there costs no hop of its own. What it raises is raised, and nothing is written.
        When this has returned, other bytes may be where those were: whatever is kept is a copy.
        """

    @abc.abstractmethod
    async def copy(self, source: Content) -> None:
        """Append the bytes of an open reading of the same storage, in the kernel if it can."""

    @abc.abstractmethod
    async def keep(self) -> int:
        """Make what was written durable (if the storage is) and leave it staged, unsealed.

        For parts. Returns the number of bytes this writer wrote or copied.
        """

    @abc.abstractmethod
    async def seal(
        self, describe: Callable[[Fingerprint], bytes], *, size: int | None = None
    ) -> Fingerprint:
        """Fix the bytes (cut to ``size`` if given), self-describe them, make them durable.

        ``describe`` gets the final fingerprint and returns the description to keep with them.
        Unsupported if that is longer than MAX_DESCRIPTION.
        Damaged if there are fewer than ``size`` bytes. Unless exclusive, NotFound if nothing is
        staged under the name.
        """

    @abc.abstractmethod
    async def discard(self) -> None:
        """Remove the staged bytes, if they are still staged. Never fails on absence.

        Unavailable if the storage was closed meanwhile: the bytes then stay for the janitor.
        """


class Storage(abc.ABC):
    """One configured place for bytes. Constructed by ``registry``; opened before use."""

    can: Can = Can.NOTHING
    limits: Limits = Limits()

    async def open(self) -> None:
        """Probe and prepare (reserved directory, folding of case and Unicode)."""

    async def aclose(self) -> None:
        """Release everything."""

    async def tidy(self) -> None:
        """Remove what is surely ours and was left, long ago, by who ended badly. One process asks for it
        now and then. Never fails on what cannot be removed: that waits for the next time."""

    def about(self) -> str:
        """What was found out about it when it was opened, in lines for people; "" if nothing was."""
        return ""

    def check(self) -> None:
        """Blocks briefly. Unavailable unless the storage is the one that was opened: a directory
        whose file system was unmounted, or that another was mounted over, is not."""

    def check_readable(self) -> None:
        """As ``check``, before what is known of it is told or read: no matter if it is not there, where what
        was read is kept."""
        self.check()

    def itself(self) -> "Storage":
        """The same, asked itself and not what is remembered of it: for whoever verifies what it holds."""
        return self

    # Names: pure, and never wait.

    def claim(self, path: str) -> str:
        """The name by which ``path`` is owned: equal for two paths the storage cannot tell apart.

        The path itself on a storage that is exact; folded on one that folds case or Unicode.
        """
        return path

    @abc.abstractmethod
    def natural(self, bucket: str, key: str) -> str | None:
        """The path ``bucket/key`` if this storage can hold that name exactly, else None.

        Pure: a question of spelling and length only (empty, ``.`` or ``..`` segments, a trailing
        ``/``, control characters, over-long segments, buckets that look like ``RESERVED`` are
        refused), but for names that the probed file system is known to give back altered.
        """

    # The five verbs.

    @abc.abstractmethod
    async def stat(self, path: str) -> Stored:
        """What is stored under ``path``. NotFound if there is no regular object."""

    @abc.abstractmethod
    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        """Open bytes ``first`` to ``last`` (inclusive; None: to the end).

        NotFound if nothing is there; Damaged if ``only_if`` is given and the fingerprint differs.
        ``last`` beyond the end is cut to it; ``first`` beyond the end gives length 0.
        """

    def read_at_once(
        self,
        path: str,
        *,
        first: int,
        last: int,
        only_if: Fingerprint,
    ) -> bytes | None:
        """The same bytes, closed already, if they are few and can be had without waiting.

        None if they are not, and always where every read waits: ``read`` tells then. NotFound and
        Damaged as ``read``. Whoever calls it has just called ``check``.
        """
        return None

    @abc.abstractmethod
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
        """Store all of ``body`` under ``path``, replacing what was there, all or nothing.

        If ``size`` is given and the body is shorter or longer, Damaged, and nothing changes. It must
        be given where Can.UNSIZED is not declared. ``description``, of at most
        ``limits.max_description`` bytes, is kept with the bytes (Can.DESCRIBE). ``headers``, of SERVED: those
        that others are to be answered with (Can.HEADERS); one that cannot be kept is left out. ``create``: Exists, and
        nothing changes, if something is there (Can.CREATE). Unsupported where that is not declared.
        After Unavailable or Throttled, or when it is cancelled after the body has ended, the bytes may be
        there or not, or come to be there later.
        """

    @abc.abstractmethod
    async def delete(self, path: str) -> None:
        """Remove what is stored under ``path``; nothing there is no error."""

    @abc.abstractmethod
    def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        """Everything whose path starts with ``prefix`` and is greater than ``after``.

        In UTF-8 byte order of the whole path; without what lies under ``RESERVED`` unless
        ``prefix`` does. Denied if a folder may not be read, unless those are to be passed over.
        """

    # Declared: what a storage that is reached over a network may do by itself.

    async def copy(
        self,
        source: str,
        path: str,
        *,
        only_if: Fingerprint,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        """Put the bytes of ``source`` under ``path`` as well, all or nothing (Can.COPY).

        NotFound if nothing is there, Damaged if it has another fingerprint than ``only_if``.
        ``description`` in place of the one that ``source`` has, ``headers`` in place of those; ``create``
        as in ``write``. ``source`` and
        ``path`` are two paths.
        """
        raise Unsupported("copies")

    async def move(self, source: str, path: str, *, only_if: Fingerprint) -> Stored:
        """Give the bytes of ``source``, and their description, the name ``path`` (Can.MOVE).

        Never replaces anything: Exists, and nothing changes, if something is there. NotFound and
        Damaged as ``copy``. The fingerprint may be another one afterwards.
        """
        raise Unsupported("moves")

    async def begin_parts(
        self,
        path: str,
        *,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Begin to write ``path`` in parts (Can.PARTS). Returns an id for the verbs below; nothing
        is to be seen under ``path`` until ``complete_parts``."""
        raise Unsupported("parts")

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        """Store part ``number`` (1 to 10,000), in place of an earlier one of that number.

        Returns its tag. Damaged if the body has not ``size`` bytes; NotFound if there is no such
        upload.
        """
        raise Unsupported("parts")

    async def copy_part(
        self,
        path: str,
        upload: str,
        number: int,
        source: str,
        *,
        first: int,
        last: int,
        only_if: Fingerprint,
    ) -> str:
        """As ``write_part``, of bytes ``first`` to ``last`` of ``source`` (Can.COPY_PARTS)."""
        raise Unsupported("parts that are copied")

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        """Make the parts, by number and tag in ascending order, the bytes under ``path``.

        All or nothing; ``create`` as in ``write``. NotFound if there is no such upload: it may have
        been completed by a call whose answer was lost. Damaged if a part is not as it is named.
        """
        raise Unsupported("parts")

    async def abort_parts(self, path: str, upload: str) -> None:
        """Drop the parts. No such upload is no error."""
        raise Unsupported("parts")

    def open_parts(self) -> AsyncGenerator[Begun, None]:
        """Whatever was begun in parts, by anybody, and is neither completed nor aborted (Can.OPEN_PARTS).

        In no order. Of a storage made of storages: what those know that can tell; Unavailable, after all that
        others tell, if one of them cannot be asked.
        """
        raise Unsupported("telling what was begun in parts")

    def link(self, stored: Stored, *, seconds: int, answer_with: Mapping[str, str]) -> str:
        """A URL by which anybody can GET, for so long, what ``stat`` has just told of (Can.LINK): what is under
        its path then. No request is made. Unsupported where there are no links for it, though there are for
        others.

        ``answer_with``: headers of the answer, by lower-case name, in place of those it is answered with by
        itself; Unsupported for one that the storage cannot be told.
        """
        raise Unsupported("links")

    # Declared: Can.STAGE. The sync ones run inside the catalog's commit, block on purpose and
    # briefly, and are safe to call from any thread.

    def stage(
        self, name: str, *, offset: int = 0, exclusive: bool = True, size: int | None = None
    ) -> Staged:
        """Begin writing staged bytes under ``name`` at ``offset``; ``size`` of them, if that is known.

        A name is 1 to 200 of ``A-Za-z0-9._-`` and begins with a letter or digit. ``exclusive``: it
        must be new, else the first coroutine raises NameRefused. Without it an existing one is written into
        (Can.PARTS_IN_PLACE). Nothing is done before the first coroutine is awaited. ``size`` promises
        nothing: room may be made for it, and Full said early.
        """
        raise Unsupported("staging")

    async def staged(
        self,
        name: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        """As ``read``, of staged bytes."""
        raise Unsupported("staging")

    async def replicate(self, source: Content, name: str, description: bytes) -> None:
        """Stage all the bytes of ``source``, sealed under their very fingerprint (Can.REPLICATE).

        ``source`` is an open reading, with ``only_if``, of the whole of what a storage of the same kind
        holds. Not durable until ``sync``. Damaged if it has changed; Unsupported if the fingerprint cannot
        be kept, or ``source`` is of another kind. Then nothing is staged under ``name``, which must
        be new.
        """
        raise Unsupported("replicas")

    async def sync(self) -> None:
        """Force all that was written, staged, placed and removed to the medium (Can.REPLICATE)."""
        raise Unsupported("replicas")

    def staged_names(self) -> Sequence[str]:
        """All staged names. Blocks; for recovery and the janitor."""
        raise Unsupported("staging")

    def staged_description(self, name: str) -> bytes | None:
        """The description sealed with staged bytes, None if unsealed or gone. Blocks briefly.

        Damaged if there is one that is not what was written: then nothing follows from it.
        """
        raise Unsupported("staging")

    async def describe(self, path: str, description: bytes, *, only_if: Fingerprint) -> bool:
        """Keep another self-description with bytes that are placed; the bytes are not touched.

        False if other bytes are under ``path``. NotFound if none are.
        Unsupported if it is longer than MAX_DESCRIPTION.
        """
        raise Unsupported("staging")

    def folders(self) -> Sequence[str]:
        """First-level folders other than RESERVED, in byte order. Blocks."""
        raise Unsupported("staging")

    def make_folder(self, name: str) -> None:
        """Make the first-level folder of a bucket; being there is no error. Blocks briefly."""
        raise Unsupported("staging")

    def drop_folder(self, name: str) -> None:
        """Remove the first-level folder of a bucket if it is empty. Blocks briefly."""
        raise Unsupported("staging")

    def prepare(self, path: str) -> bool:
        """Whether ``path`` is free to take bytes now; its parents are made.

        Blocks briefly. False where a parent is a file and where anything is there already: bytes
        that nobody here owns are somebody else's.
        """
        raise Unsupported("staging")

    def place(self, name: str, path: str) -> bool:
        """Move staged bytes to ``path``, replacing what is there, by one rename.

        Blocks briefly. False if it could not be done; the bytes then stay staged and readable.
        False also if nothing is staged under ``name``.
        """
        raise Unsupported("staging")

    def remove(self, path: str, *, only_if: Fingerprint | None) -> bool:
        """Unlink ``path`` if it holds those bytes, and parents left empty up to the bucket.

        Blocks briefly. True if the path is free now, False if other bytes are there.
        """
        raise Unsupported("staging")

    def force_removed(self, paths: Sequence[str]) -> None:
        """Make durable what ``remove`` and ``drop_folder`` did to these paths, if the storage is.

        Blocks, and may take long. Unavailable if it cannot be known.
        """

    def drop_staged(self, name: str) -> None:
        """Unlink staged bytes, if there. Blocks briefly."""
        raise Unsupported("staging")

    # Declared: Can.WATCH.

    def glance(self, path: str) -> Glance:
        """What is under ``path``; nothing is opened. Blocks briefly, from any thread. Unavailable."""
        raise Unsupported("looking at paths")

    def glance_staged(self, name: str) -> Glance:
        """As ``glance``, of staged bytes."""
        raise Unsupported("looking at paths")

    def examine(self, path: str, *, closed: bool = False) -> Sight:
        """What is under ``path``, its description, and whether somebody is still writing it.

        Opens it for a moment. ``closed``: a writer was seen to finish, which decides where the
        storage cannot find out. Blocks briefly, from any thread; belongs in a thread.
        """
        raise Unsupported("looking at paths")

    def certain(self) -> bool:
        """Whether absence can be believed: ``check`` holds and the storage's identity is in it."""
        raise Unsupported("looking at paths")

    def changes(self) -> AsyncGenerator[Sequence[Change], None]:
        """What happens under paths from now on, in batches, soon after it happens.

        Begins with the TREE ``""``, told once everything is watched. Never ends by itself. A change
        is told at least once, unless BLIND was told; what we do ourselves is told as well, and
        whoever asks compares what is there with what should be. To be closed. Unavailable.
        """
        raise Unsupported("watching")
