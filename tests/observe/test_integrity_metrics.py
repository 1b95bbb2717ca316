"""What Prometheus is told of stored bytes."""

from prometheus_client import REGISTRY

from gateway.observe.integrity_metrics import integrity_metrics


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_findings_and_work_are_counted() -> None:
    tally = integrity_metrics()
    assert tally is integrity_metrics()
    before = sample("s3front_scrub_bytes_total")
    tally.found("damaged")
    tally.scrubbed("sound", 7)
    tally.scrubbed("damaged", 5)
    tally.stands(3, 1_500_000_000)
    assert sample("s3front_integrity_findings_total", kind="damaged") >= 1
    assert sample("s3front_scrub_objects_total", outcome="sound") >= 1
    assert sample("s3front_scrub_bytes_total") == before + 12
    assert sample("s3front_integrity_findings_open") == 3
    assert sample("s3front_scrub_finished_seconds") == 1.5


def test_changes_from_outside_are_counted() -> None:
    tally = integrity_metrics()
    new = sample("s3front_outside_changes_total", what="new")
    alarms = sample("s3front_missing_disbelieved_total")
    tally.changed_outside("new", 3)
    tally.changed_outside("missing", 1)
    tally.disbelieved()
    assert sample("s3front_outside_changes_total", what="new") == new + 3
    assert sample("s3front_outside_changes_total", what="missing") >= 1
    assert sample("s3front_missing_disbelieved_total") == alarms + 1
