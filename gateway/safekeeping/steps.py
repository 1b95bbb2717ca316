"""How long work tells how far it is, whoever listens."""

from typing import Protocol


class Steps(Protocol):
    """Told of one step after the other; a step ends when the next begins."""

    def begin(self, name: str, total: int | None = None) -> None:
        """A step, named for people, of ``total`` units (None: nobody knows how many)."""

    def advance(self, units: int = 1) -> None:
        """So many more units of it are done."""


class Silent:
    """Tells nobody."""

    def begin(self, name: str, total: int | None = None) -> None:
        """Nothing."""

    def advance(self, units: int = 1) -> None:
        """Nothing."""
