"""A storage: its names, the five verbs, and what it declares beyond them."""

import abc
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

from backends.interface.capabilities import Can, Limits
from backends.interface.content import Content
from backends.interface.remote import Remote
from backends.interface.staging import Staging
from backends.interface.stored import Fingerprint, Stored
from backends.interface.watching import Watching


class Storage(Remote, Staging, Watching, abc.ABC):
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
