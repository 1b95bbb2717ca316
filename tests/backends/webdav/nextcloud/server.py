"""The server: who asks, what for, and the answer."""

import asyncio
import base64
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from aiohttp import web

from tests.backends.webdav.nextcloud import telling
from tests.backends.webdav.nextcloud.quirks import Lie, Quirks
from tests.backends.webdav.nextcloud.refusing import Refused
from tests.backends.webdav.nextcloud.tree import Node, Tree, normal
from tests.backends.webdav.nextcloud.uploads import Uploads

BASE = "/remote.php/dav/"
CONTROL = "/emulator"
_FEATURES = (
    "1, 3, extended-mkcol, access-control, calendarserver-principal-property-search, "
    "oc-resource-sharing, nextcloud-checksum-update, nc-paginate, nc-calendar-search"
)
_DUMMY = "This is the WebDAV interface. It can only be accessed by WebDAV clients."


@dataclass(frozen=True, slots=True)
class At:
    """``kind``: files or uploads; ``path``: below the user's folder there."""

    kind: str
    path: str

    @property
    def parent(self) -> str:
        return self.path.rpartition("/")[0]


@dataclass(slots=True, kw_only=True)
class Nextcloud:
    """One instance, with one user."""

    files: Tree
    uploads: Uploads
    quirks: Quirks
    username: str
    password: str
    wrong_passwords: int = 0
    asked: list[dict[str, object]] = field(default_factory=list)
    going_on: set[asyncio.Task[None]] = field(default_factory=set)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any request."""
        if request.path.startswith(CONTROL):
            return await self.control(request)
        self.asked.append(
            {
                "method": request.method,
                "path": request.raw_path,
                "headers": {name.lower(): value for name, value in request.headers.items()},
            }
        )
        try:
            answer = await self._checked(request)
        except Refused as refused:
            answer = refused.answer()
        except ConnectionError:
            answer = Refused(400, "The connection was closed").answer()
        return answer

    async def _checked(self, request: web.Request) -> web.StreamResponse:
        self.admit(request)
        if request.path == "/status.php":
            return web.json_response(self.status())
        if self.quirks.maintenance:
            raise Refused(503, "System in maintenance mode.", X_Nextcloud_Maintenance_Mode="1")
        self._authenticate(request)
        lie = self.quirks.lie(request.method, self._decoded(request.raw_path))
        if lie is not None and not lie.done:
            await request.read()
            raise Refused(lie.status, f'"{request.path}" is locked')
        return await self._done(request, lie)

    async def _done(self, request: web.Request, lie: Lie | None) -> web.StreamResponse:
        at = self._at(self._decoded(request.raw_path))
        method = getattr(self, f"_{at.kind}_{request.method.lower()}", None)
        if method is None:
            raise Refused(501, "There was no handler found for this method")
        answering: Callable[[web.Request, At], Awaitable[web.StreamResponse]] = method
        if at.kind == "files":
            self._preconditions(request, at)
        answer = await answering(request, at)
        if lie is not None:
            raise Refused(lie.status, "Gateway Time-out")
        return answer

    def admit(self, request: web.Request) -> None:
        """What the web server in front lets through."""
        length = request.content_length
        if self.quirks.max_body is not None and (length or 0) > self.quirks.max_body:
            raise Refused(413, "Request Entity Too Large", Connection="close")

    def status(self) -> dict[str, object]:
        """status.php."""
        return {
            "installed": True,
            "maintenance": self.quirks.maintenance,
            "needsDbUpgrade": False,
            "version": "31.0.6.2",
            "versionstring": "31.0.6",
            "edition": "",
            "productname": "Nextcloud",
            "extendedSupport": False,
        }

    async def control(self, request: web.Request) -> web.Response:
        """What tests ask and tell the emulator itself."""
        match request.method, request.path.removeprefix(CONTROL):
            case "POST", "/quirks":
                self.quirks.set(await request.json())
                if self.quirks.assembly_held:
                    self.uploads.go_on.clear()
            case "POST", "/reset":
                self.quirks.reset()
                self.wrong_passwords = 0
                self.uploads.go_on.set()
            case "POST", "/release":
                self.uploads.go_on.set()
                await asyncio.gather(*self.going_on)
            case "POST", "/expire":
                self.uploads.expire()
            case "POST", "/change-etags":
                self.files.change_etags()
            case "GET", "/asked":
                asked, self.asked = self.asked, []
                return web.json_response(asked)
            case "GET", "/uploads":
                names = {
                    name: [each.name for each in self.uploads.chunks(name)]
                    for name in self.uploads.by_name
                }
                return web.json_response(names)
            case _:
                return web.Response(status=404)
        return web.Response(status=204)

    def _authenticate(self, request: web.Request) -> None:
        most = self.quirks.throttled_after
        if most is not None and self.wrong_passwords >= most:
            raise Refused(429, "Reached maximum delay")
        told = request.headers.get("Authorization", "")
        right = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        if told == f"Basic {right}":
            return
        if told:
            self.wrong_passwords += 1
        raise Refused(
            401,
            "Cannot authenticate over ajax calls" if not told else "Password is incorrect",
            WWW_Authenticate='Basic realm="Nextcloud", charset="UTF-8"',
        )

    def _preconditions(self, request: web.Request, at: At) -> None:
        """Server::checkPreconditions, of entity tags."""
        match, none = request.headers.get("If-Match"), request.headers.get("If-None-Match")
        if match is None and none is None:
            return
        try:
            node: Node | None = self.files.find(at.path)
        except Refused:
            node = None
        etag = f'"{node.etag}"' if node is not None and not node.folder else None
        if match is not None:
            wanted = [each.strip(" ") for each in match.split(",")]
            if node is None or (match != "*" and etag not in wanted):
                raise Refused(412, "An If-Match header was specified", **_etag(etag))
        if none is not None and node is not None:
            wanted = [each.strip(" ") for each in none.split(",")]
            if none == "*" or etag in wanted:
                status = 304 if request.method == "GET" else 412
                raise Refused(status, "An If-None-Match header was specified", **_etag(etag))

    # Files.

    async def _files_options(self, request: web.Request, at: At) -> web.Response:
        allowed = "OPTIONS, GET, HEAD, DELETE, PROPFIND, PUT, PROPPATCH, COPY, MOVE, REPORT"
        if not self.files.exists(at.path):
            allowed = "OPTIONS, MKCOL, PUT"
        told = {"DAV": _FEATURES, "MS-Author-Via": "DAV", "Accept-Ranges": "bytes"}
        return web.Response(headers={**told, "Allow": allowed})

    async def _files_get(self, request: web.Request, at: At) -> web.StreamResponse:
        node = self.files.find(at.path)
        if node.folder:
            return web.Response(text=_DUMMY)
        answer = web.StreamResponse(headers=self._headers(node))
        first, count = 0, node.size
        asked = _range(request, node)
        if asked is not None:
            first, count = asked
            answer.set_status(206)
            answer.headers["Content-Range"] = f"bytes {first}-{first + count - 1}/{node.size}"
        if node.size:
            answer.content_length = count
        await answer.prepare(request)
        if request.method != "HEAD":
            for piece in self.files.read(at.path, first, count):
                await answer.write(piece)
        await answer.write_eof()
        return answer

    async def _files_head(self, request: web.Request, at: At) -> web.StreamResponse:
        return await self._files_get(request, at)

    async def _files_put(self, request: web.Request, at: At) -> web.Response:
        if "Content-Range" in request.headers:
            raise Refused(400, "Content-Range on PUT requests are forbidden.")
        there = self.files.exists(at.path)
        if there and self.files.find(at.path).folder:
            raise Refused(409, "PUT is not allowed on non-files.")
        self._folder(at.parent, 409, "Files cannot be created in non-existent collections")
        self._room(request.content_length)
        body = self._body(request)
        node = await self.files.write(at.path, body, length=request.content_length)
        told = self._after_write(request, node)
        return web.Response(status=204 if there else 201, headers=told)

    async def _files_delete(self, request: web.Request, at: At) -> web.Response:
        self.files.delete(at.path)
        self.files.forget_properties(at.path)
        return web.Response(status=204)

    async def _files_mkcol(self, request: web.Request, at: At) -> web.Response:
        self._folder(at.parent, 409, "Parent node does not exist")
        if self.files.exists(at.path):
            raise Refused(405, "The resource you tried to create already exists")
        self.files.make_folder(at.path)
        return web.Response(status=201, headers=_of(self.files.find(at.path), etag=False))

    async def _files_move(self, request: web.Request, at: At) -> web.Response:
        to, there = self._destination(request, at)
        if not to:
            raise Refused(403, "")
        self.files.find(at.path)
        await self.files.move(at.path, to)
        told = _of(self.files.find(to), etag=True)
        return web.Response(status=204 if there else 201, headers=told)

    async def _files_copy(self, request: web.Request, at: At) -> web.Response:
        to, there = self._destination(request, at)
        self._room(self.files.find(at.path).size)
        await self.files.copy(at.path, to)
        told = _of(self.files.find(to), etag=False)
        return web.Response(status=204 if there else 201, headers=told)

    async def _files_propfind(self, request: web.Request, at: At) -> web.Response:
        names = telling.asked(await request.read())
        found = [self.files.find(at.path)]
        depth = request.headers.get("Depth", "1")
        for node in found:
            if node.folder and (node is found[0] or depth == "infinity") and depth != "0":
                found += self.files.children(node.path)
        free = -3 if self.quirks.quota is None else self.quirks.quota - self.files.used()
        quota = telling.Quota(used=self.files.used(), free=free)
        return _multistatus(
            telling.response(
                self._href("files", node.path, folder=node.folder),
                telling.of_node(node, self.files.properties.get(node.path, {}), quota),
                names,
            )
            for node in found
        )

    async def _files_proppatch(self, request: web.Request, at: At) -> web.Response:
        told = telling.changes(await request.read()).values
        node = self.files.find(at.path)
        statuses = dict.fromkeys(told, 200)
        if telling.PROTECTED & told.keys():
            statuses = {name: 403 if name in telling.PROTECTED else 424 for name in told}
        else:
            kept = self.files.properties.setdefault(at.path, {})
            for name, value in told.items():
                if name == "{DAV:}getetag" and value:
                    node.etag = value.strip('"')
                elif value is None:
                    kept.pop(name, None)
                else:
                    kept[name] = value
        href = self._href("files", at.path, folder=node.folder)
        return _multistatus([telling.outcome(href, statuses)])

    # Uploads.

    async def _uploads_mkcol(self, request: web.Request, at: At) -> web.Response:
        name, rest = _split(at.path)
        if rest or not name:
            raise Refused(403 if rest else 405, f"Permission denied to create file ({at.path})")
        self._told_where(request)
        self.uploads.begin(name)
        return web.Response(status=201)

    async def _uploads_put(self, request: web.Request, at: At) -> web.Response:
        name, chunk = _split(at.path)
        if not chunk or chunk == ".file":
            raise Refused(403, f"Permission denied to create file ({at.path})")
        if name not in self.uploads.by_name:
            raise Refused(409, "Files cannot be created in non-existent collections")
        to = self._told_where(request)
        if to is not None:  # QuotaPlugin::beforeCreateFile: nextcloud/server 42679
            self._folder(to.parent, 404, f"File with name /{to.parent} could not be located")
        if to is not None and (total := request.headers.get("OC-Total-Length", "")).isdigit():
            self._room(int(total))
        body = self._body(request)
        new = await self.uploads.put(name, chunk, body, length=request.content_length)
        return web.Response(status=201 if new else 204)

    async def _uploads_get(self, request: web.Request, at: At) -> web.Response:
        self.uploads.find(_split(at.path)[0])
        raise Refused(405, "Reading intermediate uploads is not allowed")

    async def _uploads_delete(self, request: web.Request, at: At) -> web.Response:
        name, chunk = _split(at.path)
        if not chunk or chunk == ".file":
            self.uploads.end(name)
        else:
            self.uploads.delete(name, chunk)
        return web.Response(status=204)

    async def _uploads_propfind(self, request: web.Request, at: At) -> web.Response:
        names = telling.asked(await request.read())
        name, chunk = _split(at.path)
        folder = {"{DAV:}resourcetype": "<d:collection/>"}
        told = {self._href("uploads", at.path, folder=True): folder}
        if not name:
            told |= {
                self._href("uploads", each, folder=True): folder for each in self.uploads.by_name
            }
        elif not chunk:
            self.uploads.find(name)
            told |= self._chunks(name) if request.headers.get("Depth", "1") != "0" else {}
        else:
            href = self._href("uploads", at.path, folder=False)
            if href not in (chunks := self._chunks(name)):
                raise Refused(404, f"File with name //{at.path} could not be located")
            told = {href: chunks[href]}
        return _multistatus(telling.response(href, each, names) for href, each in told.items())

    async def _uploads_move(self, request: web.Request, at: At) -> web.Response:
        name, chunk = _split(at.path)
        to, there = self._destination(request, at)
        self.uploads.find(name)
        if chunk != ".file":
            raise Refused(403, "Permission denied to rename this")
        self._room(self.uploads.check(name, request.headers.get("OC-Total-Length")))
        if not self.quirks.moves_that_time_out:
            await self.uploads.assemble(name, to)
            told = self._after_write(request, self.files.find(to))
            return web.Response(status=204 if there else 201, headers=told)
        self.quirks.moves_that_time_out -= 1
        task = asyncio.create_task(self._go_on(request, name, to))
        self.going_on.add(task)
        task.add_done_callback(self.going_on.discard)
        await asyncio.sleep(0)
        status = self.quirks.timed_out_with
        return web.Response(status=status, text=f"<html><h1>{status} Time-out</h1></html>")

    async def _go_on(self, request: web.Request, name: str, to: str) -> None:
        """What PHP does, though nobody waits for its answer."""
        try:
            await self.uploads.assemble(name, to)
        except Refused:
            return
        self._after_write(request, self.files.find(to))

    # Both.

    def _decoded(self, raw_path: str) -> str:
        try:
            return unquote_to_bytes(raw_path.partition("?")[0]).decode()
        except UnicodeDecodeError:
            raise Refused(400, "The path is not UTF-8") from None

    def _at(self, path: str) -> At:
        """404 outside of what the one user has."""
        if not path.startswith(BASE):
            raise Refused(404, "Not here")
        kind, _, rest = normal(path.removeprefix(BASE)).partition("/")
        user, _, below = rest.partition("/")
        if kind not in {"files", "uploads"} or user != self.username or ".." in below.split("/"):
            raise Refused(404, f"Principal with name {user} not found")
        return At(kind, below)

    def _told_where(self, request: web.Request) -> At | None:
        """The Destination that each request of an upload has, if it is held to that."""
        if "Destination" in request.headers:
            return self._at(self._decoded(urlsplit(request.headers["Destination"]).path))
        if self.quirks.strict:
            raise Refused(400, "The destination header was not supplied")
        return None

    def _destination(self, request: web.Request, at: At) -> tuple[str, bool]:
        """Server::getCopyAndMoveInfo: the path, and whether something is there."""
        if "Destination" not in request.headers:
            raise Refused(400, "The destination header was not supplied")
        path = self._decoded(urlsplit(request.headers["Destination"]).path)
        if not path.startswith(BASE):
            raise Refused(403, f"Requested uri ({path}) is out of base uri ({BASE})")
        to = self._at(path)
        if to.kind != "files":
            raise Refused(403, "Permission denied")
        overwrite = request.headers.get("Overwrite", "T").upper()
        if overwrite not in {"T", "F"}:
            raise Refused(400, "The HTTP Overwrite header should be either T or F")
        self._folder(to.parent, 409, "The destination node is not found")
        there = self.files.exists(to.path)
        if there and overwrite == "F":
            raise Refused(412, "The destination node already exists")
        if to == at:
            raise Refused(403, "Source and destination uri are identical.")
        if at.kind == "files" and to.path.startswith(f"{at.path}/"):
            raise Refused(409, "The destination may not be part of the same subtree")
        return to.path, there

    def _folder(self, path: str, status: int, message: str) -> None:
        """Refuses if there is no such folder."""
        if not self.files.exists(path):
            raise Refused(status, message)
        if not self.files.find(path).folder:
            raise Refused(409, "Parent node is not a collection")

    def _room(self, size: int | None) -> None:
        if self.quirks.quota is not None and size:
            free = max(0, self.quirks.quota - self.files.used())
            if size > free:
                raise Refused(507, f"Insufficient space, {size} required, {free} available")

    async def _body(self, request: web.Request) -> AsyncIterator[bytes]:
        lost = self.quirks.empties_chunked_bodies and request.content_length is None
        async for piece in request.content.iter_any():
            if not lost:
                yield piece

    def _after_write(self, request: web.Request, node: Node) -> dict[str, str]:
        """What the headers of a write say of the file, and the headers of the answer."""
        modified = request.headers.get("X-OC-MTime", "")
        if modified.isdigit():
            node = self.files.touch(node.path, int(modified))
        node.checksum = request.headers.get("OC-Checksum", "").strip()
        node.uploaded_s = node.modified_s
        told = _of(node, etag=True)
        return {**told, "X-OC-MTime": "accepted"} if modified.isdigit() else told

    def _headers(self, node: Node) -> dict[str, str]:
        name = telling.encoded(node.name)
        told = {
            "Content-Type": telling.content_type(node.name),
            "Last-Modified": telling.date(node.modified_s),
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}; filename=\"{name}\"",
            "X-Accel-Buffering": "no",
            **_etag(f'"{node.etag}"'),
        }
        return {**told, "OC-Checksum": node.checksum} if node.checksum else told

    def _href(self, kind: str, path: str, *, folder: bool) -> str:
        whole = f"{BASE}{kind}/{self.username}/{path}".rstrip("/")
        return f"{whole}/" if folder else whole

    def _chunks(self, name: str) -> dict[str, dict[str, str]]:
        chunks = self.uploads.chunks(name)
        stats = [each.stat() for each in chunks]
        whole = telling.of_chunk(sum(each.st_size for each in stats), 0, _hash(name))
        told = {self._href("uploads", f"{name}/.file", folder=False): whole}
        for each, stat in zip(chunks, stats, strict=True):
            href = self._href("uploads", f"{name}/{each.name}", folder=False)
            etag = _hash(f"{stat.st_mtime_ns}{stat.st_ino}")
            told[href] = telling.of_chunk(stat.st_size, int(stat.st_mtime), etag)
        return told


def application(folder: Path, username: str, password: str) -> web.Application:
    """One that keeps its files in ``folder``/root and its uploads in ``folder``/uploads."""
    quirks = Quirks()
    (folder / "uploads").mkdir()
    files = Tree(folder / "root", quirks)
    uploads = Uploads(folder / "uploads", files, quirks)
    uploads.go_on.set()
    cloud = Nextcloud(
        files=files, uploads=uploads, quirks=quirks, username=username, password=password
    )

    async def expect(request: web.Request) -> web.StreamResponse | None:
        try:
            cloud.admit(request)
        except Refused as refused:
            return refused.answer()
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None

    async def sign(_: web.Request, answer: web.StreamResponse) -> None:
        answer.headers.setdefault("Content-Security-Policy", "default-src 'none';")
        answer.headers["X-Request-Id"] = secrets.token_hex(10)
        answer.headers["Server"] = "nginx"

    app = web.Application(client_max_size=64 * 1024**2)
    app.router.add_route("*", "/{path:.*}", cloud.handle, expect_handler=expect)
    app.on_response_prepare.append(sign)
    return app


def _range(request: web.Request, node: Node) -> tuple[int, int] | None:
    """First byte and count. An end of 0 is taken for none, as CorePlugin::httpGet does."""
    found = re.fullmatch("(?i)bytes=([0-9]*)-([0-9]*)", request.headers.get("Range", ""))
    if found is None or not any(found.groups()) or not node.size:
        return None
    if request.headers.get("If-Range", f'"{node.etag}"') != f'"{node.etag}"':
        return None
    if not found[1]:
        first = max(0, node.size - int(found[2]))
        return first, node.size - first
    first, last = int(found[1]), int(found[2] or 0) or node.size - 1
    if first >= node.size or last < first:
        raise Refused(416, "The start offset exceeded the size of the entity")
    return first, min(last, node.size - 1) - first + 1


def _of(node: Node, *, etag: bool) -> dict[str, str]:
    told = {"OC-FileId": telling.fileid(node.fileid)}
    return {**told, **_etag(f'"{node.etag}"')} if etag else told


def _etag(etag: str | None) -> dict[str, str]:
    return {} if etag is None else {"ETag": etag, "OC-ETag": etag}


def _split(path: str) -> tuple[str, str]:
    name, _, rest = path.partition("/")
    return name, rest


def _hash(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def _multistatus(responses: Iterable[str]) -> web.Response:
    return web.Response(
        status=207,
        text=telling.multistatus(responses),
        content_type="application/xml",
        charset="utf-8",
        headers={"DAV": _FEATURES, "Vary": "Brief,Prefer"},
    )
