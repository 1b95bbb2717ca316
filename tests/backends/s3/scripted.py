"""A service that answers each request as a test says, and keeps the requests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from backends.http.client import Timeouts
from backends.s3.settings import read_settings
from backends.s3.storage import S3Storage
from tests.backends.http.answering import answering

NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Service:
    """``answers``: one after the other; then the last of them again."""

    answers: Sequence[bytes | Callable[[Asked], bytes]]
    asked: list[Asked] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
            method, target, _ = lines[0].split(" ")
            headers = {
                name.lower(): value for name, _, value in (ln.partition(": ") for ln in lines[1:])
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            parts = urlsplit(target)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            asked = Asked(method, parts.path, query, headers, body)
            answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
            self.asked.append(asked)
            said = answer if isinstance(answer, bytes) else answer(asked)
            head, end, _ = said.partition(b"\r\n\r\n")
            writer.write(head + end if method == "HEAD" else said)
            await writer.drain()


@asynccontextmanager
async def service(
    *answers: bytes | Callable[[Asked], bytes],
    knows: Mapping[str, Any] | None = None,
    **settings: object,
) -> AsyncIterator[tuple[S3Storage, Service]]:
    """An open storage of such a service, whose own clock stands at NOW.

    ``knows``: what its profile says in place of what it says.
    """
    scripted = Service(answers)
    async with answering(scripted.serve) as origin:
        given = {
            "endpoint": str(origin),
            "bucket": "photos",
            "access_key": "AKIAEXAMPLE",
            "secret_key": "hidden-secret",
            "allow_private": True,
            **settings,
        }
        read = read_settings(given)
        read = replace(read, profile=replace(read.profile, **(knows or {})))
        storage = S3Storage(read, timeouts=Timeouts(stall_s=5, answer_s=5), now=lambda: NOW)
        await storage.open()
        try:
            yield storage, scripted
        finally:
            await storage.aclose()
