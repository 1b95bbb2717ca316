"""Whole bodies: all of them, of the size that was said, or an error."""

from collections.abc import AsyncIterator, Iterable

from backends.errors import Damaged
from backends.interface import Content, Staged


async def stage_whole(staged: Staged, body: AsyncIterator[bytes], size: int | None) -> None:
    """Write all of ``body``. Damaged, at the first byte too many, if it has not ``size`` bytes."""
    count = 0
    async for piece in body:
        count += len(piece)
        if size is not None and count > size:
            raise Damaged(f"the body is longer than {size} bytes")
        await staged.write(piece)
    if size is not None and count < size:
        raise Damaged(f"the body ended after {count} of {size} bytes")


def spliced_if_can(content: Content, pipe: int) -> AsyncIterator[bytes | int]:
    """What ``spliced`` gives, or ``chunks`` where it cannot."""
    return content.spliced(pipe) if content.can_splice() else content.chunks()


async def given(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """A body of bytes that are there already."""
    for piece in pieces:
        yield piece
