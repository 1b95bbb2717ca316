"""What a test does to the emulator, besides asking it as a client."""

import json
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.backends.webdav.nextcloud.server import CONTROL


@dataclass(frozen=True, slots=True)
class Control:
    """Of the emulator whose files are at ``url``."""

    url: str

    def set(self, **quirks: object) -> None:
        """Switches of ``Quirks``; lies as mappings."""
        self._ask("POST", "/quirks", quirks)

    def reset(self) -> None:
        """All switches as they were at first."""
        self._ask("POST", "/reset")

    def release(self) -> None:
        """Let all assemblies go on, and wait until none is running that nobody waits for."""
        self._ask("POST", "/release")

    def expire(self) -> None:
        """Drop all uploads, as a day later."""
        self._ask("POST", "/expire")

    def change_etags(self) -> None:
        """Give all files other ETags: FilesPlugin.php lets any client set them by PROPPATCH."""
        self._ask("POST", "/change-etags")

    def asked(self) -> list[dict[str, object]]:
        """Method, path and headers of all requests since this was asked last."""
        told: list[dict[str, object]] = json.loads(self._ask("GET", "/asked"))
        return told

    def uploads(self) -> dict[str, list[str]]:
        """The names of the chunks of each upload that is open."""
        told: dict[str, list[str]] = json.loads(self._ask("GET", "/uploads"))
        return told

    def _ask(self, method: str, path: str, told: object = None) -> bytes:
        parts = urlsplit(self.url)
        url = f"{parts.scheme}://{parts.netloc}{CONTROL}{path}"
        data = json.dumps(told).encode() if method == "POST" else None
        request = urllib.request.Request(url, data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            body: bytes = answer.read()
        return body
