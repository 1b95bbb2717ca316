"""Open readings of a file."""

import os
from collections.abc import AsyncIterator

from backends.errors import Damaged
from backends.interface import PIECE, Content, Fingerprint, Stored
from backends.local.attributes import fingerprint, is_of
from backends.local.faults import translated
from backends.local.threads import Descriptor

INLINE = 64 * 1024
"""Up to this many bytes are read or written on the loop's thread: a hop to another costs more."""


class LocalContent(Content):
    """Bytes of an open regular file. Loop thread only."""

    def __init__(
        self,
        file: Descriptor,
        path: str,
        found: os.stat_result,
        *,
        first: int,
        last: int | None,
        only_if: Fingerprint | None,
    ) -> None:
        """``found``: of the file when it was opened."""
        size = found.st_size
        end = size if last is None else min(size, last + 1)
        self.first = first
        self.length = max(0, end - first)
        self.file = file
        self._path = path
        self._found = found
        self._only_if = only_if

    @property
    def stored(self) -> Stored:  # type: ignore[override]  # nobody sets it
        found = self._found
        return Stored(
            path=self._path, fingerprint=fingerprint(found), modified_ns=found.st_mtime_ns
        )

    async def chunks(self) -> AsyncIterator[bytes]:
        position, end = self.first, self.first + self.length
        number = self.file.number
        while position < end:
            want = min(PIECE, end - position)
            try:
                if self.length <= INLINE:
                    piece = os.pread(number, want, position)
                else:
                    piece = await self.file.run(os.pread, number, want, position)
            except OSError as error:
                raise translated(error, f"read {self._path!r}") from error
            if not piece:
                raise Damaged(f"{self._path!r} became shorter while it was read")
            position += len(piece)
            if position == end:
                self.check()
            yield piece

    def check(self) -> None:
        """Damaged if the file has changed since it was opened and only its old bytes were wanted.

        Asked before the last piece is handed out, so that a rewrite in place never looks whole.
        """
        if self._only_if is not None and not is_of(os.fstat(self.file.number), self._only_if):
            raise Damaged(f"{self._path!r} changed while it was read")

    def descriptor(self) -> int | None:
        return self.file.number

    async def aclose(self) -> None:
        await self.file.aclose()
