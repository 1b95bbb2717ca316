from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from gateway.access.authentication import Authentication
from gateway.access.credentials import Credentials
from gateway.access.doctor import Doctor
from gateway.access.public_addresses import PublicAddresses
from gateway.observe.event import RequestEvent
from gateway.s3.errors import S3Error
from gateway.s3.message import Request
from gateway.s3.target import Domains
from sigv4 import sign
from sigv4.canonical import Signable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOMAINS = Domains(["s3.example.com", "localhost"])
KEY, SECRET = "AKIDEXAMPLE", "secret/of/the/example"


class NoBody:
    length = 0

    async def read(self, *, at_once: bool = False) -> bytes:
        return b""


def arriving(
    *, signed_host: str, signed_path: str, host: str, path: str, asked: str | None = None
) -> Request:
    """A request signed for one address that arrives at another."""
    headers: Mapping[str, str] = {"host": signed_host}
    signable = Signable(method="GET", path=signed_path, query="", headers=headers)
    credentials = sign.Credentials(access_key=KEY, secret=SECRET)
    added = sign.sign(signable, credentials, region="us-east-1", now=NOW)
    return Request(
        id="1",
        method="GET",
        path=path,
        query="",
        headers={**added, "host": host},
        body=NoBody(),
        peer="127.0.0.1",
        host=host if asked is None else asked,
    )


def event() -> RequestEvent:
    return RequestEvent(id="1", method="GET", path="/", peer="-")


def authentication(*urls: str, now: datetime = NOW, per_minute: int = 60) -> Authentication:
    return Authentication(
        Credentials(root_access_key=KEY, root_secret_key=SECRET),
        now=lambda: now,
        doctor=Doctor(hosts=["s3.example.com"], per_minute=per_minute, clock=lambda: 0.0),
        addresses=PublicAddresses(urls),
        domains=DOMAINS,
    )


REWRITTEN = arriving(
    signed_host="s3.example.com", signed_path="/b/k", host="127.0.0.1:9000", path="/b/k"
)


def test_a_request_signed_for_the_public_url_is_accepted_behind_a_proxy_that_rewrites_host() -> (
    None
):
    principal, _ = authentication("https://s3.example.com")(REWRITTEN, event())
    assert principal.access_key == KEY


def test_a_prefix_of_the_public_url_that_the_proxy_strips_is_taken_for_signed() -> None:
    request = arriving(
        signed_host="example.com", signed_path="/s3/b/k", host="127.0.0.1:9000", path="/b/k"
    )
    assert authentication("https://example.com/s3/")(request, event())


def test_the_host_a_trusted_proxy_tells_is_taken_for_signed() -> None:
    request = arriving(
        signed_host="b.s3.example.com",
        signed_path="/k",
        host="127.0.0.1:9000",
        path="/k",
        asked="b.s3.example.com",
    )
    assert authentication()(request, event())


def test_an_address_that_is_not_configured_is_refused_and_named_for_the_log() -> None:
    told = event()
    with pytest.raises(S3Error) as refused:
        authentication()(REWRITTEN, told)
    assert refused.value.code == "SignatureDoesNotMatch"
    assert told.hint is not None
    assert "s3.example.com" in told.hint
    assert SECRET not in told.hint


@pytest.mark.parametrize("host", ["private.localhost:9000", "private.s3.example.com"])
def test_a_url_of_the_public_address_is_not_one_of_another_bucket(host: str) -> None:
    """``/b/k`` of the public address is not the key ``b/k`` of the bucket that Host names."""
    request = arriving(signed_host="s3.example.com", signed_path="/b/k", host=host, path="/b/k")
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        authentication("https://s3.example.com", "https://localhost:9000")(request, event())


def test_a_host_that_a_proxy_passes_on_is_not_another_bucket_than_the_one_signed() -> None:
    request = arriving(
        signed_host="s3.example.com",
        signed_path="/b/k",
        host="s3.example.com",
        path="/b/k",
        asked="private.s3.example.com",
    )
    with pytest.raises(S3Error, match="names another bucket"):
        authentication("https://s3.example.com")(request, event())


def test_another_path_is_not_accepted_under_any_address() -> None:
    request = arriving(
        signed_host="s3.example.com", signed_path="/b/k", host="127.0.0.1:9000", path="/b/other"
    )
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        authentication("https://s3.example.com", "https://example.com/b")(request, event())


def test_a_public_address_does_not_make_an_old_signature_good() -> None:
    late = authentication("https://s3.example.com", now=NOW + timedelta(minutes=16))
    with pytest.raises(S3Error, match="RequestTimeTooSkewed"):
        late(REWRITTEN, event())


def test_the_doctor_is_not_asked_more_often_than_its_rate() -> None:
    careful = authentication(per_minute=2)
    hints = []
    for _ in range(3):
        told = event()
        with pytest.raises(S3Error):
            careful(REWRITTEN, told)
        hints.append(told.hint is not None)
    assert hints == [True, True, False]


def test_an_unknown_key_is_told_before_anything_else() -> None:
    strangers = Authentication(
        Credentials(root_access_key="OTHER", root_secret_key=SECRET),
        now=lambda: NOW + timedelta(days=1),
        doctor=Doctor(),
        addresses=PublicAddresses(),
        domains=DOMAINS,
    )
    with pytest.raises(S3Error, match="InvalidAccessKeyId"):
        strangers(REWRITTEN, event())
