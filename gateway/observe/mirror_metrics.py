"""What mirrors have to repair and what is repaired, for Prometheus. Imported by workers only, as
``gateway.observe.metrics`` is, and after a worker was numbered."""

import functools

from prometheus_client import Counter, Gauge

from gateway.observe.tally import MirrorTally


class MirrorMetrics(MirrorTally):
    """As the elected worker tells it."""

    def __init__(self) -> None:
        self._waiting = self._gauge(
            "s3front_mirror_waiting", "Copies on members of a mirror that wait for repair."
        )
        self._oldest = self._gauge(
            "s3front_mirror_oldest_seconds", "How long the copy has waited that waits longest."
        )
        self._resting = self._gauge(
            "s3front_mirror_members_resting", "Members that are not asked, since they failed."
        )
        self._done = Counter(
            "s3front_mirror_repairs", "Repairs of copies, by outcome.", ["mirror", "outcome"]
        )
        self._bytes = Counter(
            "s3front_mirror_bytes_copied", "Bytes that repairs have copied.", ["mirror"]
        )

    @staticmethod
    def _gauge(name: str, about: str) -> Gauge:
        return Gauge(name, about, ["mirror"], multiprocess_mode="livemostrecent")

    def stands(self, mirror: str, *, waiting: int, oldest_s: float, resting: int) -> None:
        self._waiting.labels(mirror).set(waiting)
        self._oldest.labels(mirror).set(oldest_s)
        self._resting.labels(mirror).set(resting)

    def repaired(self, mirror: str, *, copied: int, bytes: int, removed: int, failed: int) -> None:
        for outcome, count in (("copied", copied), ("removed", removed), ("failed", failed)):
            self._done.labels(mirror, outcome).inc(count)
        self._bytes.labels(mirror).inc(bytes)


@functools.cache
def mirror_metrics() -> MirrorMetrics:
    """Those of this process."""
    return MirrorMetrics()
