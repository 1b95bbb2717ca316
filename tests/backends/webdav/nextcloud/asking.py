"""Raw requests to the emulator."""

import base64
import http.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from lxml import etree

from tests.backends.webdav.nextcloud.control import Control
from tests.backends.webdav.servers import PASSWORD, USERNAME

AUTHORIZED = {
    "Authorization": "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
}
FILES = f"/remote.php/dav/files/{USERNAME}"
UPLOADS = f"/remote.php/dav/uploads/{USERNAME}"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def properties(self) -> dict[str, dict[str, str]]:
        """Of a multistatus: by href and name, those that are there."""
        told: dict[str, dict[str, str]] = {}
        for response in etree.fromstring(self.body).iterfind("{DAV:}response"):
            of_it = told.setdefault(response.findtext("{DAV:}href") or "", {})
            for stat in response.iterfind("{DAV:}propstat"):
                if "200" in (stat.findtext("{DAV:}status") or ""):
                    for prop in stat.iterfind("{DAV:}prop/*"):
                        of_it[str(prop.tag).rpartition("}")[2]] = prop.text or ""
        return told


@dataclass(frozen=True, slots=True)
class Cloud:
    """The emulator at ``url``; ``control`` for what no client can do."""

    url: str
    control: Control

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        /,
        **headers: str,
    ) -> Answer:
        """One request on a connection of its own; ``_`` in names of headers for ``-``. An iterable is
        sent in chunks."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, quote(path), body, AUTHORIZED | told)
        answer = connection.getresponse()
        try:
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def at(self, path: str) -> str:
        """A Destination: the URL of a file."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{FILES}/{quote(path)}"

    def begin(self, upload: str, path: str) -> None:
        """MKCOL of an upload."""
        answer = self.ask("MKCOL", f"{UPLOADS}/{upload}", Destination=self.at(path))
        assert answer.status == 201, answer

    def put(self, upload: str, chunk: str, data: bytes, path: str, /, **headers: str) -> Answer:
        """PUT of a chunk."""
        to = self.at(path)
        return self.ask("PUT", f"{UPLOADS}/{upload}/{chunk}", data, Destination=to, **headers)

    def assemble(self, upload: str, path: str, /, **headers: str) -> Answer:
        """MOVE of the file that the chunks become."""
        to = self.at(path)
        return self.ask("MOVE", f"{UPLOADS}/{upload}/.file", Destination=to, **headers)

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None if there is none."""
        answer = self.ask("GET", f"{FILES}/{path}")
        return answer.body if answer.status == 200 else None
