"""What a storage that is reached over a network may do by itself, each by a flag of Can."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

from backends.errors import Unsupported
from backends.interface.stored import Begun, Fingerprint, Stored


class Remote:
    """The verbs that it declares."""

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
