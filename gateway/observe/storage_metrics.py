"""What storages behind a network do, for Prometheus. Imported by workers only, as
``gateway.observe.metrics`` is, and after a worker was numbered."""

import functools

from prometheus_client import Counter, Histogram

from backends.cache.events import BYTES

_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 120.0)


class StorageMetrics:
    """Counts and times what each storage is asked for, by verb."""

    def __init__(self) -> None:
        self._asked = Counter(
            "s3front_storage_operations",
            "What storages behind a network were asked for, by outcome.",
            ["storage", "verb", "outcome"],
        )
        self._seconds = Histogram(
            "s3front_storage_operation_seconds",
            "How long it took, attempts and pauses included; of a reading, until it was open.",
            ["storage", "verb"],
            buckets=_BUCKETS,
        )

        self._cached = Counter(
            "s3front_cache_blocks",
            "Blocks of storages with a cache: hit, miss, kept, refused (what is there is asked for more "
            "often), evicted, damaged, failed.",
            ["storage", "event"],
        )
        self._cached_bytes = Counter(
            "s3front_cache_bytes",
            "Bytes that were read of storages with a cache: hit (from the cache), miss.",
            ["storage", "event"],
        )

    def observe(self, storage: str, verb: str, seconds: float, outcome: str) -> None:
        """One thing that was asked for has ended."""
        self._asked.labels(storage, verb, outcome).inc()
        self._seconds.labels(storage, verb).observe(seconds)

    def count(self, storage: str, event: str, number: int) -> None:
        """A cache did something. From any thread."""
        kind = event.removesuffix(BYTES)
        counter = self._cached if kind == event else self._cached_bytes
        counter.labels(storage, kind).inc(number)


@functools.cache
def storage_metrics() -> StorageMetrics:
    """Those of this process."""
    return StorageMetrics()
