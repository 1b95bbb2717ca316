"""Somebody else who uses what a WebDAV server serves."""

import base64
import http.client
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from tests.backends.webdav.servers import Running

BY_WEBDAV = {"nextcloud", "rclone"}
"""Servers that do not look at their disk each time: others come to them by WebDAV, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDisk:
    """At the files themselves, below ``folder``. ``age_s``: how old what is written seems to be."""

    folder: Path
    age_s: float = 0.0

    def write(self, path: str, data: bytes) -> None:
        """A whole file, by a rename, and its folders."""
        there = self.folder / path
        for folder in [*reversed(there.relative_to(self.folder).parents)][1:]:
            self._make(self.folder / folder)
        half = self.folder / f".{there.name}.half"  # in no bucket
        half.write_bytes(data)
        then = time.time() - self.age_s
        os.utime(half, (then, then))
        half.rename(there)

    def _make(self, folder: Path) -> None:
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o777)  # the server may be another user

    def remove(self, path: str) -> None:
        """A file, or a folder with all that is in it."""
        there = self.folder / path
        shutil.rmtree(there) if there.is_dir() else there.unlink()

    def move(self, path: str, to: str) -> None:
        """A file or a folder."""
        (self.folder / path).rename(self.folder / to)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByWebDav:
    """As a client of the same server, below ``url``."""

    url: str
    settings: Mapping[str, object]

    def write(self, path: str, data: bytes) -> None:
        """A whole file, and its folders."""
        parts = path.split("/")
        for number in range(1, len(parts)):
            self._ask("MKCOL", "/".join(parts[:number]) + "/")
        assert self._ask("PUT", path, data) in {201, 204}

    def remove(self, path: str) -> None:
        """A file, or a folder with all that is in it."""
        assert self._ask("DELETE", path) == 204

    def move(self, path: str, to: str) -> None:
        """A file or a folder."""
        headers = {"Destination": f"{self.url}/{quote(to)}", "Overwrite": "F"}
        assert self._ask("MOVE", path, **headers) == 201

    def _ask(self, method: str, path: str, body: bytes | None = None, /, **headers: str) -> int:
        parts = urlsplit(self.url)
        if self.settings:
            user = f"{self.settings['username']}:{self.settings['password']}"
            headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        try:
            connection.request(method, f"{parts.path}/{quote(path)}", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()


Outsider = OnDisk | ByWebDav


def outsider(name: str, server: Running, prefix: str) -> Outsider:
    """One who meets the storage that has this prefix there."""
    if name in BY_WEBDAV:
        return ByWebDav(url=f"{server.url}/{quote(prefix)}", settings=server.settings)
    return OnDisk(folder=server.root / prefix, age_s=100.0)
