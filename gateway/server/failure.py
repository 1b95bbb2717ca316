"""A start that cannot succeed."""

from enum import IntEnum


class Exit(IntEnum):
    """What the process says when it ends."""

    FAILED = 1
    BAD_CONFIGURATION = 2
    STORAGE_FAILED = 3


class StartError(Exception):
    """Why the server cannot start, with cause and fix in its text, and the exit code."""

    def __init__(self, message: str, *, exit: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.exit = exit
