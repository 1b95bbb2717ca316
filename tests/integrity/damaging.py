"""Damage, as a medium does it."""

import os
from pathlib import Path


def flip(path: Path, bit: int) -> None:
    """Flip one bit of a file; its times stay."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
