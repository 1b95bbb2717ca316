"""A storage as the catalog sees it: names and fingerprints only, every call recorded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from backends.errors import Unavailable
from backends.interface import Can, Fingerprint, Glance, Nature


@dataclass(eq=False)
class Shelf:
    """Keeps fingerprints under staged names and paths, with the rule that no path lies under one
    that holds bytes. Each switch makes one verb behave as a storage in trouble."""

    fold: Callable[[str], str] = str
    can: Can = Can.STAGE
    staged: dict[str, Fingerprint] = field(default_factory=dict)
    paths: dict[str, Fingerprint] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    refuses_to_prepare: bool = False
    refuses_to_place: bool = False
    parents_are_gone: bool = False
    """Since the last ``prepare``."""
    refuses_to_remove: bool = False
    fails_to_remove: bool = False
    fails_to_place: bool = False
    fails_to_force: bool = False
    is_away: bool = False
    is_itself: bool = True

    def stage(self, name: str, size: int) -> Fingerprint:
        fingerprint = Fingerprint(size=size, stamp=f"of-{name}")
        self.staged[name] = fingerprint
        return fingerprint

    def check(self) -> None:
        if self.is_away:
            raise Unavailable("unmounted")

    def certain(self) -> bool:
        self.check()
        return self.is_itself

    def glance(self, path: str) -> Glance:
        self.check()
        return _glance(self.paths.get(path), folder=path in self.folders)

    def glance_staged(self, name: str) -> Glance:
        return _glance(self.staged.get(name), folder=False)

    def claim(self, path: str) -> str:
        return self.fold(path)

    def prepare(self, path: str) -> bool:
        self.calls.append(("prepare", path))
        self.parents_are_gone = False
        if self.refuses_to_prepare:
            return False
        parents = path.split("/")
        above = {"/".join(parents[:n]) for n in range(1, len(parents))}
        return not above & set(self.paths) and not any(
            known.startswith(f"{path}/") for known in self.paths
        )

    def place(self, name: str, path: str) -> bool:
        self.calls.append(("place", name, path))
        if self.fails_to_place:
            raise Unavailable("no place")
        if self.parents_are_gone:
            return False
        if self.refuses_to_place or name not in self.staged:
            return False
        self.paths[path] = self.staged.pop(name)
        return True

    def remove(self, path: str, *, only_if: Fingerprint | None) -> bool:
        self.calls.append(("remove", path))
        if self.fails_to_remove:
            raise Unavailable("no remove")
        if self.refuses_to_remove:
            return False
        found = self.paths.get(path)
        if found is not None and only_if is not None and found != only_if:
            return False
        self.paths.pop(path, None)
        return True

    def force_removed(self, paths: Sequence[str]) -> None:
        self.calls.append(("force_removed", *paths))
        if self.fails_to_force:
            raise Unavailable("no fsync")

    def drop_staged(self, name: str) -> None:
        self.calls.append(("drop_staged", name))
        self.staged.pop(name, None)

    def make_folder(self, name: str) -> None:
        self.calls.append(("make_folder", name))
        self.folders.add(name)

    def drop_folder(self, name: str) -> None:
        self.calls.append(("drop_folder", name))
        self.folders.discard(name)


def _glance(found: Fingerprint | None, *, folder: bool) -> Glance:
    if found is not None:
        return Glance(nature=Nature.BYTES, fingerprint=found)
    return Glance(nature=Nature.FOLDER if folder else Nature.NOTHING)
