"""Who is refused, and what the refusal tells."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from sigv4.payload import EMPTY_SHA256
from tests.live.client import ACCESS_KEY, SECRET_KEY, Answer, Client
from tests.live.server import Live


def _told(live: Live, answer: Answer) -> str:
    """All that anyone is told of a request: the answer and what the log gets."""
    event = live.event(answer.headers["x-amz-request-id"])
    return f"{answer.body!r} {answer.headers} {event}"


def test_an_anonymous_request_is_denied(client: Client, bucket: str) -> None:
    answer = client.request("GET", f"/{bucket}/key", signed=False)
    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_an_anonymous_request_is_not_told_whether_a_bucket_exists(
    client: Client, bucket: str
) -> None:
    there = client.request("GET", f"/{bucket}", signed=False)
    missing = client.request("GET", "/no-such-bucket-at-all", signed=False)
    assert (there.status, there.code) == (missing.status, missing.code) == (403, "AccessDenied")


def test_an_unknown_key_is_named(live: Live, client: Client, bucket: str) -> None:
    stranger = replace(client, access_key="AKIDNOBODY0000000000")
    answer = stranger.request("GET", f"/{bucket}")
    assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")
    assert answer.text("AWSAccessKeyId") == "AKIDNOBODY0000000000"
    assert live.event(answer.headers["x-amz-request-id"]).hint is None


def test_a_wrong_signature_shows_what_was_to_be_signed(client: Client, bucket: str) -> None:
    forger = replace(client, secret="not-the-secret")
    answer = forger.request("GET", f"/{bucket}")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert (answer.text("StringToSign") or "").startswith("AWS4-HMAC-SHA256\n")
    assert (answer.text("CanonicalRequest") or "").startswith(f"GET\n/{bucket}\n")
    assert answer.text("AWSAccessKeyId") == ACCESS_KEY
    assert answer.text("SignatureProvided")


def test_a_wrong_secret_tells_nothing_of_the_right_one(
    live: Live, client: Client, bucket: str
) -> None:
    forger = replace(client, secret="not-the-secret")
    answer = forger.request("GET", f"/{bucket}")
    right = client.headers("GET", f"/{bucket}", payload_hash=EMPTY_SHA256)["authorization"]
    told = _told(live, answer)
    assert SECRET_KEY not in told
    assert right.rpartition("=")[2] not in told


def test_the_log_is_told_that_the_secret_ends_in_a_newline(
    live: Live, client: Client, bucket: str
) -> None:
    careless = replace(client, secret=SECRET_KEY + "\n")
    answer = careless.request("GET", f"/{bucket}")
    assert answer.code == "SignatureDoesNotMatch"
    event = live.event(answer.headers["x-amz-request-id"])
    assert event.hint is not None
    assert "secret" in event.hint.lower()
    assert SECRET_KEY not in str(event)
    assert event.error_code == "SignatureDoesNotMatch"


def test_the_log_is_told_that_a_proxy_changed_the_host(
    live: Live, client: Client, bucket: str
) -> None:
    headers = client.headers("GET", f"/{bucket}", payload_hash=EMPTY_SHA256)
    moved = {**headers, "host": "10.0.0.1", "x-forwarded-host": client.host}
    answer = client.send("GET", f"/{bucket}", moved, b"")
    assert answer.code == "SignatureDoesNotMatch"
    hint = live.event(answer.headers["x-amz-request-id"]).hint
    assert hint is not None
    assert "host" in hint.lower()


def test_a_hint_is_for_the_log_and_not_for_the_client(
    live: Live, client: Client, bucket: str
) -> None:
    answer = replace(client, secret=SECRET_KEY + "\n").request("GET", f"/{bucket}")
    hint = live.event(answer.headers["x-amz-request-id"]).hint
    assert hint is not None
    assert hint.encode() not in answer.body


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_that_is_wrong_is_told_both_times(
    client: Client, bucket: str, minutes: int
) -> None:
    now = datetime.now(UTC) + timedelta(minutes=minutes)
    headers = client.headers("GET", f"/{bucket}", payload_hash=EMPTY_SHA256, now=now)
    answer = client.send("GET", f"/{bucket}", headers, b"")
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")
    assert answer.text("RequestTime") == f"{now:%Y%m%dT%H%M%SZ}"
    server = datetime.strptime(answer.text("ServerTime") or "", "%Y-%m-%dT%H:%M:%S%z")
    assert abs(server - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_presigned_url_serves_without_headers(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"content")
    target = client.presigned("GET", f"/{bucket}/key")
    answer = client.send("GET", target, {"host": client.host}, b"")
    assert (answer.status, answer.body) == (200, b"content")


def test_an_expired_presigned_url_tells_when_it_expired(client: Client, bucket: str) -> None:
    then = datetime.now(UTC) - timedelta(seconds=90)
    target = client.presigned("GET", f"/{bucket}/key", expires=60, now=then)
    answer = client.send("GET", target, {"host": client.host}, b"")
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert answer.text("Message") == "Request has expired"
    assert answer.text("X-Amz-Expires") == "60"
    assert answer.text("Expires")
    assert answer.text("ServerTime")


def test_a_presigned_url_is_not_another_method(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"content")
    target = client.presigned("GET", f"/{bucket}/key")
    answer = client.send("DELETE", target, {"host": client.host}, b"")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert client.get(bucket, "key").status == 200


def test_a_presigned_query_is_not_logged(live: Live, client: Client, bucket: str) -> None:
    target = client.presigned("GET", f"/{bucket}/key")
    answer = client.send("GET", target, {"host": client.host}, b"")
    event = live.event(answer.headers["x-amz-request-id"])
    assert event.path == f"/{bucket}/key"
    assert "Signature" not in str(event)


def test_two_mechanisms_at_once_are_refused(client: Client, bucket: str) -> None:
    query = client.presigned("GET", f"/{bucket}").partition("?")[2]
    answer = client.request("GET", f"/{bucket}", query)
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert "Only one auth mechanism allowed" in (answer.text("Message") or "")


def test_signature_version_2_is_refused_by_name(client: Client, bucket: str) -> None:
    headers = {"host": client.host, "authorization": f"AWS {ACCESS_KEY}:c2lnbmF0dXJl"}
    answer = client.send("GET", f"/{bucket}", headers, b"")
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert "AWS4-HMAC-SHA256" in (answer.text("Message") or "")


@pytest.mark.parametrize("region", ["auto", "eu-central-1", "us-east-1"])
def test_any_region_is_accepted(client: Client, bucket: str, region: str) -> None:
    answer = client.request("GET", f"/{bucket}", region=region)
    assert answer.status == 200


def test_a_head_that_is_refused_has_status_and_request_id_but_no_body(
    client: Client, bucket: str
) -> None:
    answer = client.request("HEAD", f"/{bucket}/key", signed=False)
    assert (answer.status, answer.body) == (403, b"")
    assert answer.headers["x-amz-request-id"]


def test_every_answer_has_its_own_request_id(live: Live, client: Client, bucket: str) -> None:
    answers = [
        client.request("GET", f"/{bucket}"),
        client.request("GET", f"/{bucket}", signed=False),
        client.request("HEAD", f"/{bucket}/none"),
        client.request("DELETE", f"/{bucket}/none"),
        client.request("GET", "/-/live", signed=False),
        client.request("GET", "/-/nothing", signed=False),
        client.send("GET", "/%zz", {"host": client.host}, b""),
    ]
    ids = [answer.headers["x-amz-request-id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    for answer, id in zip(answers, ids, strict=True):
        assert live.event(id).status == answer.status


def test_the_request_id_is_in_the_document_too(client: Client, bucket: str) -> None:
    answer = client.get(bucket, "none")
    assert answer.text("RequestId") == answer.headers["x-amz-request-id"]
    assert answer.text("Resource") == f"/{bucket}/none"


def test_what_was_asked_is_told_to_the_log(live: Live, client: Client, bucket: str) -> None:
    answer = client.put(bucket, "some key", b"12345", user_agent="agent/1")
    event = live.event(answer.headers["x-amz-request-id"])
    assert (event.operation, event.bucket, event.key) == ("PutObject", bucket, "some key")
    assert (event.method, event.status, event.error_code) == ("PUT", 200, None)
    assert (event.access_key, event.user_agent, event.bytes_in) == (ACCESS_KEY, "agent/1", 5)
    assert event.peer == "127.0.0.1"
    assert not event.aborted


def test_a_signed_header_that_was_changed_is_refused(client: Client, bucket: str) -> None:
    headers = client.headers(
        "PUT", f"/{bucket}/key", headers={"x-amz-meta-a": "1"}, payload_hash=EMPTY_SHA256
    )
    answer = client.send("PUT", f"/{bucket}/key", {**headers, "x-amz-meta-a": "2"}, b"")
    assert answer.code == "SignatureDoesNotMatch"
    assert client.get(bucket, "key").code == "NoSuchKey"


def test_an_amz_header_that_is_not_signed_is_refused(client: Client, bucket: str) -> None:
    hash = sha256(b"x").hexdigest()
    headers = client.headers("PUT", f"/{bucket}/key", payload_hash=hash)
    answer = client.send("PUT", f"/{bucket}/key", {**headers, "x-amz-meta-a": "2"}, b"x")
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert answer.text("HeadersNotSigned") == "x-amz-meta-a"
    assert client.get(bucket, "key").code == "NoSuchKey"
