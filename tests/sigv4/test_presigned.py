"""Presigned URLs: their parameters, their time, their payload."""

import datetime as dt
from dataclasses import replace
from functools import partial

import pytest

from sigv4.canonical import Signable, canonical_query
from sigv4.mechanism import claim_of
from sigv4.payload import EMPTY_SHA256, Payload
from sigv4.sign import Credentials, presign
from tests.sigv4.signing import (
    CREDENTIALS,
    NOW,
    presigned,
    proved,
    refusal,
    request,
    with_headers,
)

GOOD = presigned(request(query="x-id=GetObject"), expires=60)
NAMES = ["Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires"]
MISSING = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
    "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)


def with_parameter(name: str, value: str | None, good: Signable = GOOD) -> Signable:
    parts = [part for part in good.query.split("&") if part.partition("=")[0] != name]
    if value is not None:
        parts.append(f"{name}={value}")
    return replace(good, query="&".join(parts))


@pytest.mark.parametrize("name", NAMES)
def test_each_of_the_six_parameters_is_needed(name: str) -> None:
    raised = refusal(lambda: claim_of(with_parameter(f"X-Amz-{name}", None)))
    assert (raised.status, raised.code) == (400, "AuthorizationQueryParametersError")
    assert raised.message == MISSING


@pytest.mark.parametrize("name", [*NAMES, "Content-Sha256", "Security-Token"])
@pytest.mark.parametrize("spelt", ["X-Amz-", "X%2DAmz-"])
def test_a_parameter_given_twice_is_refused(name: str, spelt: str) -> None:
    query = f"{GOOD.query}&X-Amz-{name}=a&{spelt}{name}=a"
    raised = refusal(lambda: claim_of(replace(GOOD, query=query)))
    assert raised.code == "AuthorizationQueryParametersError"
    assert f"X-Amz-{name}" in raised.message


SCOPE = "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
FAULTS = {
    ("X-Amz-Algorithm", "AWS4-HMAC-SHA1"): 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"',
    ("X-Amz-Date", "2013-05-24T00:00:00Z"): (
        "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
    ),
    ("X-Amz-Expires", "-1"): "X-Amz-Expires must be non-negative",
    ("X-Amz-Expires", "1h"): "X-Amz-Expires should be a number",
    ("X-Amz-Expires", ""): "X-Amz-Expires should be a number",
    ("X-Amz-Expires", "9" * 5000): "X-Amz-Expires should be a number",
    ("X-Amz-Expires", "604801"): (
        "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires "
        "must be less than 604800 seconds"
    ),
    ("X-Amz-Credential", "AKID"): (
        "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; "
        'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
    ),
    ("X-Amz-Credential", f"A{SCOPE}".replace("s3", "ec2")): (
        'Error parsing the X-Amz-Credential parameter; incorrect service "ec2". '
        'This endpoint belongs to "s3".'
    ),
    ("X-Amz-Credential", f"A{SCOPE}".replace("0524", "0523")): (
        'Invalid credential date "20130523". This date is not the same as X-Amz-Date: "20130524".'
    ),
    ("X-Amz-SignedHeaders", ""): "The X-Amz-SignedHeaders parameter is mal-formed.",
}


@pytest.mark.parametrize(("name", "value"), FAULTS)
def test_a_fault_in_a_parameter_has_s3s_words(name: str, value: str) -> None:
    raised = refusal(lambda: claim_of(with_parameter(name, value)))
    assert (raised.status, raised.code) == (400, "AuthorizationQueryParametersError")
    assert raised.message == FAULTS[name, value]


def test_sigv4a_is_refused_by_name() -> None:
    sent = with_parameter("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256")
    assert refusal(lambda: claim_of(sent)).code == "NotImplemented"


def test_another_region_is_named_with_the_right_one() -> None:
    raised = refusal(lambda: proved(GOOD, region="eu-west-1"))
    assert raised.code == "AuthorizationQueryParametersError"
    assert raised.fields == {"Region": "eu-west-1"}


@pytest.mark.parametrize(
    ("expires", "seconds", "valid"),
    [
        (60, 0, True),
        (60, 60, True),
        (60, 61, False),
        (1, 1, True),
        (1, 2, False),
        (604_800, 604_800, True),
        (604_800, 604_801, False),
        (60, -900, True),
        (60, -901, False),
    ],
)
def test_a_url_is_valid_from_its_date_to_its_expiry(
    expires: int, seconds: int, *, valid: bool
) -> None:
    good = presigned(request(), expires=expires)
    now = NOW + dt.timedelta(seconds=seconds)
    if valid:
        proved(good, now=now)
        return
    raised = refusal(lambda: proved(good, now=now))
    assert (raised.status, raised.code) == (403, "AccessDenied")
    if seconds > 0:
        assert raised.message == "Request has expired"
        assert list(raised.fields) == ["X-Amz-Expires", "Expires", "ServerTime"]
        assert raised.fields["X-Amz-Expires"] == str(expires)
    else:
        assert raised.message == "Request is not yet valid"
        assert list(raised.fields) == ["X-Amz-Date", "Expires", "ServerTime"]
        assert raised.fields["X-Amz-Date"] == "1369353600000"


