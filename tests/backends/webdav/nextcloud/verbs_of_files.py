"""What is asked of files, and the answers."""

import re

from aiohttp import web

from tests.backends.webdav.nextcloud import telling
from tests.backends.webdav.nextcloud.answering import (
    FEATURES,
    Answering,
    At,
    about,
    etag_of,
    multistatus,
)
from tests.backends.webdav.nextcloud.refusing import Refused
from tests.backends.webdav.nextcloud.tree import Node

_DUMMY = "This is the WebDAV interface. It can only be accessed by WebDAV clients."


class VerbsOfFiles(Answering):
    """Methods by name: ``_files_get`` is GET of a file."""

    __slots__ = ()

    async def _files_options(self, request: web.Request, at: At) -> web.Response:
        allowed = "OPTIONS, GET, HEAD, DELETE, PROPFIND, PUT, PROPPATCH, COPY, MOVE, REPORT"
        if not self.files.exists(at.path):
            allowed = "OPTIONS, MKCOL, PUT"
        told = {"DAV": FEATURES, "MS-Author-Via": "DAV", "Accept-Ranges": "bytes"}
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
        self.folder(at.parent, 409, "Files cannot be created in non-existent collections")
        self.room(request.content_length)
        body = self.body(request)
        node = await self.files.write(at.path, body, length=request.content_length)
        told = self.after_write(request, node)
        return web.Response(status=204 if there else 201, headers=told)

    async def _files_delete(self, request: web.Request, at: At) -> web.Response:
        self.files.delete(at.path)
        self.files.forget_properties(at.path)
        return web.Response(status=204)

    async def _files_mkcol(self, request: web.Request, at: At) -> web.Response:
        self.folder(at.parent, 409, "Parent node does not exist")
        if self.files.exists(at.path):
            raise Refused(405, "The resource you tried to create already exists")
        self.files.make_folder(at.path)
        return web.Response(status=201, headers=about(self.files.find(at.path), etag=False))

    async def _files_move(self, request: web.Request, at: At) -> web.Response:
        to, there = self.destination(request, at)
        if not to:
            raise Refused(403, "")
        self.files.find(at.path)
        await self.files.move(at.path, to)
        told = about(self.files.find(to), etag=True)
        return web.Response(status=204 if there else 201, headers=told)

    async def _files_copy(self, request: web.Request, at: At) -> web.Response:
        to, there = self.destination(request, at)
        self.room(self.files.find(at.path).size)
        await self.files.copy(at.path, to)
        told = about(self.files.find(to), etag=False)
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
        return multistatus(
            telling.response(
                self.href("files", node.path, folder=node.folder),
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
        href = self.href("files", at.path, folder=node.folder)
        return multistatus([telling.outcome(href, statuses)])

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
                raise Refused(412, "An If-Match header was specified", **etag_of(etag))
        if none is not None and node is not None:
            wanted = [each.strip(" ") for each in none.split(",")]
            if none == "*" or etag in wanted:
                status = 304 if request.method == "GET" else 412
                raise Refused(status, "An If-None-Match header was specified", **etag_of(etag))


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
