"""OPTIONS: what a browser is told before it asks another origin for something."""

import pytest

from tests.live.client import Client

ORIGIN = {"origin": "https://app.example.com"}


@pytest.mark.parametrize("bucket_exists", [True, False])
@pytest.mark.parametrize(("key", "kind"), [("", "BUCKET"), ("/key", "OBJECT")])
def test_no_bucket_has_cors_and_none_is_told_from_another(
    client: Client, bucket: str, *, bucket_exists: bool, key: str, kind: str
) -> None:
    path = f"/{bucket if bucket_exists else 'no-such-bucket'}{key}"
    asked = {**ORIGIN, "access-control-request-method": "PUT"}
    answer = client.request("OPTIONS", path, headers=asked, signed=False)
    assert (answer.status, answer.code) == (403, "AccessForbidden")
    assert answer.text("Message") == "CORSResponse: CORS is not enabled for this bucket."
    assert (answer.text("Method"), answer.text("ResourceType")) == ("PUT", kind)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_preflight_without_a_method_is_an_options(client: Client, bucket: str) -> None:
    answer = client.request("OPTIONS", f"/{bucket}", headers=ORIGIN, signed=False)
    assert (answer.code, answer.text("Method")) == ("AccessForbidden", "OPTIONS")
    odd = {**ORIGIN, "access-control-request-method": "<b>"}
    answer = client.request("OPTIONS", f"/{bucket}", headers=odd, signed=False)
    assert (answer.code, answer.text("Method")) == ("AccessForbidden", "OPTIONS")


@pytest.mark.parametrize("signed", [True, False])
def test_a_preflight_needs_an_origin(client: Client, bucket: str, *, signed: bool) -> None:
    answer = client.request("OPTIONS", f"/{bucket}/key", signed=signed)
    assert (answer.status, answer.code) == (400, "BadRequest")
    assert answer.text("Message") == "Insufficient information. Origin request header needed."


def test_the_service_has_no_preflights(client: Client) -> None:
    answer = client.request("OPTIONS", "/", headers=ORIGIN, signed=False)
    assert (answer.status, answer.code) == (403, "AccessDenied")
