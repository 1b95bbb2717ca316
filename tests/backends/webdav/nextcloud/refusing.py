"""How sabre/dav refuses."""

from xml.sax.saxutils import escape

from aiohttp import web

_NAMES = {
    400: "BadRequest",
    401: "NotAuthenticated",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    412: "PreconditionFailed",
    415: "UnsupportedMediaType",
    416: "RequestedRangeNotSatisfiable",
    503: "ServiceUnavailable",
    507: "InsufficientStorage",
}
_OWN = {423: "FileLocked", 429: "TooManyRequests"}


class Refused(Exception):
    """A status other than success, with what sabre/dav says to it."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(self) -> web.Response:
        """The document that goes with it."""
        name = f"Sabre\\DAV\\Exception\\{_NAMES.get(self.status, '')}".rstrip("\\")
        if self.status in _OWN:
            name = f"OCA\\DAV\\Connector\\Sabre\\Exception\\{_OWN[self.status]}"
        text = (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            '<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns">\n'
            f"  <s:exception>{name}</s:exception>\n  <s:message>{escape(str(self))}</s:message>\n"
            "</d:error>\n"
        )
        return web.Response(
            status=self.status, text=text, content_type="application/xml", headers=self.headers
        )
