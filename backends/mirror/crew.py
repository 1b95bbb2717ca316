"""What all parts of a mirror share: its members and its ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backends.interface import Can
from backends.mirror.ledger import Ledger
from backends.mirror.marking import marked
from backends.mirror.member import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """``members``: by name, in the order in which they are asked."""

    members: Mapping[str, Member]
    ledger: Ledger
    copies: bool
    """Whether each is to hold everything."""

    @property
    def in_order(self) -> Sequence[Member]:
        return tuple(self.members.values())

    @property
    def first(self) -> Member:
        """On which files of others are looked for."""
        return next(iter(self.members.values()))

    @property
    def describes(self) -> bool:
        """Whether all keep self-descriptions, by which our bytes are told from others'."""
        return all(Can.DESCRIBE in member.can for member in self.members.values())

    @property
    def is_tree(self) -> bool:
        """Whether any keeps the rule of file systems, so that all must."""
        return any(Can.TREE in member.can for member in self.members.values())

    def others(self, member: Member) -> Sequence[str]:
        """Who is to get what that one has stored."""
        return [name for name in self.members if name != member.name] if self.copies else ()

    def marked(self, path: str, generation: int, description: bytes | None) -> bytes | None:
        """The description that a member is to keep."""
        return marked(path, generation, description) if self.describes else None
