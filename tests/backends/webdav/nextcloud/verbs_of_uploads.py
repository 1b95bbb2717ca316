"""What is asked of uploads, and the answers."""

import asyncio
import hashlib

from aiohttp import web

from tests.backends.webdav.nextcloud import telling
from tests.backends.webdav.nextcloud.answering import Answering, At, multistatus
from tests.backends.webdav.nextcloud.refusing import Refused


class VerbsOfUploads(Answering):
    """Methods by name: ``_uploads_put`` is PUT of a chunk."""

    __slots__ = ()

    async def _uploads_mkcol(self, request: web.Request, at: At) -> web.Response:
        name, rest = _split(at.path)
        if rest or not name:
            raise Refused(403 if rest else 405, f"Permission denied to create file ({at.path})")
        self.told_where(request)
        self.uploads.begin(name)
        return web.Response(status=201)

    async def _uploads_put(self, request: web.Request, at: At) -> web.Response:
        name, chunk = _split(at.path)
        if not chunk or chunk == ".file":
            raise Refused(403, f"Permission denied to create file ({at.path})")
        if name not in self.uploads.by_name:
            raise Refused(409, "Files cannot be created in non-existent collections")
        to = self.told_where(request)
        if to is not None:  # QuotaPlugin::beforeCreateFile: nextcloud/server 42679
            self.folder(to.parent, 404, f"File with name /{to.parent} could not be located")
        if to is not None and (total := request.headers.get("OC-Total-Length", "")).isdigit():
            self.room(int(total))
        body = self.body(request)
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
        told = {self.href("uploads", at.path, folder=True): folder}
        if not name:
            told |= {
                self.href("uploads", each, folder=True): folder for each in self.uploads.by_name
            }
        elif not chunk:
            self.uploads.find(name)
            told |= self._chunks(name) if request.headers.get("Depth", "1") != "0" else {}
        else:
            href = self.href("uploads", at.path, folder=False)
            if href not in (chunks := self._chunks(name)):
                raise Refused(404, f"File with name //{at.path} could not be located")
            told = {href: chunks[href]}
        return multistatus(telling.response(href, each, names) for href, each in told.items())

    async def _uploads_move(self, request: web.Request, at: At) -> web.Response:
        name, chunk = _split(at.path)
        to, there = self.destination(request, at)
        self.uploads.find(name)
        if chunk != ".file":
            raise Refused(403, "Permission denied to rename this")
        self.room(self.uploads.check(name, request.headers.get("OC-Total-Length")))
        if not self.quirks.moves_that_time_out:
            await self.uploads.assemble(name, to)
            told = self.after_write(request, self.files.find(to))
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
        self.after_write(request, self.files.find(to))

    def _chunks(self, name: str) -> dict[str, dict[str, str]]:
        chunks = self.uploads.chunks(name)
        stats = [each.stat() for each in chunks]
        whole = telling.of_chunk(sum(each.st_size for each in stats), 0, _hash(name))
        told = {self.href("uploads", f"{name}/.file", folder=False): whole}
        for each, stat in zip(chunks, stats, strict=True):
            href = self.href("uploads", f"{name}/{each.name}", folder=False)
            etag = _hash(f"{stat.st_mtime_ns}{stat.st_ino}")
            told[href] = telling.of_chunk(stat.st_size, int(stat.st_mtime), etag)
        return told


def _split(path: str) -> tuple[str, str]:
    name, _, rest = path.partition("/")
    return name, rest


def _hash(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
