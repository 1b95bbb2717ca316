"""A request for each row of the table of operations."""

from gateway.operations import BY_NAME, OPERATIONS, Operation
from gateway.s3.message import Scope
from tests.hostile.writing_operations import snapshot
from tests.live.client import Answer, Client

ROWS = tuple(row for row in OPERATIONS if row.same_request_as is None)
UNBUILT = tuple(row for row in ROWS if row.serve is None)
BUILT = tuple(row for row in ROWS if row.serve is not None)


def path_and_query(row: Operation, bucket: str, key: str = "key") -> tuple[str, str]:
    path = {
        Scope.SERVICE: "/",
        Scope.BUCKET: f"/{bucket}",
        Scope.OBJECT: f"/{bucket}/{key}",
    }[row.scope]
    if row.name == "WriteGetObjectResponse":
        path = "/WriteGetObjectResponse"
    return path, "&".join(f"{name}={value or '1'}" for name, value in sorted(row.query.items()))


def selecting_headers(row: Operation, bucket: str) -> dict[str, str]:
    headers = dict.fromkeys(row.headers, f"/{bucket}/key")
    if row.form:
        headers["content-type"] = "multipart/form-data; boundary=b"
    return headers


def ask(
    client: Client, row: Operation, bucket: str, body: bytes = b"", *, signed: bool = True
) -> Answer:
    """The request of a row, as little as selects it."""
    path, query = path_and_query(row, bucket)
    headers = selecting_headers(row, bucket)
    return client.request(row.method, path, query, headers=headers, body=body, signed=signed)


def assert_not_served(client: Client, bucket: str, operation: str, body: bytes = b"") -> None:
    """It answers 501 with its name, signed as well as can be, and changes nothing.

    Fails as soon as the operation is built: then the advisory that leans on this must be tested.
    """
    row = BY_NAME[operation]
    assert row.serve is None, f"{operation} is built: write the real test"
    before = snapshot(client, bucket)
    answer = ask(client, row, bucket, body)
    assert answer.status == 501
    if row.method != "HEAD":
        assert answer.code == "NotImplemented"
        assert operation in (answer.text("Message") or "")
    assert snapshot(client, bucket) == before
