"""Requests to one WebDAV server, and what their answers mean."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from backends.errors import NameRefused, StorageError, Unavailable
from backends.http.client import ASKED_FROM, Answer, Client
from backends.http.dates import seconds_of
from backends.http.outgoing import gathered
from backends.interface import PIECE
from backends.webdav.authorizing import Authorizer, Nobody
from backends.webdav.dialect import Destination
from backends.webdav.hrefs import decoded, encoded
from backends.webdav.multistatus import (
    MAX_RESPONSE,
    OURS,
    Resource,
    only,
    opaque,
    resources,
    statuses,
)
from backends.webdav.refusals import nameless, refusal

LONG_S: Final = 600.0
"""For what takes a server as long as the file is: COPY, and MOVE where that is a copy."""

_TRIES: Final = 3
_ASKED: Final = ("resourcetype", "getcontentlength", "getetag", "getlastmodified")
_XML: Final = {"Content-Type": 'application/xml; charset="utf-8"'}
_NOWHERE: Final = frozenset({404, 409, 410})
_BAD_REQUEST: Final = 400
_ODDLY_NOWHERE: Final = frozenset({_BAD_REQUEST, 403, 405})
_ONWARD: Final = frozenset({301, 302, 307, 308})
_DONE: Final = frozenset({200, 201, 204, 207})


@dataclass(frozen=True, slots=True)
class _Unseen:
    """Why it is not known what is under a path."""

    status: int
    headers: Mapping[str, str]


class Dav:
    """The verbs of WebDAV below one folder of a server. Paths are decoded; ``""`` is the folder.

    ``prefix``: that folder below the client's origin, ``""`` or without a ``/`` at its ends.
    """

    def __init__(self, client: Client, authorizer: Authorizer, prefix: str = "") -> None:
        self.where = str(client.origin)
        self.destination = Destination.URL
        self.base = "/"
        """The path of the folder, decoded, in the hrefs of answers; ends with ``/``."""
        self._client = client
        self._authorizer = authorizer
        self.prefix = prefix
        self.heads = False
        """The answer to HEAD tells as much of a file as that to PROPFIND."""
        self._root = f"/{encoded(prefix)}/" if prefix else "/"
        self._said: Mapping[str, str] = {}
        """The headers of the last answer."""

    @property
    def now_s(self) -> int | None:
        """The server's own time when it last answered."""
        return seconds_of(self._said.get("date", ""))

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
        folder: bool = False,
        answer_s: float | None = None,
    ) -> Answer:
        """The answer to a request that can be sent again when it is asked who we are; to be closed.

        Denied if it stays 401.
        """
        target = self._target(path, folder=folder)
        for _ in range(_TRIES):
            answer = await self._client.send(
                method,
                target,
                {**(headers or {}), **self._authorization(method, target)},
                body=body,
                answer_s=answer_s,
            )
            self._said = answer.headers
            if answer.status != 401:
                self._authorizer.accepted()
                return answer
            await answer.excerpt()
            if not self._authorizer.refused(answer.all("WWW-Authenticate")):
                break
        if isinstance(self._authorizer, Nobody):
            raise nameless(self.where, method)
        raise refusal(self.where, method, 401, {})

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
        folder: bool = False,
        answer_s: float | None = None,
    ) -> int:
        """The status of a request whose answer says no more."""
        answer = await self.send(method, path, headers, body=body, folder=folder, answer_s=answer_s)
        await answer.excerpt()
        return answer.status

    async def must(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
        folder: bool = False,
        takes: Collection[int] = (),
    ) -> None:
        """As ``ask``, of what must succeed, or be answered with a status of ``takes``."""
        answer = await self.send(method, path, headers, body=body, folder=folder)
        await answer.excerpt()
        if answer.status not in _DONE and answer.status not in takes:
            raise refusal(self.where, f"{method} {path!r}", answer.status, answer.headers)

    async def put(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int,
        headers: Mapping[str, str] | None = None,
        meaning: Mapping[int, StorageError] | None = None,
    ) -> None:
        """Store a body that can be read once. What it raises is raised.

        ``meaning``: the errors of statuses that mean more here than elsewhere.
        """
        if size <= PIECE:
            answer = await self.send("PUT", path, headers, body=await gathered(body, size))
        else:
            answer = await self._streamed(path, headers or {}, body, size)
        await answer.excerpt()
        if answer.status not in _DONE:
            meant = (meaning or {}).get(answer.status)
            raise meant or refusal(self.where, f"PUT {path!r}", answer.status, answer.headers)

    async def _streamed(
        self, path: str, headers: Mapping[str, str], body: AsyncIterator[bytes], size: int
    ) -> Answer:
        """The answer to a PUT that can be sent once."""
        if not self._authorizer.certain():
            # Whoever is asked for a password after the body has gone has nothing left to send.
            await (await self.propfind("", 0, folder=True)).excerpt()
        target = self._target(path)
        answer = await self._client.send(
            "PUT",
            target,
            {**headers, **self._authorization("PUT", target)},
            body=body,
            size=size,
            expect_continue=size >= ASKED_FROM,
        )
        if answer.status == 401:
            await answer.excerpt()
            self._authorizer.refused(answer.all("WWW-Authenticate"))
            raise Unavailable(f"{self.where}: asked for the password again in the midst of a body")
        self._authorizer.accepted()
        return answer

    async def transfer(self, method: str, source: str, path: str, *, replace: bool) -> int:
        """COPY or MOVE of a file; the status. ``source`` and ``path`` are two."""
        if source == path:
            # Some servers empty the file.
            raise ValueError(f"{method} of {path!r} onto itself")
        headers = {"Destination": self.named(path), "Overwrite": "T" if replace else "F"}
        return await self.ask(method, source, headers, answer_s=LONG_S)

    async def look(self, path: str, *, kept: Sequence[str] = ()) -> Resource | None:
        """What is under ``path``; None if nothing is. ``kept``: properties of ours to be told, too.

        NameRefused if the server says that no such name can be.
        """
        seen = await self._found_out(path, kept)
        if isinstance(seen, Resource):
            return seen
        if seen.status in _NOWHERE:
            return None
        # What lies below a file is answered in many ways.
        if seen.status in _ODDLY_NOWHERE:
            in_a_folder = await self._is_in_a_folder(path)
            if in_a_folder is False:
                return None
            if in_a_folder and seen.status == _BAD_REQUEST:
                raise NameRefused(f"{self.where}: does not even look for {path[:200]!r}")
        raise refusal(self.where, f"PROPFIND {path!r}", seen.status, seen.headers)

    async def find(self, path: str, *, kept: Sequence[str] = ()) -> Resource | None:
        """As ``look``, for what is likely a file: asked by HEAD, where that tells as much."""
        if self.heads and not kept:
            told = await self.told_by_head(path)
            if told is not None:
                return told
        return await self.look(path, kept=kept)

    async def is_free(self, path: str) -> bool:
        """Whether HEAD is answered that nothing is there: no file, but perhaps a folder."""
        return await self.ask("HEAD", path) in _NOWHERE

    async def told_by_head(self, path: str) -> Resource | None:
        """The file that an answer to HEAD tells of. None if it does not tell its state."""
        answer = await self.send("HEAD", path)
        await answer.excerpt()
        if answer.status != 200:
            return None
        etag = answer.headers.get("etag", "")
        told = Resource(
            href=path,
            size=answer.length,
            etag=opaque(etag),
            is_weak=etag.startswith("W/"),
            modified_s=seconds_of(answer.headers.get("last-modified", "")),
        )
        return None if told.is_half_told else told

    async def members(
        self, path: str, *, kept: Sequence[str] = ()
    ) -> AsyncGenerator[Resource, None]:
        """What is in the folder ``path``, and mostly that itself. Nothing if there is no such.

        Unavailable if ``""`` is none: a server that has lost its disk has not lost the files.
        """
        answer = await self.propfind(path, 1, kept, folder=True)
        try:
            if answer.status in _NOWHERE and path:
                return
            if answer.status in _ODDLY_NOWHERE and await self._is_in_a_folder(f"{path}/") is False:
                return
            if answer.status != 207:
                raise refusal(self.where, f"PROPFIND {path!r}", answer.status, answer.headers)
            async with aclosing(resources(answer.stream())) as told:
                async for resource in told:
                    yield resource
        finally:
            await answer.aclose()

    async def keep(self, path: str, properties: Mapping[str, str]) -> bool:
        """Have properties of ours kept with what is under ``path``; whether that seems done."""
        answer = await self.send("PROPPATCH", path, _XML, body=_update(properties))
        if answer.status != 207:
            await answer.excerpt()
            return answer.status in _DONE
        found = statuses(await answer.document(MAX_RESPONSE))
        return all(status // 100 == 2 for status in found)

    async def propfind(
        self, path: str, depth: int, kept: Sequence[str] = (), *, folder: bool = False
    ) -> Answer:
        """The answer to PROPFIND, of any status; to be closed."""
        # Depth is always said: without it some understand "infinity".
        headers = {**_XML, "Depth": str(depth)}
        return await self.send(
            "PROPFIND", path, headers, body=_question(tuple(kept)), folder=folder
        )

    def own(self, path: str) -> str:
        """The encoded path of ``path``, from the root of the server."""
        return f"{self._client.origin.path}{self._target(path)}"

    def named(self, path: str) -> str:
        """``path`` as the server wants it named in a Destination."""
        origin = self._client.origin
        match self.destination:
            case Destination.URL:
                return f"{origin.scheme}://{origin.authority}{self.own(path)}"
            case Destination.PATH:
                return self.own(path)
            case Destination.OTHER_SCHEME:
                scheme = "http" if origin.scheme == "https" else "https"
                return f"{scheme}://{origin.authority}{self.own(path)}"

    async def _found_out(self, path: str, kept: Sequence[str]) -> Resource | _Unseen:
        # rclone, WsgiDAV and sabre/dav look more than once, and stumble when a file is replaced in
        # between: they answer 500, or tell of a file without saying in what state it is.
        for _ in range(_TRIES - 1):
            seen = await self._seen(path, kept)
            if seen.status != 500 and not (isinstance(seen, Resource) and seen.is_half_told):
                return seen
        return await self._seen(path, kept)

    async def _seen(
        self, path: str, kept: Sequence[str], *, folder: bool = False
    ) -> Resource | _Unseen:
        answer = await self.propfind(path, 0, kept, folder=folder)
        try:
            if answer.status == 207:
                return await self._only(answer)
        finally:
            await answer.excerpt()
        onward = decoded(answer.headers.get("Location", ""))
        if not folder and answer.status in _ONWARD and onward == decoded(f"{self.own(path)}/"):
            return await self._seen(path, (), folder=True)
        return _Unseen(answer.status, answer.headers)

    async def _only(self, answer: Answer) -> Resource | _Unseen:
        found = only(await answer.document(MAX_RESPONSE))
        if found is None:
            return _Unseen(404, {})
        return found if found.status == 200 else _Unseen(found.status, {})

    async def _is_in_a_folder(self, path: str) -> bool | None:
        """Whether the nearest parent that can be seen is a folder, and no file nor nothing. None if
        none can be seen."""
        while path := path.rpartition("/")[0]:
            seen = await self._seen(path, ())
            if isinstance(seen, Resource):
                return seen.is_folder
            if seen.status not in _ODDLY_NOWHERE:
                return False if seen.status in _NOWHERE else None
        return None

    def _target(self, path: str, *, folder: bool = False) -> str:
        if not path:
            return self._root if folder else self._root[:-1] or "/"
        return f"{self._root}{encoded(path)}{'/' if folder else ''}"

    def _authorization(self, method: str, target: str) -> dict[str, str]:
        header = self._authorizer.header(method, f"{self._client.origin.path}{target}")
        return {} if header is None else {"Authorization": header}


@lru_cache(maxsize=16)
def _question(kept: tuple[str, ...]) -> bytes:
    asked = "".join(f"<{name}/>" for name in _ASKED)
    asked += "".join(f'<s:{name} xmlns:s="{OURS[1:-1]}"/>' for name in kept)
    return f'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>{asked}</prop></propfind>'.encode()


def _update(properties: Mapping[str, str]) -> bytes:
    """Values are of characters that need no escape."""
    # One at a time: of several in one set, lighttpd keeps the first.
    sets = "".join(
        f"<D:set><D:prop><s:{name}>{value}</s:{name}></D:prop></D:set>"
        for name, value in properties.items()
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><D:propertyupdate xmlns:D="DAV:" '
        f'xmlns:s="{OURS[1:-1]}">{sets}</D:propertyupdate>'
    ).encode()
