"""Ranges cost what they are long, and a copy's source is one object, spelt in one way."""

import contextlib
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.s3.errors import S3Error
from gateway.s3.ranges import parse_copy_source_range, parse_range
from tests.hostile.inside import Asked, Inside
from tests.live.client import Client
from tests.live.server import Live

LONG = {
    "many ranges": "bytes=" + "0-0," * 16384,
    "many ranges without numbers": "bytes=" + "-," * 32768,
    "many digits": "bytes=" + "9" * 65536 + "-",
    "many digits and no dash": "bytes=" + "9" * 65536,
    "many blanks": "bytes=" + " " * 65536 + "0-0",
    "many tabs behind": "bytes=0-0" + "\t" * 65536 + "x",
    "many zeros": "bytes=-" + "0" * 65536,
}
_FEW = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def inside(live: Live) -> Inside:
    live.client.make_bucket("copies")
    live.client.put("copies", "a/b", b"content")
    return Inside(live)


def _cost(text: str) -> float:
    best = 1.0
    for _ in range(5):
        start = time.process_time()
        for parse in (parse_range, parse_copy_source_range):
            with contextlib.suppress(S3Error):
                parse(text, 1000)
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("name", LONG)
def test_a_long_range_costs_what_it_is_long(name: str) -> None:
    """Sixteen times the text, at most some forty times the time: the square would be 256."""
    whole = LONG[name]
    start, repeated, end = whole[:6], whole[6:-9], whole[-9:]
    short = start + repeated[: len(repeated) // 16] + end
    assert _cost(whole) < 40 * _cost(short) + 0.01


@_FEW
@given(
    text=st.text(st.sampled_from("bytes=-,0123456789 \tBYTES\u0663+eE."), max_size=60)
    | st.tuples(st.integers(-9, 9), st.integers(-9, 10**30)).map(lambda p: f"bytes={p[0]}-{p[1]}")
)
def test_a_range_is_a_part_of_the_whole_or_refused(inside: Inside, text: str) -> None:
    told = inside.signed(Asked(method="GET", path="/copies/a/b", headers={"range": text}))
    assert told.status in {200, 206, 416}
    if told.status == 206:
        assert told.body in b"content"
        assert told.body
    elif told.status == 200:
        assert told.body == b"content"


ESCAPES = (
    "/copies/../copies/a/b",
    "/copies/x/../a/b",
    "/copies/%2e%2e/copies/a/b",
    "/copies/x/%2e%2e/a/b",
    "/copies/x/..%2fa%2fb",
    "/copies/%252e%252e/a/b",
    "/copies/./a/b",
    "/copies//a/b",
    "/copies/a%252Fb",
    "/copies/a\\b",
    "/copies/A/B",
    "/copies/a/b/",
    "/copies/a/b%00",
    "../copies/a/b",
    "/./copies/a/b",
    "//copies/a/b",
    "/copies/.s3front/credentials",
    "/.s3front/credentials",
    "/copies/../.s3front/credentials",
    "file:///etc/passwd",
    "http://127.0.0.1/copies/a/b",
    "/etc/passwd",
    "",
    "/",
    "copies",
    "/copies/",
    "arn:aws:s3:us-east-1:1:accesspoint/x/object/a/b",
    "/copies/a/b?versionId=",
    "/copies/a/b?versionId=null&versionId=other",
    "/copies/a/b?other=1",
    "/copies/a/b?versionId=../../x",
)


@pytest.mark.parametrize("value", ESCAPES)
@pytest.mark.parametrize("part", [False, True])
def test_a_source_spelt_otherwise_is_no_object(
    live: Live, client: Client, inside: Inside, value: str, part: bool
) -> None:
    query = ""
    if part:
        query = f"partNumber=1&uploadId={client.start_upload('copies', 'made')}"
    headers = {"x-amz-copy-source": value}
    told = inside.signed(Asked(method="PUT", path="/copies/made", query=query, headers=headers))
    assert 400 <= told.status < 500 or told.status == 501
    assert b"root:" not in told.body
    assert client.keys("copies") == ["a/b"]
    assert live.staged() == []


@_FEW
@given(
    value=st.lists(
        st.sampled_from(
            ["/", "copies", "a", "b", "%2F", "%2f", "..", ".", "%", "?", "versionId=", "null", "&", "+",
             "%00", "é", "\udcff", " ", "#", "%25", "\\", ":", "arn:aws:s3:::"]
        ),
        max_size=9,
    ).map("".join)
)  # fmt: skip
def test_any_source_is_that_object_or_refused(inside: Inside, value: str) -> None:
    told = inside.signed(
        Asked(method="PUT", path="/copies/made", headers={"x-amz-copy-source": value})
    )
    if told.status == 200:
        assert b"<CopyObjectResult" in told.body
        named = value.partition("?")[0].replace("%2F", "/").replace("%2f", "/").removeprefix("/")
        assert named in {"copies/a/b", "copies/made"}
    inside.signed(Asked(method="DELETE", path="/copies/made"))
