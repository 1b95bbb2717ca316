"""Which names a file system confuses, and which it does not give back as they were."""

import unicodedata
from dataclasses import dataclass
from typing import Literal

from backends.naming import coarse


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """What was probed. The default is an exact file system, as ext4, XFS and btrfs are."""

    case: bool = False
    """``a`` and ``A`` are one name."""
    unicode: bool = False
    """Composed and decomposed letters are one name."""
    stores: Literal["NFC", "NFD"] | None = None
    """The form names are turned into; None if they are kept as given."""
    lowers: bool = False
    """Upper case is not kept."""

    def claim(self, path: str) -> str:
        """Equal for two paths that are one here. Folds more than any one file system does: that
        costs a shadow name at worst."""
        return coarse(path) if self.case or self.unicode else path

    def exact(self, path: str) -> bool:
        """Whether a listing would give ``path`` back as it is."""
        if self.lowers and path != path.lower():
            return False
        return self.stores is None or unicodedata.is_normalized(self.stores, path)
