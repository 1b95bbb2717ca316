"""A WebDAV server in memory that is honest and atomic until a test tells it not to be."""

import asyncio
import hashlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape

from aiohttp import web
from lxml import etree

Lie = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""What is answered instead of the truth; None for the truth after all."""

_numbers = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    data: bytes
    etag: str
    modified_s: int
    kept: dict[str, str]


@dataclass(slots=True)
class Lying:
    """The server. ``files`` and ``folders`` by decoded path, without a ``/`` at either end."""

    url: str = ""
    files: dict[str, File] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {""})
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request."""
    headers: list[dict[str, str]] = field(default_factory=list)
    lies: list[Lie] = field(default_factory=list)
    """Each is asked of each request, until it is taken away."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the test is over, for what waits until then."""
    etags: bool = True
    ranges: bool = True
    properties: bool = True
    spares_folders: bool = True
    folds: bool = False
    href_base: str = "/"
    folder_s: int | None = None
    """The time of all folders, if it is told."""
    wants: Callable[[str], bool] = lambda _: True
    """Whether a Destination is one that the server understands."""

    def put(self, path: str, data: bytes, *, modified_s: int | None = None) -> None:
        """A file from nowhere, and its folders."""
        parts = path.split("/")
        self.folders.update("/".join(parts[:n]) for n in range(1, len(parts)))
        now_s = int(time.time()) if modified_s is None else modified_s
        self.files[self._name(path)] = File(data=data, etag=_etag(), modified_s=now_s, kept={})

    def below(self, folder: str) -> set[str]:
        """The files below a folder."""
        return {path for path in self.files if path.startswith(f"{folder}/")}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer, or lie."""
        path = unquote(request.raw_path.partition("?")[0]).strip("/")
        self.asked.append((request.method, path))
        self.headers.append(dict(request.headers))
        for lie in list(self.lies):
            answer = await lie(request)
            if answer is not None:
                return answer
        return await self.honest(request)

    async def honest(self, request: web.Request) -> web.StreamResponse:
        """The truth."""
        path = self._name(unquote(request.raw_path).strip("/"))
        match request.method:
            case "OPTIONS":
                return web.Response(headers={"DAV": "1"})
            case "PROPFIND":
                return self._propfind(path, request, await request.read())
            case "GET" | "HEAD":
                return self._get(path, request)
            case "PUT":
                return self._put(path, await request.read())
            case "MKCOL":
                return self._mkcol(path)
            case "DELETE":
                return self._delete(path, request)
            case "MOVE" | "COPY":
                return self.transfer(path, request)
            case "PROPPATCH" if self.properties:
                return self._proppatch(path, await request.read())
        return web.Response(status=405)

    def transfer(self, path: str, request: web.Request) -> web.Response:
        """MOVE or COPY, which replace folders whole, as servers do."""
        destination = request.headers["Destination"]
        if not self.wants(destination):
            return web.Response(status=502)
        to = self._name(unquote(urlsplit(destination).path).strip("/"))
        if path not in self.files and path not in self.folders:
            return web.Response(status=404)
        if to.rpartition("/")[0] not in self.folders:
            return web.Response(status=409)
        there = to in self.files or to in self.folders
        if there and request.headers.get("Overwrite") == "F":
            return web.Response(status=412)
        self._drop(to)
        for old in [path, *self.below(path)]:
            if old in self.files:
                self.files[to + old[len(path) :]] = self.files[old]
        for old in [f for f in self.folders if f == path or f.startswith(f"{path}/")]:
            self.folders.add(to + old[len(path) :])
        if request.method == "MOVE":
            self._drop(path)
        else:
            self.files[to] = replace(self.files[to], etag=_etag(), modified_s=int(time.time()))
        return web.Response(status=204 if there else 201)

    def _name(self, path: str) -> str:
        return path.lower() if self.folds else path

    def _drop(self, path: str) -> None:
        for old in [path, *self.below(path)]:
            self.files.pop(old, None)
        self.folders -= {f for f in self.folders if f == path or f.startswith(f"{path}/")}

    def _propfind(self, path: str, request: web.Request, body: bytes) -> web.Response:
        if path not in self.files and path not in self.folders:
            return web.Response(status=404)
        asked = [str(prop.tag) for prop in etree.fromstring(body).iterfind("{DAV:}prop/*")]
        told = [self._told(path, asked)]
        if request.headers["Depth"] == "1":
            inside = {p for p in [*self.files, *self.folders] if p and p.rpartition("/")[0] == path}
            told += [self._told(p, asked) for p in inside - {path}]
        text = f'<multistatus xmlns="DAV:">{"".join(told)}</multistatus>'
        return web.Response(status=207, text=text, content_type="application/xml")

    def _told(self, path: str, asked: list[str]) -> str:
        file = self.files.get(path)
        kept = ""
        if file is None:
            props = "<resourcetype><collection/></resourcetype>"
            if self.folder_s is not None:
                told = formatdate(self.folder_s, usegmt=True)
                props += f"<getlastmodified>{told}</getlastmodified>"
            path = f"{path}/" if path else ""
        else:
            props = f"<resourcetype/><getcontentlength>{len(file.data)}</getcontentlength>"
            props += (
                f"<getlastmodified>{formatdate(file.modified_s, usegmt=True)}</getlastmodified>"
            )
            if self.etags:
                props += f"<getetag>{escape(file.etag)}</getetag>"
            kept = "".join(
                f'<s:{name} xmlns:s="urn:s3front">{value}</s:{name}>'
                for name, value in file.kept.items()
                if f"{{urn:s3front}}{name}" in asked
            )
        href = quote(f"{self.href_base}{path}")
        return (
            f"<response><href>{href}</href><propstat><prop>{props}{kept}</prop>"
            "<status>HTTP/1.1 200 OK</status></propstat></response>"
        )

    def _get(self, path: str, request: web.Request) -> web.Response:
        file = self.files.get(path)
        if file is None:
            return web.Response(status=404)
        headers = {"Last-Modified": formatdate(file.modified_s, usegmt=True)}
        if self.etags:
            headers["ETag"] = file.etag
            if request.headers.get("If-Match", file.etag) != file.etag:
                return web.Response(status=412)
        asked = request.http_range
        if asked.start is None or not self.ranges:
            return web.Response(body=file.data, headers=headers)
        end = len(file.data) if asked.stop is None else asked.stop
        data = file.data[asked.start : end]
        last = asked.start + len(data) - 1
        headers["Content-Range"] = f"bytes {asked.start}-{last}/{len(file.data)}"
        return web.Response(status=206, body=data, headers=headers)

    def _put(self, path: str, data: bytes) -> web.Response:
        if path in self.folders or path.rpartition("/")[0] not in self.folders:
            return web.Response(status=409)
        self.put(path, data)
        return web.Response(status=201)

    def _mkcol(self, path: str) -> web.Response:
        if path in self.files or path in self.folders:
            return web.Response(status=405)
        if path.rpartition("/")[0] not in self.folders:
            return web.Response(status=409)
        self.folders.add(path)
        return web.Response(status=201)

    def _delete(self, path: str, request: web.Request) -> web.Response:
        if path in self.folders and self.spares_folders and request.headers.get("Depth") == "0":
            return web.Response(status=400)
        if path not in self.files and path not in self.folders:
            return web.Response(status=404)
        self._drop(path)
        return web.Response(status=204)

    def _proppatch(self, path: str, body: bytes) -> web.Response:
        kept = dict(self.files[path].kept)
        for prop in etree.fromstring(body).iterfind("{DAV:}set/{DAV:}prop/*"):
            kept[str(prop.tag).removeprefix("{urn:s3front}")] = prop.text or ""
        self.files[path] = replace(self.files[path], kept=kept)
        text = (
            '<multistatus xmlns="DAV:"><response><href>/</href><propstat><prop/>'
            "<status>HTTP/1.1 200 OK</status></propstat></response></multistatus>"
        )
        return web.Response(status=207, text=text, content_type="application/xml")


@asynccontextmanager
async def lying(server: Lying | None = None) -> AsyncIterator[Lying]:
    """One that runs on loopback."""
    server = server or Lying()
    app = web.Application(client_max_size=1024**3)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, auto_decompress=False, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        server.over.set()
        await runner.cleanup()


def on(method: str, answer: Lie, *, path: str = "", times: int = 1) -> Lie:
    """A lie about so many requests of a method, of a path that holds ``path``."""
    left = itertools.count(times, -1)

    async def lie(request: web.Request) -> web.StreamResponse | None:
        if request.method != method or path not in unquote(request.raw_path):
            return None
        return await answer(request) if next(left) > 0 else None

    return lie


def status(number: int, **headers: str) -> Lie:
    """An answer that says no more."""

    async def answer(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=number, headers=named)

    return answer


def _etag() -> str:
    return f'"{hashlib.sha256(str(next(_numbers)).encode()).hexdigest()[:16]}"'
