"""What came of a rebuild, in numbers."""

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Outcome:
    """How many rows were kept and have no bytes, how many objects found beyond those kept, how many files
    are not described."""

    kept: int = 0
    found: int = 0
    missing: int = 0
    superseded: int = 0
    """Older versions than the current one: rows overtaken by bytes, bytes that a crash left."""
    strangers: int = 0
    buckets_found: list[str] = field(default_factory=list)
    buckets_dropped: list[str] = field(default_factory=list)
    uploads_kept: int = 0
    uploads_dropped: int = 0
