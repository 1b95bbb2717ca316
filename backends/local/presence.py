"""Whether the directory is still the one that was opened. Everything blocks briefly."""

import os
from pathlib import Path

from backends.errors import Unavailable
from backends.interface import RESERVED
from backends.local.opening import READABLE_DIRECTORY
from backends.local.probing import IDENTITY, Probed


class Presence:
    """Compares the root's path with the descriptor that is held.

    When its file system is unmounted, or another is mounted over it, the path leads elsewhere: to an
    empty mount point, where every object would look deleted. What is held is then not to be used:
    the owner of the path does not see what is written there. Mounted again it is the same device and
    the same inode, since the held descriptor keeps the file system alive, and all goes on.
    """

    def __init__(self, root: Path, facts: Probed) -> None:
        self._root = os.fspath(root)
        self._facts = facts
        held = os.fstat(facts.root)
        self._device, self._inode = held.st_dev, held.st_ino

    def check(self) -> None:
        """Unavailable unless the path leads to what is held."""
        try:
            found = os.stat(self._root)  # noqa: PTH116 - asked at every verb, a Path costs as much
        except OSError as error:
            raise Unavailable(
                f"{self._root} is not there any more ({error.strerror}); mount it again"
            ) from error
        if (found.st_ino, found.st_dev) != (self._inode, self._device):
            raise Unavailable(
                f"{self._root} is not the directory that was opened; mount that one again, or "
                "restart to use this one"
            )

    def certain(self) -> bool:
        """Whether the identity file is there and holds what it held. Unavailable as ``check``."""
        self.check()
        try:
            reserved = os.open(RESERVED, READABLE_DIRECTORY, dir_fd=self._facts.root)
            try:
                file = os.open(
                    IDENTITY, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=reserved
                )
            finally:
                os.close(reserved)
        except OSError:
            return False
        try:
            return os.read(file, 64).decode("ascii", "replace").strip() == self._facts.identity
        except OSError:
            return False
        finally:
            os.close(file)
