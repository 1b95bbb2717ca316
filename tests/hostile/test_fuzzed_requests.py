"""Any request at all, signed rightly so that it gets deep, or wrongly so that it must not."""

import os
from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile import fuzzing
from tests.hostile.inside import Asked, Inside
from tests.live.client import Client
from tests.live.server import Live

MANY = settings(
    max_examples=int(os.environ.get("S3FRONT_TEST_EXAMPLES", "250")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def inside(live: Live) -> Iterator[Inside]:
    live.client.make_bucket("fuzz")
    live.client.put("fuzz", "key", b"content")
    yield Inside(live)
    # Whatever was asked: the server still serves.
    assert live.client.put("fuzz", "after", b"x").status == 200


def _path(place: str, rest: str) -> str:
    return {"service": "/", "bucket": "/fuzz", "object": f"/fuzz/{rest}", "any": f"/{rest}"}[place]


@MANY
@given(
    method=fuzzing.methods,
    place=st.sampled_from(["service", "bucket", "object", "object", "any"]),
    rest=fuzzing.paths,
    query=fuzzing.queries,
    headers=fuzzing.headers,
    pieces=fuzzing.bodies,
)
def test_anything_that_is_signed_gets_an_answer_of_s3(
    inside: Inside,
    *,
    method: str,
    place: str,
    rest: str,
    query: str,
    headers: Mapping[str, str],
    pieces: Sequence[bytes],
) -> None:
    asked = Asked(
        method=method, path=_path(place, rest), query=query, headers=headers, pieces=pieces
    )
    before = sorted(inside.keys("fuzz")) if method in {"PUT", "POST"} else []
    told = inside.signed(asked)
    if before and told.status >= 300:
        assert sorted(inside.keys("fuzz")) == before


@MANY
@given(query=fuzzing.kept_parameters, headers=fuzzing.kept_headers)
def test_whatever_is_kept_with_an_object_can_be_sent(
    inside: Inside, query: str, headers: Mapping[str, str]
) -> None:
    asked = Asked(method="PUT", path="/fuzz/kept", query=query, headers=headers, pieces=[b"x"])
    if inside.signed(asked).status == 200:
        for method in ("GET", "HEAD"):
            assert inside.signed(Asked(method=method, path="/fuzz/kept")).status == 200


@MANY
@given(
    method=fuzzing.methods,
    place=st.sampled_from(["service", "bucket", "object"]),
    query=fuzzing.queries,
    headers=fuzzing.headers,
    spoilt=st.tuples(st.integers(0, 400), st.sampled_from([*map(chr, range(32, 127)), "é", ""])),
)
def test_a_spoilt_authorization_writes_and_tells_nothing(
    inside: Inside,
    live: Live,
    *,
    method: str,
    place: str,
    query: str,
    headers: Mapping[str, str],
    spoilt: tuple[int, str],
) -> None:
    path = _path(place, "key")
    client = Client(port=live.port)
    whole = client.headers(method, path, query, headers=headers, payload_hash="UNSIGNED-PAYLOAD")
    right = whole["authorization"]
    at, character = spoilt[0] % len(right), spoilt[1]
    wrong = right[:at] + character + right[at + 1 :]
    told = inside.ask(
        Asked(method=method, path=path, query=query, headers={**whole, "authorization": wrong})
    )
    # A letter's case in SignedHeaders, a blank behind a comma: the same claim, spelt otherwise.
    same = wrong.lower() == right.lower() or wrong.replace(" ", "") == right.replace(" ", "")
    assert told.status >= 400 or same, (right, wrong, told)


@MANY
@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=40)
    | st.lists(
        st.sampled_from(
            ["AWS4-HMAC-SHA256", " ", ",", "=", ";", "/", "Credential", "SignedHeaders", "Signature",
             "host", "x-amz-date", "us-east-1", "s3", "aws4_request", "20130524", "AKID", "0" * 64]
        ),
        max_size=30,
    ).map("".join),
    query=fuzzing.queries,
)  # fmt: skip
def test_an_authorization_of_anything_is_refused(inside: Inside, text: str, query: str) -> None:
    headers = {
        "host": "127.0.0.1",
        "authorization": text,
        "x-amz-date": "20130524T000000Z",
        "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
    }
    told = inside.ask(Asked(method="PUT", path="/fuzz/key", query=query, headers=headers))
    assert told.status >= 400


_PARAMETER = st.tuples(
    st.sampled_from(
        ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
         "X-Amz-Signature", "X-Amz-Content-Sha256", "X-Amz-Security-Token", "Signature", "Expires",
         "AWSAccessKeyId", "x-amz-signature", "X-Amz-%53ignature"]
    ),
    st.sampled_from(
        ["AWS4-HMAC-SHA256", "AKID%2F20130524%2Fus-east-1%2Fs3%2Faws4_request", "20130524T000000Z",
         "host", "host%3Bx-amz-date", "604800", "604801", "-1", "0" * 64, "%00", "%FF", "", "a%0Ab"]
    ),
)  # fmt: skip


@MANY
@given(pairs=st.lists(_PARAMETER, max_size=9))
def test_a_presigned_query_of_anything_is_refused(
    inside: Inside, pairs: Sequence[tuple[str, str]]
) -> None:
    query = "&".join(f"{name}={value}" for name, value in pairs)
    told = inside.ask(
        Asked(method="GET", path="/fuzz/key", query=query, headers={"host": "127.0.0.1"})
    )
    assert told.status >= 400
