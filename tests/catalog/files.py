"""A storage of plain files that outlives its process, and can end it at any verb."""

import os
from collections.abc import Sequence
from pathlib import Path

from backends.interface import Can, Fingerprint, Glance, Nature


class Files:
    """``crash`` names a verb and whether the process ends before or after it does its work."""

    can = Can.STAGE

    def __init__(self, root: Path, crash: str = "") -> None:
        self.root = root
        self.crash = crash
        (root / "staged").mkdir(exist_ok=True)

    def stage(self, name: str, data: str) -> Fingerprint:
        (self.root / "staged" / name).write_text(data)
        return Fingerprint(size=len(data), stamp=data)

    def holds(self, path: Path, fingerprint: Fingerprint) -> bool:
        return path.is_file() and path.read_text() == fingerprint.stamp

    def check(self) -> None:
        pass

    def certain(self) -> bool:
        return True

    def glance(self, path: str) -> Glance:
        return _glance(self.root / path)

    def glance_staged(self, name: str) -> Glance:
        return _glance(self.root / "staged" / name)

    def claim(self, path: str) -> str:
        return path

    def prepare(self, path: str) -> bool:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        return not (self.root / path).is_dir()

    def place(self, name: str, path: str) -> bool:
        self._perhaps("before place")
        try:
            (self.root / "staged" / name).rename(self.root / path)
        except OSError:
            return False
        self._perhaps("after place")
        return True

    def remove(self, path: str, *, only_if: Fingerprint | None) -> bool:
        self._perhaps("before remove")
        file = self.root / path
        if file.exists() and only_if is not None and not self.holds(file, only_if):
            return False
        file.unlink(missing_ok=True)
        self._perhaps("after remove")
        return True

    def drop_staged(self, name: str) -> None:
        self._perhaps("before drop_staged")
        (self.root / "staged" / name).unlink(missing_ok=True)
        self._perhaps("after drop_staged")

    def force_removed(self, paths: Sequence[str]) -> None:
        self._perhaps("before force_removed")

    def make_folder(self, name: str) -> None:
        self._perhaps("before make_folder")
        (self.root / name).mkdir(exist_ok=True)

    def drop_folder(self, name: str) -> None:
        self._perhaps("before drop_folder")

    def _perhaps(self, point: str) -> None:
        if self.crash == point:
            os._exit(77)


def _glance(file: Path) -> Glance:
    if file.is_file():
        data = file.read_text()
        fingerprint = Fingerprint(size=len(data), stamp=data)
        return Glance(nature=Nature.BYTES, fingerprint=fingerprint)
    return Glance(nature=Nature.FOLDER if file.is_dir() else Nature.NOTHING)
