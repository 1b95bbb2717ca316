"""What is not S3: each path is listed here with who may ask for it, and asked by a stranger."""

import ast
import inspect
import textwrap

import pytest

from gateway.server.health import Health
from gateway.wire import listener
from tests.live.client import Client

SECRETS = ("AKID", "secret", "/.s3front", "catalog.db", "PATH", "Traceback")

# Path ▶ what anyone on the network is told. Nothing here takes input or tells of data.
PUBLIC = {
    "/-/live": (200, b"live\n"),
    "/-/ready": (200, b"ready\n"),
    "/minio/health/live": (200, b"live\n"),
    "/minio/health/ready": (200, b"ready\n"),
    "/minio/health/cluster": (200, b"ready\n"),
}

DOORS = (
    "/-/",
    "/-/api/",
    "/-/api/v1/users",
    "/-/admin",
    "/-/console",
    "/-/metrics",
    "/-/debug",
    "/-/debug/pprof/",
    "/-/env",
    "/-/live/",
    "/-/live/../../etc/passwd",
    "/-/ready%00",
    "/-/%2e%2e/",
    "/-/.s3front/credentials",
    "/-//live",
    "/metrics",
    "/debug/pprof/heap",
    "/debug/vars",
    "/server-status",
    "/actuator/env",
    "/.env",
    "/.git/config",
    "/minio/admin/v3/info",
    "/minio/bootstrap/v1/verify",
    "/minio/v2/metrics/cluster",
    "/minio/health/../admin/v3/info",
    "/minio/prometheus/metrics",
    "/minio/storage/data/v63/readall",
    "/minio/webrpc",
    "/rustfs/admin/v3/info",
    "/rustfs/rpc/read_file_stream",
    "/rustfs/console/",
    "/profile/cpu",
    "/dir/status",
    "/vol/grow",
    "/heal",
    "/iam",
    "/_cluster",
)


def test_every_route_beside_s3_is_listed() -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(Health.answer)))
    (match,) = (node for node in ast.walk(tree) if isinstance(node, ast.Match))
    served = {
        node.value
        for case in match.cases
        for node in ast.walk(case.pattern)
        if isinstance(node, ast.Constant)
    }
    assert served == PUBLIC.keys()
    assert listener._SITE_PREFIXES == ("/-/", "/minio/health/")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", PUBLIC)
def test_a_listed_route_tells_nothing_more(client: Client, path: str, method: str) -> None:
    answer = client.request(method, path, "verbose=1", body=b"x", signed=False)
    assert (answer.status, answer.body) == (
        PUBLIC[path][0],
        b"" if method == "HEAD" else PUBLIC[path][1],
    )


@pytest.mark.parametrize("path", DOORS)
def test_a_door_of_others_is_closed(client: Client, path: str) -> None:
    for method in ("GET", "POST", "PUT"):
        answer = client.request(method, path, body=b"<x/>", signed=False)
        assert answer.status in {400, 403, 404}, answer
        told = f"{answer.headers} {answer.body!r}"
        assert not [word for word in SECRETS if word in told], told


@pytest.mark.parametrize("name", ["-", "%2D", ".s3front", "..", "%2e%2e", "minio%2Fhealth"])
def test_no_bucket_has_a_name_that_means_something_else(client: Client, name: str) -> None:
    answer = client.request("PUT", f"/{name}")
    assert answer.status in {400, 404, 405}
    assert answer.code in {"InvalidBucketName", "MethodNotAllowed", None}
    assert name not in client.request("GET", "/").texts("Buckets/Bucket/Name")


def test_below_a_bucket_s_own_host_dash_is_a_key(client: Client, bucket: str) -> None:
    host = {"host": f"{bucket}.localhost:{client.port}"}
    answer = client.send("GET", "/-/live", host, b"")
    assert (answer.status, answer.code) == (403, "AccessDenied")
