"""Being a user to whom permissions mean something, for a while."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def unprivileged_home() -> Iterator[Path]:
    """A directory of a user who is not root; meanwhile the process is that user."""
    home = Path(tempfile.mkdtemp())
    us = os.geteuid()
    if us == 0:
        os.chown(home, _NOBODY, _NOBODY)
        os.seteuid(_NOBODY)
    try:
        yield home
    finally:
        os.seteuid(us)
        shutil.rmtree(home)
