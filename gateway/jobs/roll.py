"""Which worker processes live: each holds the lock on a file of its name, as long as it does."""

import contextlib
import fcntl
import os
from pathlib import Path

_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class Roll:
    """The folder of those files. The kernel lets go of a dead process's lock, however it died.

    Methods block briefly and raise OSError.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: int | None = None

    def enter(self, process: str) -> None:
        """This process lives, under a name that no other has, until ``leave`` or its end."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        while self._held is None:
            file = os.open(self._folder / process, _FLAGS | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                # Whoever took it for that of a dead process, before it was locked, has unlinked it.
                if self._is(process, file):
                    self._held = file
            finally:
                if self._held is None:
                    os.close(file)

    def leave(self) -> None:
        """This process has nothing left that is its own. Its file is cleared away by others."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def lives(self, process: str) -> bool:
        """Whether the process of that name lives; what a dead one left of itself here is removed."""
        try:
            file = os.open(self._folder / process, _FLAGS)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if self._is(process, file):
                    (self._folder / process).unlink()
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def clear(self) -> None:
        """Remove the files of all that are dead."""
        for file in self._folder.iterdir():
            self.lives(file.name)

    def _is(self, process: str, file: int) -> bool:
        """Whether the name still leads to that file."""
        try:
            named = (self._folder / process).stat(follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(file))
