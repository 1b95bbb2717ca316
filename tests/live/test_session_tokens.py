"""A session token belongs to a temporary key. There are none: it cannot be honoured, so it is refused."""

import pytest

from tests.live.client import ACCESS_KEY, Client


def test_a_session_token_in_a_header_is_refused(client: Client, bucket: str) -> None:
    answer = client.request("GET", f"/{bucket}", headers={"x-amz-security-token": "any"})
    assert (answer.status, answer.code) == (400, "InvalidToken")


def test_a_session_token_in_a_presigned_url_is_refused(client: Client, bucket: str) -> None:
    target = client.presigned("GET", f"/{bucket}", "X-Amz-Security-Token=any")
    answer = client.send("GET", target, {"host": client.host}, b"")
    assert (answer.status, answer.code) == (400, "InvalidToken")


def test_an_empty_session_token_is_none(client: Client, bucket: str) -> None:
    answer = client.request("GET", f"/{bucket}", headers={"x-amz-security-token": ""})
    assert answer.status == 200


@pytest.mark.parametrize("query", ["prefix=x-amz-security-token", "prefix=x-amz-security-token=a"])
def test_a_value_that_looks_like_a_token_is_none(client: Client, bucket: str, query: str) -> None:
    assert client.request("GET", f"/{bucket}", query.replace("token=a", "token%3Da")).status == 200


def test_a_token_beside_a_wrong_signature_tells_nothing(client: Client, bucket: str) -> None:
    stranger = Client(port=client.port, access_key=ACCESS_KEY, secret="x" * 40)
    answer = stranger.request("GET", f"/{bucket}", headers={"x-amz-security-token": "any"})
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
