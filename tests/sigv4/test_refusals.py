"""Each refusal has S3's code, message, status and elements."""

import datetime as dt
from dataclasses import replace
from functools import partial
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigv4 import refusal as refusals
from sigv4.canonical import MAX_HEADER_VALUE, Signable
from sigv4.claim import MAX_SIGNED_HEADERS
from sigv4.mechanism import claim_of
from sigv4.payload import Payload
from sigv4.refusal import Refusal
from tests.sigv4.signing import (
    CREDENTIALS,
    HOST,
    NOW,
    SCOPE,
    SECRET,
    presigned,
    proved,
    refusal,
    request,
    signed,
    signed_over,
    with_headers,
    without_header,
)

GOOD = signed(request(query="prefix=a%20b"))
KINDS = [kind for kind in Payload if kind is not Payload.SIGNED]
ONE_MECHANISM = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query "
    "string parameter or the Authorization header should be specified"
)


def header(**changes: str) -> Signable:
    return with_headers(GOOD, {name.replace("_", "-"): value for name, value in changes.items()})


def authorization(old: str, new: str) -> Signable:
    assert old in GOOD.headers["authorization"]
    return header(authorization=GOOD.headers["authorization"].replace(old, new))


def malformed(detail: str) -> tuple[int, str, str]:
    return 400, "AuthorizationHeaderMalformed", f"The authorization header is malformed; {detail}"


