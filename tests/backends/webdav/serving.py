"""Each server once for all tests of this process, and a folder of it for each storage."""

import atexit
import secrets
from contextlib import ExitStack
from functools import cache

from backends.webdav.dialect import Dialect
from backends.webdav.settings import webdav_settings
from backends.webdav.storage import WebDavStorage
from tests.backends.webdav.servers import SERVERS, Running

_started = ExitStack()
atexit.register(_started.close)
_found: dict[str, Dialect] = {}


@cache
def running(name: str) -> Running:
    """The server of that name, started at the first call."""
    return _started.enter_context(SERVERS[name]())


def settings_of(name: str) -> dict[str, object]:
    """Settings of a storage in a new folder of the server of that name."""
    return {
        "endpoint": running(name).url,
        "prefix": f"test {secrets.token_hex(8)}/ü",
        "allow_private": True,
        **running(name).settings,
    }


def webdav_storage(name: str) -> WebDavStorage:
    """A storage, not yet opened, in a new folder of the server of that name.

    The first one finds the server out, as in ``test_dialects.py`` each does.
    """
    return _Remembering(name)


def placed_storage(name: str) -> tuple[str, WebDavStorage]:
    """The same, and the folder that it is in, for who comes there without it."""
    told = settings_of(name)
    return str(told["prefix"]), _Remembering(name, told)


class _Remembering(WebDavStorage):
    def __init__(self, name: str, given: dict[str, object] | None = None) -> None:
        told = given or settings_of(name)
        if not running(name).settings:
            told |= {"url": running(name).url, "link_mode": "direct"}
        settings = webdav_settings(told)
        super().__init__(settings, dialect=_found.get(name))
        self._name = name

    async def open(self) -> None:
        await super().open()
        if self.dialect is not None:
            _found[self._name] = self.dialect
