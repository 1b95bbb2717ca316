"""What Prometheus is told of mirrors."""

from prometheus_client import REGISTRY

from gateway.observe.mirror_metrics import mirror_metrics


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_what_waits_and_what_is_done_is_told_by_mirror() -> None:
    tally = mirror_metrics()
    assert tally is mirror_metrics()
    tally.stands("safe", waiting=3, oldest_s=2.5, resting=1)
    assert sample("s3front_mirror_waiting", mirror="safe") == 3
    assert sample("s3front_mirror_oldest_seconds", mirror="safe") == 2.5
    assert sample("s3front_mirror_members_resting", mirror="safe") == 1
    tally.repaired("safe", copied=2, bytes=700, removed=1, failed=4)
    tally.repaired("safe", copied=1, bytes=70, removed=0, failed=0)
    for outcome, count in (("copied", 3), ("removed", 1), ("failed", 4)):
        assert sample("s3front_mirror_repairs_total", mirror="safe", outcome=outcome) == count
    assert sample("s3front_mirror_bytes_copied_total", mirror="safe") == 770
