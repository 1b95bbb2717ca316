"""What a commit does with bytes: the verbs of a storage, and the names it gives."""

from collections.abc import Sequence
from typing import Protocol

from backends.interface import Can, Fingerprint, Glance


class Placing(Protocol):
    """The verbs of ``backends.interface.Storage`` that a commit calls. All block briefly.

    Of one without Can.STAGE only ``check`` and ``claim`` are.
    """

    @property
    def can(self) -> Can: ...
    def check(self) -> None: ...
    def claim(self, path: str) -> str: ...
    def prepare(self, path: str) -> bool: ...
    def place(self, name: str, path: str) -> bool: ...
    def remove(self, path: str, *, only_if: Fingerprint | None) -> bool: ...
    def drop_staged(self, name: str) -> None: ...
    def force_removed(self, paths: Sequence[str]) -> None: ...
    def make_folder(self, name: str) -> None: ...
    def drop_folder(self, name: str) -> None: ...
    def glance(self, path: str) -> Glance: ...
    def glance_staged(self, name: str) -> Glance: ...
    def certain(self) -> bool: ...


def shadow_path(staged: str) -> str:
    """The path of our own for staged bytes that cannot have their natural one.

    Fixed length for our staged names, unique as they are, never reused.
    """
    return f".s3front/o/{staged[-2:]}/{staged}"


def upload_file(upload_id: str) -> str:
    """Staged name of the file in which an upload's parts lie in place."""
    return f"upload-{upload_id}"


def part_file(upload_id: str, number: int, attempt: str) -> str:
    """Staged name of a part that has its own file."""
    return f"part-{upload_id}-{number}-{attempt}"
