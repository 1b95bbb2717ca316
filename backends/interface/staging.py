"""Writing in two steps (Can.STAGE): bytes are staged, and placed once the catalog has decided.

What is not a coroutine runs inside the catalog's commit, blocks on purpose and briefly, and is safe to call from any
thread.
"""

import abc
from collections.abc import Callable, Sequence

from backends.errors import Unsupported
from backends.interface.content import Content
from backends.interface.stored import Fingerprint


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


class Staging:
    """The verbs of a storage that has Can.STAGE, and of one that has Can.REPLICATE."""

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
