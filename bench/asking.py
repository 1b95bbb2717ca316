"""One request and its answer, without load: what a run does before and after it measures."""

import re
import socket
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import md5
from html import escape, unescape

from bench.answer import Answer, AnswerError, AnswerParser
from bench.generator import Target
from bench.requests import Message
from bench.server import ServerError

_TIMEOUT_S = 30.0
_KEY = re.compile(rb"<Key>([^<]*)</Key>")
_ROUNDS = 1000


def ask(host: str, port: int, message: Message, *, without_body: bool = False) -> Answer:
    """Send one request over a connection of its own.

    Raises OSError, or AnswerError if the answer is none or is not whole.
    """
    parser = AnswerParser()
    parser.begin(without_body=without_body, keep=True)
    buffer = memoryview(bytearray(64 * 1024))
    with socket.create_connection((host, port), timeout=_TIMEOUT_S) as connection:
        connection.sendall(message.head + b"".join(message.body))
        whole = False
        while not whole:
            received = connection.recv_into(buffer)
            whole = parser.feed(buffer[:received]) if received else parser.end()
            if not received and not whole:
                raise AnswerError("the server closed the connection before the answer was whole")
    return parser.answer()


def list_buckets_answers(target: Target) -> bool:
    """Whether a signed ListBuckets is answered 200 now."""
    requests = target.requests(datetime.now(UTC), bucket="")
    try:
        return ask(target.host, target.port, requests.plain("GET", "")).status == 200
    except (OSError, AnswerError):
        return False


def create_bucket(target: Target) -> None:
    """Create the target's bucket. Raises ServerError if that fails, also if it is there."""
    _expect(target, target.requests(datetime.now(UTC)).plain("PUT", ""), 200)


def put_object(target: Target, key: str, body: bytes) -> None:
    """Put a short object. Raises ServerError."""
    _expect(target, target.requests(datetime.now(UTC)).plain("PUT", key, body=body), 200)


def delete_bucket(target: Target) -> None:
    """Delete the target's bucket with all its objects. Raises ServerError."""
    for keys in _pages(target):
        objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
        body = f"<Delete>{objects}<Quiet>true</Quiet></Delete>".encode()
        requests = target.requests(datetime.now(UTC))
        digest = b64encode(md5(body, usedforsecurity=False).digest()).decode()
        _expect(
            target,
            requests.plain("POST", "", [("delete", "")], {"content-md5": digest}, body),
            200,
        )
    _expect(target, target.requests(datetime.now(UTC)).plain("DELETE", ""), 204)


def list_keys(target: Target, after: str) -> list[str]:
    """The first page of keys after that one. Raises ServerError."""
    query = [("list-type", "2"), ("start-after", after)]
    answer = _expect(target, target.requests(datetime.now(UTC)).plain("GET", "", query), 200)
    return [unescape(key.decode()) for key in _KEY.findall(answer.body)]


def _pages(target: Target) -> Iterator[list[str]]:
    for _ in range(_ROUNDS):
        requests = target.requests(datetime.now(UTC))
        answer = _expect(target, requests.plain("GET", "", [("list-type", "2")]), 200)
        keys = [unescape(key.decode()) for key in _KEY.findall(answer.body)]
        if not keys:
            return
        yield keys


def _expect(target: Target, message: Message, status: int) -> Answer:
    line = message.head.partition(b" HTTP/1.1\r\n")[0].decode("ascii")
    try:
        answer = ask(target.host, target.port, message)
    except (OSError, AnswerError) as error:
        raise ServerError(f"{line}: {error}") from None
    if answer.status != status:
        shown = answer.body[:500].decode("utf-8", "replace")
        raise ServerError(f"{line}: {answer.status} instead of {status}: {shown}")
    return answer
