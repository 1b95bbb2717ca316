"""What requests about files and about uploads have in common: where they lead, and what answers say."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes, urlsplit

from aiohttp import web

from tests.backends.webdav.nextcloud import telling
from tests.backends.webdav.nextcloud.quirks import Quirks
from tests.backends.webdav.nextcloud.refusing import Refused
from tests.backends.webdav.nextcloud.tree import Node, Tree, normal
from tests.backends.webdav.nextcloud.uploads import Uploads

BASE = "/remote.php/dav/"
FEATURES = (
    "1, 3, extended-mkcol, access-control, calendarserver-principal-property-search, "
    "oc-resource-sharing, nextcloud-checksum-update, nc-paginate, nc-calendar-search"
)


@dataclass(frozen=True, slots=True)
class At:
    """``kind``: files or uploads; ``path``: below the user's folder there."""

    kind: str
    path: str

    @property
    def parent(self) -> str:
        return self.path.rpartition("/")[0]


@dataclass(slots=True, kw_only=True)
class Answering:
    """One instance, with one user."""

    files: Tree
    uploads: Uploads
    quirks: Quirks
    username: str
    password: str
    wrong_passwords: int = 0
    asked: list[dict[str, object]] = field(default_factory=list)
    going_on: set[asyncio.Task[None]] = field(default_factory=set)

    def decoded(self, raw_path: str) -> str:
        try:
            return unquote_to_bytes(raw_path.partition("?")[0]).decode()
        except UnicodeDecodeError:
            raise Refused(400, "The path is not UTF-8") from None

    def at(self, path: str) -> At:
        """404 outside of what the one user has."""
        if not path.startswith(BASE):
            raise Refused(404, "Not here")
        kind, _, rest = normal(path.removeprefix(BASE)).partition("/")
        user, _, below = rest.partition("/")
        if kind not in {"files", "uploads"} or user != self.username or ".." in below.split("/"):
            raise Refused(404, f"Principal with name {user} not found")
        return At(kind, below)

    def told_where(self, request: web.Request) -> At | None:
        """The Destination that each request of an upload has, if it is held to that."""
        if "Destination" in request.headers:
            return self.at(self.decoded(urlsplit(request.headers["Destination"]).path))
        if self.quirks.strict:
            raise Refused(400, "The destination header was not supplied")
        return None

    def destination(self, request: web.Request, at: At) -> tuple[str, bool]:
        """Server::getCopyAndMoveInfo: the path, and whether something is there."""
        if "Destination" not in request.headers:
            raise Refused(400, "The destination header was not supplied")
        path = self.decoded(urlsplit(request.headers["Destination"]).path)
        if not path.startswith(BASE):
            raise Refused(403, f"Requested uri ({path}) is out of base uri ({BASE})")
        to = self.at(path)
        if to.kind != "files":
            raise Refused(403, "Permission denied")
        overwrite = request.headers.get("Overwrite", "T").upper()
        if overwrite not in {"T", "F"}:
            raise Refused(400, "The HTTP Overwrite header should be either T or F")
        self.folder(to.parent, 409, "The destination node is not found")
        there = self.files.exists(to.path)
        if there and overwrite == "F":
            raise Refused(412, "The destination node already exists")
        if to == at:
            raise Refused(403, "Source and destination uri are identical.")
        if at.kind == "files" and to.path.startswith(f"{at.path}/"):
            raise Refused(409, "The destination may not be part of the same subtree")
        return to.path, there

    def folder(self, path: str, status: int, message: str) -> None:
        """Refuses if there is no such folder."""
        if not self.files.exists(path):
            raise Refused(status, message)
        if not self.files.find(path).folder:
            raise Refused(409, "Parent node is not a collection")

    def room(self, size: int | None) -> None:
        if self.quirks.quota is not None and size:
            free = max(0, self.quirks.quota - self.files.used())
            if size > free:
                raise Refused(507, f"Insufficient space, {size} required, {free} available")

    async def body(self, request: web.Request) -> AsyncIterator[bytes]:
        lost = self.quirks.empties_chunked_bodies and request.content_length is None
        async for piece in request.content.iter_any():
            if not lost:
                yield piece

    def after_write(self, request: web.Request, node: Node) -> dict[str, str]:
        """What the headers of a write say of the file, and the headers of the answer."""
        modified = request.headers.get("X-OC-MTime", "")
        if modified.isdigit():
            node = self.files.touch(node.path, int(modified))
        node.checksum = request.headers.get("OC-Checksum", "").strip()
        node.uploaded_s = node.modified_s
        told = about(node, etag=True)
        return {**told, "X-OC-MTime": "accepted"} if modified.isdigit() else told

    def _headers(self, node: Node) -> dict[str, str]:
        name = telling.encoded(node.name)
        told = {
            "Content-Type": telling.content_type(node.name),
            "Last-Modified": telling.date(node.modified_s),
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}; filename=\"{name}\"",
            "X-Accel-Buffering": "no",
            **etag_of(f'"{node.etag}"'),
        }
        return {**told, "OC-Checksum": node.checksum} if node.checksum else told

    def href(self, kind: str, path: str, *, folder: bool) -> str:
        whole = f"{BASE}{kind}/{self.username}/{path}".rstrip("/")
        return f"{whole}/" if folder else whole


def about(node: Node, *, etag: bool) -> dict[str, str]:
    told = {"OC-FileId": telling.fileid(node.fileid)}
    return {**told, **etag_of(f'"{node.etag}"')} if etag else told


def etag_of(etag: str | None) -> dict[str, str]:
    return {} if etag is None else {"ETag": etag, "OC-ETag": etag}


def multistatus(responses: Iterable[str]) -> web.Response:
    return web.Response(
        status=207,
        text=telling.multistatus(responses),
        content_type="application/xml",
        charset="utf-8",
        headers={"DAV": FEATURES, "Vary": "Brief,Prefer"},
    )
