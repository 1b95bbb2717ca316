"""What says that a directory is a backup, or that one is not finished. Blocks."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from gateway.safekeeping.syncing import sync_folder

BACKUP = "backup.json"
UNFINISHED = "unfinished.json"
_LARGEST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """``what`` was done (``backup`` or ``restore``), from which storage, and how many objects it holds."""

    what: str
    source: str
    objects: int = 0


def read(state: Path, name: str) -> Mark | None:
    """The mark of that name in a reserved directory, None if there is none that can be read."""
    try:
        with (state / name).open("rb") as file:
            told = json.loads(file.read(_LARGEST))
        return Mark(
            what=str(told["what"]), source=str(told["source"]), objects=int(told["objects"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(state: Path, name: str, mark: Mark) -> None:
    """Put it there, whole and durably. Raises OSError."""
    temporary = state / f"{name}.{secrets.token_hex(4)}"
    text = json.dumps({"what": mark.what, "source": mark.source, "objects": mark.objects})
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(state / name)
    sync_folder(state)


def clear(state: Path, name: str) -> None:
    """Remove it, durably. Raises OSError."""
    (state / name).unlink(missing_ok=True)
    sync_folder(state)
