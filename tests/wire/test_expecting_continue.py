"""100 Continue is said when the body is wanted, and not before."""

import pytest

from tests.live.client import Client
from tests.live.server import Live
from tests.wire.raw import Raw, head, signed

EXPECT = ("Content-Length: 5", "Expect: 100-continue")


def test_the_body_is_asked_for_and_stored(client: Client, bucket: str, raw: Raw) -> None:
    raw.send(signed(client, "PUT", f"/{bucket}/key", *EXPECT))
    assert raw.reply().status == 100
    raw.send(b"12345")
    assert raw.reply().status == 200
    raw.send(signed(client, "GET", f"/{bucket}/key"))
    assert raw.reply().body == b"12345"


def test_an_anonymous_put_never_sees_100(client: Client, bucket: str, raw: Raw) -> None:
    raw.send(head("PUT", f"/{bucket}/key", {"Host": client.host}, *EXPECT))
    reply = raw.reply()
    assert (reply.status, reply.code) == (403, "AccessDenied")
    assert reply.header("connection") == "close"
    assert raw.is_closed()


def test_a_forged_put_never_sees_100(client: Client, bucket: str, raw: Raw) -> None:
    forged = signed(client, "PUT", f"/{bucket}/key", *EXPECT).replace(b"Signature=", b"Signature=0")
    raw.send(forged)
    assert raw.reply().status in {400, 403}
    assert raw.is_closed()


def test_a_put_whose_condition_fails_never_sees_100(
    live: Live, client: Client, bucket: str, raw: Raw
) -> None:
    client.put(bucket, "key", b"old")
    raw.send(signed(client, "PUT", f"/{bucket}/key", "If-None-Match: *", *EXPECT))
    reply = raw.reply()
    assert (reply.status, reply.code) == (412, "PreconditionFailed")
    assert raw.is_closed()
    assert client.get(bucket, "key").body == b"old"
    assert live.staged() == []


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("/no-such-bucket-here/key", (), 404),
        ("/BUCKET/key", (), 400),
        ("{bucket}/key", ("Content-MD5: junk",), 400),
        ("{bucket}/key?uploadId=u", (), 405),
        ("{bucket}/key?acl", (), 501),
        ("{bucket}/key?partNumber=1&uploadId=0", (), 404),
    ],
)
def test_a_put_that_is_refused_for_another_reason_never_sees_100(
    client: Client, bucket: str, raw: Raw, *, path: str, more: tuple[str, ...], status: int
) -> None:
    path, _, query = path.format(bucket=f"/{bucket}").partition("?")
    raw.send(signed(client, "PUT", path, *more, *EXPECT, query=query))
    assert raw.reply().status == status
    assert raw.is_closed()


def test_a_put_without_a_length_never_sees_100(client: Client, bucket: str, raw: Raw) -> None:
    raw.send(
        signed(
            client, "PUT", f"/{bucket}/key",
            "Transfer-Encoding: chunked", "Expect: 100-continue",
        )
    )  # fmt: skip
    reply = raw.reply()
    assert (reply.status, reply.code) == (501, "NotImplemented")
    assert raw.is_closed()


def test_a_put_that_is_too_large_never_sees_100(client: Client, bucket: str, raw: Raw) -> None:
    length = 5 * 1024**3 + 1
    raw.send(
        signed(client, "PUT", f"/{bucket}/key", f"Content-Length: {length}", "Expect: 100-continue")
    )
    reply = raw.reply()
    assert (reply.status, reply.code) == (400, "EntityTooLarge")
    assert raw.is_closed()


def test_a_document_is_asked_for_too(client: Client, bucket: str, raw: Raw) -> None:
    body = b"<Delete><Object><Key>a</Key></Object></Delete>"
    raw.send(
        signed(
            client, "POST", f"/{bucket}",
            f"Content-Length: {len(body)}", "Expect: 100-continue", query="delete",
        )
    )  # fmt: skip
    assert raw.reply().status == 100
    raw.send(body)
    assert raw.reply().status == 200
