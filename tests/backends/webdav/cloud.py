"""The server that lies, where it takes uploads in chunks: as Nextcloud keeps them, one file a chunk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from aiohttp import web

from backends.http.client import Timeouts
from backends.webdav.dialect import Chunks
from backends.webdav.settings import webdav_settings
from backends.webdav.storage import WebDavStorage
from tests.backends.webdav.lying import Lying, lying
from tests.backends.webdav.opening import HONEST

FILES, UPLOADS = "remote.php/dav/files/ann", "remote.php/dav/uploads/ann"
IN_CHUNKS = replace(HONEST, base=f"/{FILES}/", chunks=Chunks.CHOSEN, chunk_times=True)
CHUNK = 5 * 1024**2


@dataclass
class Cloud(Lying):
    """Files are below FILES, uploads below UPLOADS."""

    drops: bool = True
    """Whether single chunks can be removed."""

    def uploads(self) -> set[str]:
        """The folders of uploads."""
        return {name for name in self.folders if name.startswith(f"{UPLOADS}/")}

    def kept(self) -> dict[str, bytes]:
        """What is stored, by path."""
        return {
            path.removeprefix(f"{FILES}/"): self.files[path].data
            for path in self.below(FILES)
            if not path.startswith(f"{FILES}/.s3front/")
        }

    def ours(self) -> set[str]:
        """What lies under names of our own."""
        return {path.removeprefix(f"{FILES}/") for path in self.below(f"{FILES}/.s3front")}

    async def honest(self, request: web.Request) -> web.StreamResponse:
        path = unquote(request.raw_path).strip("/")
        if path.startswith(f"{UPLOADS}/"):
            refused = self._refused(path, request)
            if refused is not None:
                return refused
            if request.method == "MOVE":
                return self.join(path.removesuffix("/.file"), request)
            if request.method == "PUT" and path.rpartition("/")[0] in self.folders:
                self.put_chunk(path, await request.read(), request)
                return web.Response(status=201)
        return await super().honest(request)

    def put_chunk(self, path: str, data: bytes, request: web.Request) -> None:
        """Keep a chunk. What replaces another within a second keeps its ETag."""
        before = self.files.get(path)
        told = request.headers.get("X-OC-Mtime")
        self.put(path, data, modified_s=None if told is None else int(told))
        if before is not None:
            self.files[path] = replace(self.files[path], etag=before.etag)

    def join(self, upload: str, request: web.Request) -> web.Response:
        """Make one file of the chunks."""
        chunks = sorted(self.below(upload))
        data = b"".join(self.files[path].data for path in chunks)
        if request.headers.get("OC-Total-Length", str(len(data))) != str(len(data)):
            return web.Response(status=400)
        to = unquote(urlsplit(request.headers["Destination"]).path).strip("/")
        if upload not in self.folders:
            return web.Response(status=404)
        if to in self.files and request.headers.get("Overwrite") == "F":
            return web.Response(status=412)
        if to.rpartition("/")[0] not in self.folders:
            return web.Response(status=409)
        self.put(to, data)
        self._drop(upload)
        return web.Response(status=201)

    def _refused(self, path: str, request: web.Request) -> web.Response | None:
        name = path.rpartition("/")[2]
        is_chunk = path.count("/") > UPLOADS.count("/") + 1
        match request.method:
            case "GET" | "COPY":
                return web.Response(status=405)
            case "MKCOL" | "PUT" | "MOVE" if "Destination" not in request.headers:
                return web.Response(status=400)
            case "PUT" if not (name.isdigit() and 1 <= int(name) <= 10_000):
                return web.Response(status=400)
            case "DELETE" if is_chunk and not self.drops:
                return web.Response(status=404)
        return None


@asynccontextmanager
async def clouds() -> AsyncIterator[Cloud]:
    """One that runs on loopback."""
    server = Cloud()
    for path in (FILES, UPLOADS):
        parts = path.split("/")
        server.folders.update("/".join(parts[:n]) for n in range(1, len(parts) + 1))
    server.href_base = "/"
    async with lying(server):
        yield server


def in_chunks(
    server: Cloud, *, is_known: bool = True, timeouts: Timeouts | None = None, **settings: object
) -> WebDavStorage:
    """A storage on the server, not yet opened; found out already, if it ``is_known``."""
    options = {"endpoint": f"{server.url}/{FILES}/", "allow_private": True, "chunk_size": CHUNK}
    return WebDavStorage(
        webdav_settings({**options, **settings}),
        dialect=IN_CHUNKS if is_known else None,
        timeouts=timeouts,
        pauses_s=(0.0, 0.01, 0.02),
    )
