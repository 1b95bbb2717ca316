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
