"""Counters and histograms of requests, for Prometheus.

prometheus-client decides when it is imported whether values live in files that several processes
add up (``PROMETHEUS_MULTIPROC_DIR``), so this module is imported by workers only, after the parent
has set that variable. No key, bucket or access key is ever a label.
"""

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from gateway.observe.event import RequestEvent

_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 120.0)
_MOST_LABELS = 2000
"""Children of one metric; what comes after is counted as ``other``. The table of operations and the
codes of errors are closed sets far below it: this bounds mistakes."""

SITE = "site"
"""``RequestEvent.operation`` of what is not S3."""

_AUTHENTICATION = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "AuthorizationQueryParametersError",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "MissingSecurityHeader",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "XAmzContentSHA256Mismatch",
    }
)


def number_this_worker(number: int) -> None:
    """Name this process's files by the worker's number, not its pid: a worker that is started again
    goes on where the dead one stopped, and files do not pile up. Before ``Metrics`` is made."""
    values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]  # the library leaves it untyped


class Metrics:
    """Metrics of one worker. ``observe`` costs a few microseconds."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or prometheus_client.REGISTRY
        self._requests = Counter(
            "s3front_s3_requests", "Requests answered.", ["operation", "status"], registry=registry
        )
        self._errors = Counter(
            "s3front_s3_errors", "Errors answered, by S3 code.", ["code"], registry=registry
        )
        self._seconds = Histogram(
            "s3front_s3_request_seconds",
            "From the head of the request to the last byte of the answer.",
            ["operation"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._refused = Counter(
            "s3front_auth_failures",
            "Requests refused unauthenticated.",
            ["reason"],
            registry=registry,
        )
        self._in = Counter("s3front_s3_bytes_in", "Bytes of bodies received.", registry=registry)
        self._out = Counter("s3front_s3_bytes_out", "Bytes of bodies sent.", registry=registry)
        self._inflight = Gauge(
            "s3front_s3_inflight",
            "Requests being answered.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._of_request: dict[tuple[str, int], Counter] = {}
        self._of_operation: dict[str, Histogram] = {}
        self._of_code: dict[str, Counter] = {}
        self._of_reason: dict[str, Counter] = {}

    def observe(self, event: RequestEvent) -> None:
        """Count one finished request, unless it was for health."""
        if event.operation == SITE:
            return
        request = self._of_request.get((event.operation, event.status))
        if request is None:
            request = self._new_request(event)
        request.inc()
        seconds = self._of_operation.get(event.operation)
        if seconds is None:
            seconds = self._new_operation(event.operation)
        seconds.observe(event.seconds)
        if event.bytes_in:
            self._in.inc(event.bytes_in)
        if event.bytes_out:
            self._out.inc(event.bytes_out)
        if event.error_code is not None:
            self._count_error(event, event.error_code)

    def set_inflight(self, requests: int) -> None:
        """How many requests this worker is answering."""
        self._inflight.set(requests)

    def _new_request(self, event: RequestEvent) -> Counter:
        operation = event.operation
        if len(self._of_request) >= _MOST_LABELS:
            return self._requests.labels("other", "other")
        child = self._requests.labels(operation, str(event.status))
        self._of_request[operation, event.status] = child
        return child

    def _new_operation(self, operation: str) -> Histogram:
        if len(self._of_operation) >= _MOST_LABELS:
            return self._seconds.labels("other")
        child = self._of_operation[operation] = self._seconds.labels(operation)
        return child

    def _count_error(self, event: RequestEvent, code: str) -> None:
        _child(self._errors, self._of_code, code).inc()
        if code in _AUTHENTICATION:
            _child(self._refused, self._of_reason, code).inc()
        elif code == "AccessDenied" and event.access_key is None:
            _child(self._refused, self._of_reason, "Anonymous").inc()


def _child(metric: Counter, children: dict[str, Counter], label: str) -> Counter:
    child = children.get(label)
    if child is None:
        if len(children) >= _MOST_LABELS:
            return metric.labels("other")
        child = children[label] = metric.labels(label)
    return child
