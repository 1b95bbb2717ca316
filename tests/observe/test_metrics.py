"""What is counted, and that nothing a client sends becomes a label."""

import pytest
from prometheus_client import CollectorRegistry

from gateway.observe import metrics as module
from gateway.observe.event import RequestEvent
from gateway.observe.metrics import Metrics


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def event(
    *,
    operation: str = "GetObject",
    status: int = 200,
    error_code: str | None = None,
    access_key: str | None = "AKIASECRETIVE",
    seconds: float = 0.02,
) -> RequestEvent:
    return RequestEvent(
        id="X", method="GET", path="/raw/confidential.txt", peer="10.0.0.7", bucket="raw",
        key="confidential.txt", operation=operation, status=status, error_code=error_code,
        access_key=access_key, bytes_in=3, bytes_out=5, seconds=seconds,
    )  # fmt: skip


def samples(registry: CollectorRegistry) -> dict[str, float]:
    return {
        sample.name
        + "".join(f"|{key}={value}" for key, value in sample.labels.items()): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def test_requests_bytes_and_seconds_are_counted(registry: CollectorRegistry) -> None:
    metrics = Metrics(registry)
    metrics.observe(event())
    metrics.observe(event(seconds=0.5))
    metrics.observe(event(operation="PutObject", status=500, error_code="InternalError"))
    found = samples(registry)
    assert found["s3front_s3_requests_total|operation=GetObject|status=200"] == 2
    assert found["s3front_s3_requests_total|operation=PutObject|status=500"] == 1
    assert found["s3front_s3_errors_total|code=InternalError"] == 1
    assert found["s3front_s3_bytes_in_total"] == 9
    assert found["s3front_s3_bytes_out_total"] == 15
    assert found["s3front_s3_request_seconds_count|operation=GetObject"] == 2
    assert found["s3front_s3_request_seconds_bucket|operation=GetObject|le=0.03"] == 1
    assert found["s3front_s3_request_seconds_sum|operation=GetObject"] == pytest.approx(0.52)


def test_failed_authentication_is_counted_by_reason(registry: CollectorRegistry) -> None:
    metrics = Metrics(registry)
    metrics.observe(event(status=403, error_code="SignatureDoesNotMatch"))
    metrics.observe(event(status=403, error_code="AccessDenied", access_key=None))
    metrics.observe(event(status=403, error_code="AccessDenied"))
    found = samples(registry)
    assert found["s3front_auth_failures_total|reason=SignatureDoesNotMatch"] == 1
    assert found["s3front_auth_failures_total|reason=Anonymous"] == 1
    assert "s3front_auth_failures_total|reason=AccessDenied" not in found
    assert found["s3front_s3_errors_total|code=AccessDenied"] == 2


def test_health_checks_are_no_requests(registry: CollectorRegistry) -> None:
    Metrics(registry).observe(event(operation="site"))
    assert not [name for name in samples(registry) if "requests_total" in name]


def test_no_key_and_no_access_key_is_told(registry: CollectorRegistry) -> None:
    Metrics(registry).observe(event(status=403, error_code="AccessDenied"))
    text = repr(samples(registry))
    for secret in ("confidential", "AKIASECRETIVE", "raw", "10.0.0.7"):
        assert secret not in text


def test_in_flight_is_what_it_was_last_told(registry: CollectorRegistry) -> None:
    metrics = Metrics(registry)
    metrics.set_inflight(3)
    assert samples(registry)["s3front_s3_inflight"] == 3


def test_labels_are_bounded_whatever_happens(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_LABELS", 10)
    metrics = Metrics(registry)
    for number in range(100):
        metrics.observe(event(operation=f"O{number}", status=403, error_code=f"E{number}"))
    found = samples(registry)
    assert len([name for name in found if name.startswith("s3front_s3_requests_total")]) == 11
    assert found["s3front_s3_requests_total|operation=other|status=other"] == 90
    assert found["s3front_s3_errors_total|code=other"] == 90
    assert found["s3front_s3_request_seconds_count|operation=other"] == 90
