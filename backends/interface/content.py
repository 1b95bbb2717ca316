"""An open reading."""

import abc
from collections.abc import AsyncIterator

from backends.errors import Unsupported
from backends.interface.stored import Stored


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
