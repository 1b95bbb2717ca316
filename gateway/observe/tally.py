"""What is counted of stored bytes (verification, changes from outside), where nobody counts."""


class Tally:
    """Takes what is to be counted and forgets it. ``gateway.observe.integrity_metrics`` counts."""

    def found(self, kind: str) -> None:
        """Something was seen that is not as it was written."""

    def scrubbed(self, outcome: str, size: int) -> None:
        """The scrub has looked at one object and hashed that many bytes."""

    def stands(self, findings: int, finished_ns: int) -> None:
        """How many findings hold, and when a round last ended (Unix ns)."""

    def changed_outside(self, what: str, count: int) -> None:
        """Others did so to so many objects: ``new``, ``changed``, ``back``, ``missing``, ``refused``."""

    def disbelieved(self) -> None:
        """So many files of a bucket were gone at once that none was marked missing."""


class MirrorTally:
    """The same of mirrors. ``gateway.observe.mirror_metrics`` counts."""

    def stands(self, mirror: str, *, waiting: int, oldest_s: float, resting: int) -> None:
        """How many copies wait for repair, for how long the oldest does, how many members rest."""

    def repaired(self, mirror: str, *, copied: int, bytes: int, removed: int, failed: int) -> None:
        """What a round of repairs has done."""