def test_an_expiry_of_nothing_has_expired_at_once() -> None:
    sent = with_parameter("X-Amz-Expires", "0")
    late = NOW + dt.timedelta(seconds=1)
    assert refusal(lambda: proved(sent, now=late)).message == "Request has expired"


def test_the_last_years_of_the_calendar_are_no_dates() -> None:
    sent = with_parameter("X-Amz-Date", "99991231T235959Z")
    assert refusal(lambda: claim_of(sent)).message.startswith("X-Amz-Date must be in")


@pytest.mark.parametrize("name", ["x-amz-copy-source", "x-amz-acl", "x-amz-meta-a"])
def test_a_header_added_to_a_presigned_put_is_refused(name: str) -> None:
    sent = with_headers(presigned(request("PUT")), {name: "/other-bucket/secret"})
    raised = refusal(lambda: claim_of(sent))
    assert (raised.status, raised.code) == (403, "AccessDenied")
    assert raised.fields == {"HeadersNotSigned": name}


def test_a_header_that_was_presigned_must_be_sent() -> None:
    good = presigned(request("PUT", headers={"x-amz-acl": "private"}))
    proved(good)
    bare = replace(good, headers={"host": good.headers["host"]})
    assert refusal(lambda: proved(bare)).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("kind", list(Payload))
@pytest.mark.parametrize("signature", ["wrong", "empty", "absent"])
def test_every_kind_of_payload_needs_the_signature(kind: Payload, signature: str) -> None:
    value = EMPTY_SHA256 if kind is Payload.SIGNED else kind.value
    sent = with_headers(presigned(request("PUT")), {"x-amz-content-sha256": value})
    given = {"wrong": "0" * 64, "empty": "", "absent": None}[signature]
    bad = with_parameter("X-Amz-Signature", given, sent)
    raised = refusal(lambda: proved(bad))
    assert raised.code in {"SignatureDoesNotMatch", "AuthorizationQueryParametersError"}


def test_a_payload_hash_in_the_headers_must_be_the_one_signed() -> None:
    good = presigned(request("PUT"))
    assert proved(good).claim.payload is Payload.UNSIGNED
    proved(with_headers(good, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}))
    for value in (EMPTY_SHA256, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        sent = with_headers(good, {"x-amz-content-sha256": value})
        assert refusal(partial(proved, sent)).code == "SignatureDoesNotMatch"


def test_a_payload_hash_in_the_query_is_signed_and_claimed() -> None:
    good = presigned(request("PUT", query=f"X-Amz-Content-Sha256={EMPTY_SHA256}"))
    verified = proved(good)
    assert verified.claim.payload is Payload.SIGNED
    assert verified.claim.payload_hash == EMPTY_SHA256
    changed = with_parameter("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD", good)
    assert refusal(lambda: proved(changed)).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("header", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", ""])
def test_a_header_does_not_lift_what_the_query_says_of_the_body(header: str) -> None:
    """S3 signs such a URL with UNSIGNED-PAYLOAD on the last line, and the header is not signed."""
    good = presigned(request("PUT", query=f"X-Amz-Content-Sha256={EMPTY_SHA256}"))
    lifted = with_headers(good, {"x-amz-content-sha256": header})
    assert refusal(lambda: proved(lifted)).code == "AuthorizationQueryParametersError"


def test_a_space_may_be_a_plus_in_the_query() -> None:
    good = presigned(request(query="response-content-disposition=a%20b"))
    proved(replace(good, query=good.query.replace("a%20b", "a+b")))


def test_the_order_of_the_parameters_does_not_matter() -> None:
    proved(replace(GOOD, query="&".join(reversed(GOOD.query.split("&")))))


@pytest.mark.parametrize("expires", [0, -1, 604_801])
def test_we_presign_for_a_second_to_a_week(expires: int) -> None:
    with pytest.raises(ValueError, match="604800"):
        presigned(request(), expires=expires)


def test_we_sign_the_session_token() -> None:
    keys = Credentials(access_key="A", secret=CREDENTIALS.secret, session_token="a/b+c=")
    query = presign(request(), keys, region="auto", now=NOW, expires=5)
    assert "X-Amz-Security-Token=a%2Fb%2Bc%3D" in query
    proved(request(query=query))


def test_the_signature_is_left_out_of_a_presigned_canonical_query_only() -> None:
    query = "X-Amz-Signature=a&b=c"
    assert canonical_query(query) == "X-Amz-Signature=a&b=c"
    assert canonical_query(query, leave_out="X-Amz-Signature") == "b=c"
