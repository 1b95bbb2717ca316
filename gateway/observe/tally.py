"""What is counted of verification, where nobody counts."""


class Tally:
    """Takes what is to be counted and forgets it. ``gateway.observe.integrity_metrics`` counts."""

    def found(self, kind: str) -> None:
        """Something was seen that is not as it was written."""

    def scrubbed(self, outcome: str, size: int) -> None:
        """The scrub has looked at one object and hashed that many bytes."""

    def stands(self, findings: int, finished_ns: int) -> None:
        """How many findings hold, and when a round last ended (Unix ns)."""
