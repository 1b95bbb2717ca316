"""Requests whose framing is ambiguous, broken or unusual, byte by byte.

Each is meant to make two HTTP servers disagree about where a request ends. The hidden second request
asks for a path that nobody else asks for, so that it is seen wherever it is born.
RFC 9112 (6, 7, 11.2) and the catalogues of PortSwigger and of the advisories named in docs/advisories.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.live.client import Client
from tests.wire.raw import signed

SMUGGLED = "/smuggled"
HIDDEN = f"GET {SMUGGLED} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
"""The request that must never be seen."""

Written = Callable[[Client, str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One connection's bytes.

    ``answers``: the statuses that come back when it is sent to the server itself, in order; interim
    ones are left out. ``closes``: the server closes the connection behind them. ``stores``: the key
    of the bucket, ``key``, is an object afterwards, of these bytes. ``follows``: how many hidden
    requests are not hidden but follow openly, where a proxy may take the first one for whole.
    """

    name: str
    written: Written
    answers: tuple[int, ...]
    closes: bool
    stores: bytes | None = None
    follows: int = 0


def put(*lines: str, body: bytes = b"", then: bytes = b"") -> Written:
    """A PUT with a good signature, these header lines and this body; ``then`` what follows it."""

    def write(client: Client, bucket: str) -> bytes:
        return signed(client, "PUT", f"/{bucket}/key", *lines) + body + then

    return write


def post(*lines: str, body: bytes = b"", then: bytes = b"") -> Written:
    """A DeleteObjects with a good signature: it takes a body without a length."""

    def write(client: Client, bucket: str) -> bytes:
        return signed(client, "POST", f"/{bucket}", *lines, query="delete") + body + then

    return write


def get(*lines: str, body: bytes = b"", then: bytes = b"") -> Written:
    """A GET with a good signature."""

    def write(client: Client, bucket: str) -> bytes:
        return signed(client, "GET", f"/{bucket}/key", *lines) + body + then

    return write


def rewritten(written: Written, old: bytes, new: bytes) -> Written:
    """As ``written``, the first ``old`` in it replaced."""

    def write(client: Client, bucket: str) -> bytes:
        whole = written(client, bucket)
        assert old in whole, old
        return whole.replace(old, new, 1)

    return write


def plain(text: bytes) -> Written:
    """These bytes, unsigned; ``{host}`` and ``{bucket}`` are put in."""

    def write(client: Client, bucket: str) -> bytes:
        return text.replace(b"{host}", client.host.encode()).replace(b"{bucket}", bucket.encode())

    return write


def refused(name: str, written: Written, status: int = 400, *, follows: int = 0) -> Case:
    """One refusal, then the connection is closed, and nothing is stored."""
    return Case(name=name, written=written, answers=(status,), closes=True, follows=follows)


def answered(
    name: str,
    written: Written,
    *answers: int,
    closes: bool = False,
    stores: bytes | None = None,
    follows: int | None = None,
) -> Case:
    """These answers. ``follows``: as many as there are answers to them, unless it is said."""
    return Case(
        name=name,
        written=written,
        answers=answers,
        closes=closes,
        stores=stores,
        follows=len(answers) - 1 if follows is None else follows,
    )


CHUNKED = "Transfer-Encoding: chunked"
DELETE = b"<Delete><Object><Key>a</Key></Object></Delete>"
FIVE = "Content-Length: 5"
END = b"0\r\n\r\n"


def in_chunks(body: bytes, extension: bytes = b"", end: bytes = END) -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(body), extension, body) + end


GOOD = in_chunks(DELETE)
