"""What the trial of a storage finds, and that it leaves nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest

from backends.http.origin import origin_of
from backends.s3.probing import minimum_policy, probe
from backends.s3.settings import S3Settings, read_settings
from backends.s3.storage import S3Storage
from backends.trying import Finding, Grade
from tests.backends.http.answering import answering, reply
from tests.backends.making import paths
from tests.backends.s3.conftest import TIMEOUTS
from tests.backends.s3.moto_server import moto_settings
from tests.backends.s3.scripted import NOW, Service
from tests.faulty_proxy.faults import Fault, Rewrite, Say
from tests.faulty_proxy.proxy import faulty_proxy

DENIED = Say(403, (), b"<Error><Code>AccessDenied</Code></Error>")


def graded(findings: Sequence[Finding], grade: Grade) -> dict[str, str]:
    return {one.tried: one.text for one in findings if one.grade is grade}


async def left(settings: S3Settings) -> list[str]:
    storage = S3Storage(settings)
    await storage.open()
    try:
        return [*await paths(storage), *await paths(storage, ".s3front/")]
    finally:
        await storage.aclose()


@pytest.mark.parametrize("prefix", ["", "team/files"])
async def test_what_works_is_good_and_nothing_is_left(prefix: str) -> None:
    settings = read_settings(moto_settings(prefix=prefix))
    settings = replace(settings, profile=replace(settings.profile, creates=True))
    findings = await probe(settings)
    assert {one.grade for one in findings} == {Grade.GOOD}, findings
    assert len(findings) == 11
    assert await left(settings) == []


async def test_what_a_service_does_without_being_relied_on_is_noted() -> None:
    notes = graded(await probe(read_settings(moto_settings())), Grade.NOTE)
    assert list(notes) == ["refuse to replace it"]
    assert "it does" in notes["refuse to replace it"]


async def test_a_condition_that_is_ignored_is_found() -> None:
    """moto compares no ETag of what it copies."""
    settings = read_settings(moto_settings())
    settings = replace(settings, profile=replace(settings.profile, copies_if=True))
    wrong = graded(await probe(settings), Grade.WRONG)
    assert list(wrong) == ["copy it"]
    assert "generic" in wrong["copy it"]
    assert await left(settings) == []


PASS: list[Fault | None] = [None]


def dropped(head: bytes, rest: bytes) -> tuple[bytes, bytes]:
    """User metadata that is not kept."""
    return b"\r\n".join(ln for ln in head.split(b"\r\n") if b"s3front" not in ln), rest


def whole(_head: bytes, _rest: bytes) -> tuple[bytes, bytes]:
    """The whole object in answer to a range."""
    body = b"S3front tries what this storage can do.\n"
    return b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: %d\r\n\r\n' % len(body), body


# The requests are: list, write, stat, read, read a range, list, create …
FOUND: Mapping[str, tuple[Sequence[Fault | None], str, str]] = {
    "no list": ([DENIED, DENIED], "reach the bucket, and list it", "s3:ListBucket"),
    "no write": ([*PASS * 1, DENIED], "write", "s3:PutObject"),
    "no stat": ([*PASS * 2, DENIED], "look at what was written", "s3:GetObject"),
    "no metadata": ([*PASS * 2, Rewrite(dropped)], "look at what was written", "user metadata"),
    "no read": ([*PASS * 3, DENIED], "read it", "s3:GetObject"),
    "no range": ([*PASS * 4, Rewrite(whole)], "read a range of it", "asked for"),
    "no delete": ([*PASS * 15, DENIED, DENIED, DENIED], "delete it", "s3:DeleteObject"),
}


@pytest.mark.parametrize("name", FOUND)
async def test_what_is_missing_is_named(name: str) -> None:
    faults, tried, says = FOUND[name]
    given = moto_settings()
    async with faulty_proxy(origin_of(given["endpoint"])) as (proxy, origin):
        proxy.faults.extend(faults)
        read = read_settings({**given, "endpoint": str(origin)})
        wrong = graded(await probe(read, timeouts=TIMEOUTS), Grade.WRONG)
    assert list(wrong) == [tried]
    assert says in wrong[tried]


def error(code: str, more: str = "") -> str:
    return f"<Error><Code>{code}</Code><Message>hidden</Message>{more}</Error>"


@pytest.mark.parametrize(
    ("status", "said", "settings", "says"),
    [
        (403, error("InvalidAccessKeyId"), {}, "correct access_key"),
        (403, error("SignatureDoesNotMatch"), {}, "correct secret_key"),
        (403, error("InvalidToken"), {}, "correct session_token"),
        (400, error("AuthorizationHeaderMalformed"), {"region": "mars-1"}, "correct region"),
        (404, error("NoSuchBucket"), {}, "no such bucket"),
        (403, error("AccessDenied"), {}, "permission.*s3:ListBucket"),
        (200, "<html>Welcome to nginx</html>", {}, "is endpoint right"),
        (404, "<html>", {}, "correct bucket, endpoint"),
        (301, "", {}, "correct the endpoint"),
    ],
)
async def test_wrong_settings_are_told_apart(
    status: int, said: str, settings: dict[str, object], says: str
) -> None:
    scripted = Service([reply(status, said.encode())])
    async with answering(scripted.serve) as origin:
        given = {"bucket": "photos", "access_key": "k", "secret_key": "hidden"}
        read = read_settings({"endpoint": str(origin), "allow_private": True, **given, **settings})
        [found] = await probe(read, timeouts=TIMEOUTS)
    assert found.grade is Grade.WRONG
    assert "hidden" not in found.text
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(found.text)


async def test_a_bucket_that_is_named_in_the_wrong_place_is_found() -> None:
    [found] = await probe(read_settings(moto_settings(address_style="virtual")), timeouts=TIMEOUTS)
    assert 'address_style = "path"' in found.text


@pytest.mark.parametrize(
    ("off", "grade"),
    [(10, Grade.GOOD), (120, Grade.NOTE), (-120, Grade.NOTE), (3600, Grade.WRONG)],
)
async def test_a_clock_that_is_off_is_told(off: int, grade: Grade) -> None:
    page = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
    date = format_datetime(NOW + timedelta(seconds=off), usegmt=True)
    scripted = Service([reply(200, page, date=date), reply(500)])
    async with answering(scripted.serve) as origin:
        given = {"bucket": "photos", "access_key": "k", "secret_key": "s", "allow_private": True}
        read = read_settings({"endpoint": str(origin), **given})
        findings = await probe(read, timeouts=TIMEOUTS, now=lambda: NOW)
    assert [one.grade for one in findings if one.tried == "compare the clocks"] == [grade]


def test_the_policy_allows_what_is_needed_below_the_prefix() -> None:
    given = {"endpoint": "s3.amazonaws.com", "access_key": "k", "secret_key": "hidden"}
    policy = minimum_policy(read_settings({**given, "bucket": "photos", "prefix": "team"}))
    assert policy["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
            "Resource": ["arn:aws:s3:::photos"],
            "Condition": {"StringLike": {"s3:prefix": ["team/*"]}},
        },
        {
            "Effect": "Allow",
            "Action": [
                "s3:GetObject",
                "s3:PutObject",
                "s3:DeleteObject",
                "s3:AbortMultipartUpload",
                "s3:ListMultipartUploadParts",
            ],
            "Resource": ["arn:aws:s3:::photos/team/*"],
        },
    ]
