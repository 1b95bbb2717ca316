"""The server without its wire: requests as values, thousands of them in a second."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.observe.event import RequestEvent
from gateway.s3.message import Request, Response
from tests.hostile.judging import judge
from tests.live.client import Client
from tests.live.server import Live

_ANSWER_S = 20.0


class Given:
    """A body that arrives in these pieces."""

    def __init__(self, pieces: Sequence[bytes], *, told: bool = True) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self._length = sum(map(len, pieces)) if told else None

    @property
    def length(self) -> int | None:
        return self._length

    async def read(self, *, at_once: bool = False) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, whole."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The answer, read to its end, and what the log is told."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    code: str | None


class Inside:
    """Asks the application of a running server on its own loop."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def ask(self, asked: Asked) -> Told:
        """The answer, judged."""
        told = asyncio.run_coroutine_threadsafe(self._ask(asked), self._live.loop).result(_ANSWER_S)
        judge(told.status, told.headers, told.body, context=asked)
        return told

    def signed(self, asked: Asked, *, payload_hash: str = "UNSIGNED-PAYLOAD") -> Told:
        """As ``ask``, with the right signature over whatever it is."""
        client = Client(port=self._live.port)
        headers = client.headers(
            asked.method,
            asked.path,
            asked.query,
            headers=asked.headers,
            payload_hash=payload_hash,
        )
        return self.ask(
            Asked(
                method=asked.method,
                path=asked.path,
                query=asked.query,
                headers=headers,
                pieces=asked.pieces,
            )
        )

    def keys(self, bucket: str) -> Iterator[str]:
        """Of the current objects."""
        listed = self.signed(Asked(method="GET", path=f"/{bucket}", query="list-type=2"))
        assert listed.status == 200
        for piece in listed.body.split(b"<Key>")[1:]:
            yield piece.partition(b"</Key>")[0].decode()

    async def _ask(self, asked: Asked) -> Told:
        length = sum(map(len, asked.pieces))
        headers = dict(asked.headers)
        if asked.pieces or asked.method in {"PUT", "POST"}:
            headers.setdefault("content-length", str(length))
        request = Request(
            id="0" * 16,
            method=asked.method,
            path=asked.path,
            query=asked.query,
            headers=headers,
            body=Given(asked.pieces),
            peer="127.0.0.1",
            host=headers.get("host", ""),
        )
        event = RequestEvent(id=request.id, method=asked.method, path=asked.path, peer="-")
        response = await self._live.application.answer(request, event)
        body = await _whole(response)
        return Told(
            status=response.status, headers=response.headers, body=body, code=event.error_code
        )


async def _whole(response: Response) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    try:
        return b"".join([piece async for piece in response.body.chunks()])
    finally:
        await response.body.aclose()
