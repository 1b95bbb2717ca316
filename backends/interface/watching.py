"""Seeing what others do to paths (Can.WATCH)."""

from collections.abc import AsyncGenerator, Sequence

from backends.errors import Unsupported
from backends.interface.sights import Change, Glance, Sight


class Watching:
    """The verbs of a storage that has it."""

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