THREE = malformed(
    "the authorization header requires three components: Credential, SignedHeaders, and Signature."
)
NO_DATE = (403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
NOT_SIGNED = (
    403,
    "AccessDenied",
    "There were headers present in the request which were not signed",
)
VERSION_2 = (
    400,
    "InvalidRequest",
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
)
CREDENTIAL = malformed(
    'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
)

CASES: dict[str, tuple[Signable, tuple[int, str, str]]] = {
    "SigV2": (header(authorization="AWS AKID:c2ln"), VERSION_2),
    "SigV2 in the query": (request(query="AWSAccessKeyId=A&Expires=1&Signature=b"), VERSION_2),
    "SigV4A": (
        authorization("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        (
            501,
            "NotImplemented",
            (
                "SigV4A (AWS4-ECDSA-P256-SHA256) signatures are not supported. "
                "Please use AWS4-HMAC-SHA256."
            ),
        ),
    ),
    "Bearer": (
        header(authorization="Bearer x"),
        (400, "InvalidArgument", "Unsupported Authorization Type"),
    ),
    "no space": (
        header(authorization="AWS4-HMAC-SHA256"),
        (
            400,
            "InvalidArgument",
            "Authorization header is invalid -- one and only one ' ' (space) required",
        ),
    ),
    "no hash": (
        without_header(GOOD, "x-amz-content-sha256"),
        (400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256"),
    ),
    "no date": (without_header(GOOD, "x-amz-date"), NO_DATE),
    "other form of date": (header(x_amz_date="2013-05-24T00:00:00Z"), NO_DATE),
    "no such day": (header(x_amz_date="20130230T000000Z"), NO_DATE),
    "no Credential": (authorization("Credential=", "Credentia="), THREE),
    "no Signature": (authorization(", Signature=", ", Sig="), THREE),
    "Signature twice": (authorization("SignedHeaders=", "Signature=a, SignedHeaders="), THREE),
    "too few parts": (authorization("/us-east-1/", "/"), CREDENTIAL),
    "no access key": (authorization(CREDENTIALS.access_key, ""), CREDENTIAL),
    "date of seven digits": (
        authorization("/20130524/", "/2013052/"),
        malformed(
            'incorrect date format "2013052". '
            'This date in the credential must be in the format "yyyyMMdd".'
        ),
    ),
    "another day": (
        authorization("/20130524/", "/20130523/"),
        malformed(
            'Invalid credential date "20130523". '
            'This date is not the same as X-Amz-Date: "20130524".'
        ),
    ),
    "another service": (
        authorization("/s3/", "/ec2/"),
        malformed('incorrect service "ec2". This endpoint belongs to "s3".'),
    ),
    "another terminal": (
        authorization("aws4_request", "aws5_request"),
        malformed('incorrect terminal "aws5_request". This endpoint uses "aws4_request".'),
    ),
    "no region": (
        authorization("/us-east-1/", "//"),
        malformed("a non-empty region must be provided in the credential."),
    ),
    "no signed headers": (
        authorization("SignedHeaders=host;", "SignedHeaders=;"),
        malformed("the SignedHeaders component is mal-formed."),
    ),
    "too many signed headers": (
        authorization("SignedHeaders=host", "SignedHeaders=host" + ";a" * (MAX_SIGNED_HEADERS - 2)),
        malformed("the SignedHeaders component is mal-formed."),
    ),
    "an x-amz- header unsigned": (header(x_amz_copy_source="/other/key"), NOT_SIGNED),
    "host unsigned": (authorization("SignedHeaders=host;", "SignedHeaders="), NOT_SIGNED),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fault_in_the_authorization_header_has_s3s_words(name: str) -> None:
    signable, expected = CASES[name]
    raised = refusal(lambda: claim_of(signable))
    assert (raised.status, raised.code, raised.message) == expected


def test_a_request_without_credentials_claims_nothing() -> None:
    assert claim_of(request(query="list-type=2")) is None
    assert claim_of(request(headers={"authorization": ""})) is None


def test_the_headers_that_are_not_signed_are_named() -> None:
    sent = header(x_amz_tagging="a=b", x_amz_copy_source="/b/k")
    assert refusal(lambda: claim_of(sent)).fields == {
        "HeadersNotSigned": "x-amz-copy-source, x-amz-tagging"
    }


def test_headers_that_carry_no_meaning_beyond_the_signature_may_be_unsigned() -> None:
    proved(header(x_amz_cf_id="abc", x_amzn_trace_id="Root=1", content_type="text/plain"))


@pytest.mark.parametrize("query", [presigned(request()).query, "Signature=a", "X-Amz-Signature=a"])
def test_credentials_in_header_and_query_together_are_refused(query: str) -> None:
    raised = refusal(lambda: claim_of(replace(GOOD, query=query)))
    assert (raised.status, raised.code, raised.message) == (400, "InvalidArgument", ONE_MECHANISM)
    assert raised.fields["ArgumentName"] == "Authorization"


def test_an_empty_authorization_header_beside_a_presigned_url_is_refused() -> None:
    sent = with_headers(presigned(request()), {"authorization": ""})
    assert refusal(lambda: claim_of(sent)).message == ONE_MECHANISM


@pytest.mark.parametrize("text", ["99991231T235959Z", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_the_last_day_of_the_calendar_is_too_far_off(text: str) -> None:
    authorization = GOOD.headers["authorization"].replace("20130524", "99991231")
    sent = with_headers(GOOD, {"x-amz-date": text, "authorization": authorization})
    raised = refusal(lambda: proved(sent))
    assert (raised.status, raised.code) == (403, "RequestTimeTooSkewed")


@pytest.mark.parametrize("seconds", [-901, 901])
def test_a_clock_too_far_off_is_refused_with_both_times(seconds: int) -> None:
    raised = refusal(lambda: proved(GOOD, now=NOW + dt.timedelta(seconds=seconds)))
    assert (raised.status, raised.code) == (403, "RequestTimeTooSkewed")
    assert raised.message == (
        "The difference between the request time and the current time is too large."
    )
    assert raised.fields["RequestTime"] == "20130524T000000Z"
    assert raised.fields["MaxAllowedSkewMilliseconds"] == "900000"
    server = {-901: "2013-05-23T23:44:59Z", 901: "2013-05-24T00:15:01Z"}[seconds]
    assert raised.fields["ServerTime"] == server


@pytest.mark.parametrize("seconds", [-900, 0, 900])
def test_a_clock_a_quarter_of_an_hour_off_is_accepted(seconds: int) -> None:
    proved(GOOD, now=NOW + dt.timedelta(seconds=seconds))


def test_a_date_header_will_do_if_there_is_no_x_amz_date() -> None:
    for sent, in_string in (("Fri, 24 May 2013 00:00:00 GMT",) * 2, ("20130524T000000Z",) * 2):
        good = without_header(signed(request(headers={"date": sent})), "x-amz-date")
        claim = claim_of(signed_over(good, in_string))
        assert claim is not None
        assert claim.signed_at == NOW
        proved(signed_over(good, in_string))
        proved(signed_over(good, "20130524T000000Z"))


def test_a_wrong_signature_shows_what_was_to_be_signed_and_never_the_right_one() -> None:
    right = GOOD.headers["authorization"][-64:]
    bad = authorization(right, "0" * 64)
    raised = refusal(lambda: proved(bad))
    assert (raised.status, raised.code) == (403, "SignatureDoesNotMatch")
    assert list(raised.fields) == [
        "AWSAccessKeyId",
        "StringToSign",
        "SignatureProvided",
        "StringToSignBytes",
        "CanonicalRequest",
        "CanonicalRequestBytes",
    ]
    canonical = raised.fields["CanonicalRequest"]
    assert canonical.startswith(f"GET\n/bucket/key\nprefix=a%20b\nhost:{HOST}\n")
    assert bytes.fromhex(raised.fields["CanonicalRequestBytes"]).decode() == canonical
    to_sign = raised.fields["StringToSign"]
    assert to_sign.endswith(f"\n{SCOPE}\n{sha256(canonical.encode()).hexdigest()}")
    assert bytes.fromhex(raised.fields["StringToSignBytes"]).decode() == to_sign
    assert raised.fields["SignatureProvided"] == "0" * 64
    shown = f"{raised!r} {raised} {raised.message} {dict(raised.fields)}"
    assert right not in shown
    assert SECRET not in shown


def test_a_region_is_checked_only_where_one_is_set() -> None:
    proved(GOOD, region="us-east-1")
    raised = refusal(lambda: proved(GOOD, region="eu-west-1"))
    assert (raised.status, raised.code) == (400, "AuthorizationHeaderMalformed")
    assert raised.message.endswith("the region 'us-east-1' is wrong; expecting 'eu-west-1'")
    assert raised.fields == {"Region": "eu-west-1"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_payload_is_authenticated(kind: Payload) -> None:
    good = signed(request("PUT"), payload_hash=kind.value)
    assert proved(good).claim.payload is kind
    value = good.headers["authorization"]
    for wrong in (value[:-64] + "0" * 64, value[:-64], value[:-1] + "é"):
        bad = with_headers(good, {"authorization": wrong})
        assert refusal(partial(proved, bad)).code == "SignatureDoesNotMatch"
    other = next(each for each in KINDS if each is not kind)
    swapped = with_headers(good, {"x-amz-content-sha256": other.value})
    assert refusal(lambda: proved(swapped)).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("value", ["", "unsigned-payload", "a" * 63, "g" * 64, "a" * 65])
def test_a_payload_hash_that_is_none_is_refused_with_the_kinds_there_are(value: str) -> None:
    raised = refusal(lambda: claim_of(header(x_amz_content_sha256=value)))
    assert (raised.status, raised.code) == (400, "InvalidArgument")
    assert raised.message.startswith("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, ")
    assert raised.fields == {"ArgumentName": "x-amz-content-sha256", "ArgumentValue": value}


@pytest.mark.parametrize("ending", ["", "-TRAILER"])
def test_payloads_signed_with_sigv4a_are_refused_by_name(ending: str) -> None:
    value = f"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD{ending}"
    assert refusal(lambda: claim_of(header(x_amz_content_sha256=value))).code == "NotImplemented"


def test_a_signed_header_that_did_not_arrive_counts_as_empty() -> None:
    good = signed(request(headers={"x-amz-meta-a": ""}))
    proved(without_header(good, "x-amz-meta-a"))
    filled = signed(request(headers={"x-amz-meta-a": "1"}))
    assert refusal(lambda: proved(without_header(filled, "x-amz-meta-a"))).code == (
        "SignatureDoesNotMatch"
    )


def test_headers_without_end_are_refused() -> None:
    long = refusal(lambda: claim_of(header(authorization="AWS4-HMAC-SHA256 " + "a" * 9000)))
    assert long.code == "RequestHeaderSectionTooLarge"
    good = signed(request(headers={"x-amz-meta-a": "1"}))
    sent = with_headers(good, {"x-amz-meta-a": "1" * (MAX_HEADER_VALUE + 1)})
    assert refusal(lambda: proved(sent)).code == "RequestHeaderSectionTooLarge"


def test_an_access_key_may_hold_slashes() -> None:
    claim = claim_of(authorization(CREDENTIALS.access_key, "team/a/key"))
    assert claim is not None
    assert claim.access_key == "team/a/key"


def test_neither_claim_nor_proof_shows_signature_or_key() -> None:
    verified = proved(GOOD)
    shown = repr(verified)
    assert verified.claim.signature not in shown
    assert repr(verified.signing_key) not in shown
    assert "signing_key" not in shown
    assert SECRET not in repr(CREDENTIALS)
    assert "authorization" not in repr(GOOD)


def test_refusals_for_the_caller_have_s3s_elements() -> None:
    unknown = refusals.unknown_access_key("AKID")
    assert (unknown.status, unknown.code) == (403, "InvalidAccessKeyId")
    assert unknown.fields == {"AWSAccessKeyId": "AKID"}
    other = refusals.content_sha256_mismatch(claimed="a", computed="b")
    assert (other.status, other.code) == (400, "XAmzContentSHA256Mismatch")
    assert other.fields == {"ClientComputedContentSHA256": "a", "S3ComputedContentSHA256": "b"}


def test_what_is_shown_can_be_written_as_utf_8() -> None:
    raised = refusal(lambda: proved(authorization(CREDENTIALS.access_key, "a\udcff"), secret="x"))
    assert raised.fields["AWSAccessKeyId"] == "a\ufffd"
    raised = refusal(lambda: claim_of(authorization("/s3/", "/\udcff/")))
    assert "\ufffd" in raised.message


ANY = st.text(st.characters(codec="utf-8"), max_size=30)
HEADERS = st.dictionaries(
    st.sampled_from(["authorization", "x-amz-date", "date", "x-amz-content-sha256", "host"]),
    st.one_of(
        ANY,
        st.sampled_from([*GOOD.headers.values()]),
        ANY.map(lambda text: f"AWS4-HMAC-SHA256 Credential=a/{text}, SignedHeaders=host"),
    ),
)


@given(headers=HEADERS, query=st.one_of(ANY, ANY.map("X-Amz-Algorithm={}".format)))
@settings(deadline=None)
def test_anything_is_claimed_or_refused_and_never_fails_otherwise(
    headers: dict[str, str], query: str
) -> None:
    sent = Signable(method="GET", path="/k", query=query, headers=headers)
    try:
        if claim_of(sent) is not None:
            proved(sent)
    except Refusal as raised:
        refused = raised
    else:
        return
    assert 400 <= refused.status <= 501
    for text in (refused.message, *refused.fields.values()):
        text.encode()
