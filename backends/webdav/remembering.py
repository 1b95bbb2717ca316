"""What a server was found to do, kept on it for whoever opens a storage there within a day.

It is found out anew when the server introduces itself otherwise, when it is reached by another URL, and
by another version of S3front.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from backends.errors import StorageError
from backends.http.dates import seconds_of
from backends.interface import RESERVED
from backends.webdav.asking import Dav
from backends.webdav.dialect import Chunks, Destination, Dialect, Kind, Validator
from backends.webdav.records import packed, unpacked

DIALECT: Final = f"{RESERVED}/dialect"
"""The file it is kept in."""
KEPT_S: Final = 24 * 3600

_MOST: Final = 16 * 1024
_SAID: Final = ("Server", "DAV", "X-Sabre-Version", "X-Powered-By", "Allow")
_ENUMS: Final[Mapping[str, type[Enum]]] = {
    "kind": Kind,
    "destination": Destination,
    "validator": Validator,
    "chunks": Chunks,
}
_SETS: Final = frozenset({"cannot", "lost"})


async def remembered(dav: Dav) -> Dialect | None:
    """The dialect, if it was found out within a day, by the server's own clock. Never fails."""
    with suppress(StorageError):  # Damaged among them: a record that another worker is writing
        answer = await dav.send("GET", DIALECT)
        now_s = seconds_of(answer.headers.get("Date", ""))
        kept_s = seconds_of(answer.headers.get("Last-Modified", ""))
        if answer.status != 200:
            await answer.excerpt()
            return None
        record = await answer.document(_MOST)
        if now_s is None or kept_s is None or abs(now_s - kept_s) > KEPT_S:
            return None
        return _read(unpacked(record, await _of(dav)))
    return None


async def remember(dav: Dav, dialect: Dialect) -> None:
    """Keep it. Never fails: then it is found out again the next time."""
    with suppress(StorageError):
        text = json.dumps({field.name: _plain(dialect, field.name) for field in fields(dialect)})
        await dav.must("PUT", DIALECT, body=packed(await _of(dav), text.encode()))


async def _of(dav: Dav) -> str:
    """Whom a record is of, in one line."""
    answer = await dav.send("OPTIONS", "", folder=True)
    await answer.excerpt()
    said = "\n".join(answer.headers.get(name, "") for name in _SAID)
    # Which reads a file.
    ours = await asyncio.to_thread(_version)
    return f"{ours} {dav.where} {hashlib.sha256(said.encode()).hexdigest()}"


def _version() -> str:
    try:
        return version("s3front")
    except PackageNotFoundError:
        return "unknown"


def _plain(dialect: Dialect, name: str) -> object:
    value = getattr(dialect, name)
    if isinstance(value, Enum):
        return value.name
    return sorted(value) if isinstance(value, frozenset) else value


def _read(text: bytes | None) -> Dialect | None:
    """None if it is of somebody else, or not what this version would write."""
    if text is None:
        return None
    told: dict[str, Any] = json.loads(text)
    if told.keys() != {field.name for field in fields(Dialect)}:
        return None
    for name, kinds in _ENUMS.items():
        if told[name] not in kinds.__members__:
            return None
        told[name] = kinds[told[name]]
    return Dialect(**{**told, **{name: frozenset(told[name]) for name in _SETS}})
