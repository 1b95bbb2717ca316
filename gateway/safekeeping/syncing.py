"""Names that are on the medium. A module of its own: who only reads marks imports no catalog."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Force the names in ``folder`` to the medium. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
