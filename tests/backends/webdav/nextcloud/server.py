"""The server: who asks, what for, and the answer."""

import asyncio
import base64
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from tests.backends.webdav.nextcloud.answering import At
from tests.backends.webdav.nextcloud.quirks import Lie, Quirks
from tests.backends.webdav.nextcloud.refusing import Refused
from tests.backends.webdav.nextcloud.tree import Tree
from tests.backends.webdav.nextcloud.uploads import Uploads
from tests.backends.webdav.nextcloud.verbs_of_files import VerbsOfFiles
from tests.backends.webdav.nextcloud.verbs_of_uploads import VerbsOfUploads

CONTROL = "/emulator"


class Nextcloud(VerbsOfFiles, VerbsOfUploads):
    """One instance, with one user."""

    __slots__ = ()

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
        lie = self.quirks.lie(request.method, self.decoded(request.raw_path))
        if lie is not None and not lie.done:
            await request.read()
            raise Refused(lie.status, f'"{request.path}" is locked')
        return await self._done(request, lie)

    async def _done(self, request: web.Request, lie: Lie | None) -> web.StreamResponse:
        at = self.at(self.decoded(request.raw_path))
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
