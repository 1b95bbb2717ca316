"""What Prometheus is told of storages behind a network."""

from prometheus_client import REGISTRY

from gateway.observe.storage_metrics import storage_metrics


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"storage": "tested", **labels}) or 0.0


def test_what_a_storage_is_asked_for_is_counted_and_timed() -> None:
    metrics = storage_metrics()
    assert metrics is storage_metrics()
    metrics.observe("tested", "stat", 0.02, "NotFound")
    assert sample("s3front_storage_operations_total", verb="stat", outcome="NotFound") == 1
    assert sample("s3front_storage_operation_seconds_sum", verb="stat") == 0.02


def test_blocks_and_bytes_of_a_cache_are_counted_apart() -> None:
    metrics = storage_metrics()
    for event, number in (("hit", 1), ("hit bytes", 1000), ("miss", 2), ("evicted", 3)):
        metrics.count("tested", event, number)
    assert sample("s3front_cache_blocks_total", event="hit") == 1
    assert sample("s3front_cache_blocks_total", event="miss") == 2
    assert sample("s3front_cache_blocks_total", event="evicted") == 3
    assert sample("s3front_cache_bytes_total", event="hit") == 1000
