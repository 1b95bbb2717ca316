"""The table of operations, walked: no row is reached without a verdict on who asks and may."""

import pytest

from gateway.access.authorization import Authorization
from gateway.access.principals import Principal
from gateway.operations import Operation
from gateway.s3.errors import S3Error
from tests.hostile.exchanges import seen
from tests.hostile.table_rows import BUILT, ROWS, UNBUILT, ask, assert_not_served, selecting_headers
from tests.hostile.writing_operations import snapshot
from tests.live.client import Client
from tests.live.server import Live


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_stranger_gets_no_further_than_authentication(
    live: Live, client: Client, bucket: str, row: Operation
) -> None:
    client.put(bucket, "key", b"content")
    before = snapshot(client, bucket)
    seen(live)
    answer = ask(client, row, bucket, b"<x/>", signed=False)
    assert (answer.status, answer.code) == (403, None if row.method == "HEAD" else "AccessDenied")
    assert [event.operation for event in seen(live)] == ["-"]
    assert snapshot(client, bucket) == before


@pytest.mark.parametrize("row", UNBUILT, ids=lambda row: row.name)
def test_what_is_not_built_is_refused_by_its_name(
    client: Client, bucket: str, row: Operation
) -> None:
    client.put(bucket, "key", b"content")
    assert_not_served(client, bucket, row.name, b"<x/>")


@pytest.mark.parametrize("row", BUILT, ids=lambda row: row.name)
def test_each_right_an_operation_needs_is_asked_for(
    client: Client, bucket: str, row: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put(bucket, "key", b"content")
    before = snapshot(client, bucket)
    asked: list[str] = []

    def deny(_: Authorization, _principal: Principal, action: str) -> None:
        asked.append(action)
        if action == denied:
            raise S3Error("AccessDenied")

    needed = list(row.actions(version=False, headers={}))
    needed += row.source_actions(selecting_headers(row, bucket))
    assert needed
    with monkeypatch.context() as patched:
        patched.setattr(Authorization, "__call__", deny)
        for denied in needed:
            asked.clear()
            answer = ask(client, row, bucket, b"<x/>")
            assert answer.status == 403
            assert asked[-1] == denied
    assert snapshot(client, bucket) == before


@pytest.mark.parametrize("row", BUILT, ids=lambda row: row.name)
def test_a_right_that_a_header_needs_is_asked_for(
    client: Client, bucket: str, row: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(Authorization, "__call__", lambda _, __, action: asked.append(action))
        for header, action in row.header_actions.items():
            asked.clear()
            # A header that the operation would refuse: rights are asked for before that.
            client.request(
                row.method,
                f"/{bucket}/key" if row.scope.value == "object" else f"/{bucket}",
                "&".join(f"{name}={value or '1'}" for name, value in row.query.items()),
                headers={**selecting_headers(row, bucket), header: "nonsense"},
            )
            assert action in asked
