"""Counters of stored bytes, for Prometheus. Imported by workers only, as ``gateway.observe.metrics``
is, and after a worker was numbered."""

import functools

from prometheus_client import Counter, Gauge

from gateway.observe.tally import Tally


class IntegrityMetrics(Tally):
    """What the scrub has done, what verification has found, and what others did to files."""

    def __init__(self) -> None:
        self._found = Counter(
            "s3front_integrity_findings",
            "Findings of scrub and verified reads, each time they are seen.",
            ["kind"],
        )
        self._objects = Counter(
            "s3front_scrub_objects", "Objects the scrub has looked at, by outcome.", ["outcome"]
        )
        self._bytes = Counter("s3front_scrub_bytes", "Bytes the scrub has compared.")
        self._open = Gauge(
            "s3front_integrity_findings_open",
            "Findings that hold, as the scrub last counted them.",
            multiprocess_mode="livemostrecent",
        )
        self._outside = Counter(
            "s3front_outside_changes", "Objects that others made, changed or removed.", ["what"]
        )
        self._disbelieved = Counter(
            "s3front_missing_disbelieved",
            "Times that so many files of a bucket were gone that none was marked missing.",
        )
        self._finished = Gauge(
            "s3front_scrub_finished_seconds",
            "When the last whole round of the scrub ended, Unix time.",
            multiprocess_mode="livemostrecent",
        )

    def found(self, kind: str) -> None:
        self._found.labels(kind).inc()

    def scrubbed(self, outcome: str, size: int) -> None:
        self._objects.labels(outcome).inc()
        self._bytes.inc(size)

    def stands(self, findings: int, finished_ns: int) -> None:
        self._open.set(findings)
        self._finished.set(finished_ns / 1e9)

    def changed_outside(self, what: str, count: int) -> None:
        self._outside.labels(what).inc(count)

    def disbelieved(self) -> None:
        self._disbelieved.inc()


@functools.cache
def integrity_metrics() -> IntegrityMetrics:
    """Those of this process."""
    return IntegrityMetrics()
