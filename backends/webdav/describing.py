"""Self-descriptions: in properties of a file where the server keeps those, else beside it."""

import abc
import ast
import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from backends.errors import Damaged, Unavailable
from backends.interface import MAX_DESCRIPTION, RESERVED
from backends.webdav.asking import Dav
from backends.webdav.dialect import Dialect
from backends.webdav.folders import Folders
from backends.webdav.multistatus import Resource
from backends.webdav.records import packed, subject, unpacked
from backends.webdav.refusals import refusal
from backends.webdav.states import STAMP, State, state_of

ABOUT = f"{RESERVED}/about"
"""The folder of the descriptions that lie beside."""
DESCRIPTION = "description"
"""The property that holds a record, in base64."""
MAX_PROPERTY = 32 * 1024
"""Longest description in bytes that is put into a property."""


class Descriptions(abc.ABC):
    """How one storage keeps descriptions with the bytes they describe."""

    most: int
    """The longest, in bytes."""
    marks: Sequence[str] = ()
    """Properties without which the state of a file is not known."""
    properties: Sequence[str] = ()
    """Those, and what ``told`` needs."""

    async def prepare(self, path: str) -> None:
        """Have what a description of ``path`` needs. Makes folders, which the others do not."""

    @abc.abstractmethod
    async def attach(
        self, incoming: str, state: State, path: str, description: bytes | None
    ) -> State:
        """Describe what lies under ``incoming`` before it is moved to ``path``. Its state then."""

    @abc.abstractmethod
    async def told(self, path: str, resource: Resource, state: State) -> bytes | None:
        """The description of what is under ``path``. Damaged if it is not what was written."""

    async def carry(self, source: str, state: State, path: str) -> None:
        """Let the description of ``source`` be found under ``path`` too, before a MOVE."""

    async def forget(self, path: str, state: State) -> None:
        """Drop the description of what is no longer under ``path``."""

    async def is_void(self, beside: str) -> bool:
        """Whether ``beside``, a file of ABOUT, describes nothing that is there."""
        return False


class Properties(Descriptions):
    """Dead properties: they go with the file, by one MOVE. Each write has a token of its own, too."""

    most = MAX_PROPERTY
    marks = (STAMP,)
    properties = (STAMP, DESCRIPTION)

    def __init__(self, dav: Dav, dialect: Dialect) -> None:
        self._dav = dav
        self._dialect = dialect

    async def attach(
        self, incoming: str, state: State, path: str, description: bytes | None
    ) -> State:
        sealed = replace(state, token=secrets.token_hex(12))
        values = {STAMP: sealed.token}
        if description is not None:
            record = packed(self._of(sealed), description)
            values[DESCRIPTION] = base64.b64encode(record).decode()
        if not await self._dav.keep(incoming, values):
            raise Unavailable(f"{self._dav.where}: does not keep properties any more")
        return sealed

    async def told(self, path: str, resource: Resource, state: State) -> bytes | None:
        text = resource.kept.get(DESCRIPTION)
        if not text:
            return None
        try:
            record = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise Damaged(f"the description of {path!r} is not what was written") from None
        return unpacked(record, self._of(state))

    def _of(self, state: State) -> str:
        validator = state.validator if self._dialect.renames else ""
        return f"{state.size} {state.token} {validator}"


class Beside(Descriptions):
    """Files of their own under ABOUT, named after path and state.

    Written before the bytes are moved to the path: a crash in between leaves one that describes
    nothing, never bytes with the description of others.
    """

    most = MAX_DESCRIPTION

    def __init__(self, dav: Dav, dialect: Dialect, folders: Folders) -> None:
        self._dav = dav
        self._validator = dialect.validator
        self._folders = folders

    async def prepare(self, path: str) -> None:
        await self._folders.make(_folder(path))

    async def attach(
        self, incoming: str, state: State, path: str, description: bytes | None
    ) -> State:
        if description is not None:
            await self._put(path, state, description)
        return state

    async def told(self, path: str, resource: Resource, state: State) -> bytes | None:
        return await self._read(path, state)

    async def carry(self, source: str, state: State, path: str) -> None:
        description = await self._read(source, state)
        if description is not None:
            await self._put(path, state, description)

    async def forget(self, path: str, state: State) -> None:
        await self._dav.must("DELETE", _where(path, state), takes=(404, 409, 410))

    async def is_void(self, beside: str) -> bool:
        answer = await self._dav.send("GET", beside)
        if answer.status != 200:
            await answer.excerpt()
            return False
        try:
            of = subject(await answer.document(2 * MAX_DESCRIPTION))
            path = _path(of)
        except Damaged:
            return False
        there = await self._dav.look(path)
        if there is None or there.is_folder:
            return True
        return _of(path, state_of(there, self._validator)) != of

    async def _read(self, path: str, state: State) -> bytes | None:
        where = _where(path, state)
        answer = await self._dav.send("GET", where)
        if answer.status == 200:
            return unpacked(await answer.document(2 * MAX_DESCRIPTION), _of(path, state))
        await answer.excerpt()
        if answer.status in {404, 409, 410}:
            return None
        raise refusal(self._dav.where, f"GET {where!r}", answer.status, answer.headers)

    async def _put(self, path: str, state: State, description: bytes) -> None:
        where = _where(path, state)
        status = await self._dav.ask("PUT", where, body=packed(_of(path, state), description))
        if status not in {200, 201, 204}:
            self._folders.forget_for(where)
            raise refusal(self._dav.where, f"PUT {where!r}", status, {})


class Nowhere(Descriptions):
    """On a server that keeps nothing with a file, not even its state over a MOVE."""

    most = 0

    async def attach(
        self, incoming: str, state: State, path: str, description: bytes | None
    ) -> State:
        return state

    async def told(self, path: str, resource: Resource, state: State) -> bytes | None:
        return None


def descriptions(dav: Dav, dialect: Dialect, folders: Folders) -> Descriptions:
    """How descriptions are kept on a server of that dialect."""
    if dialect.properties:
        return Properties(dav, dialect)
    return Beside(dav, dialect, folders) if dialect.renames else Nowhere()


def _where(path: str, state: State) -> str:
    return f"{_folder(path)}/{hashlib.sha256(_of(path, state).encode()).hexdigest()}"


def _folder(path: str) -> str:
    return f"{ABOUT}/{hashlib.sha256(path.encode()).hexdigest()[:2]}"


def _of(path: str, state: State) -> str:
    return f"{state.size} {state.validator} {path!r}"


def _path(of: str) -> str:
    """The path in what ``_of`` made. Damaged if there is none."""
    for at, character in enumerate(of):
        if character in "'\"" and of[at - 1] == " ":
            with suppress(ValueError, SyntaxError):
                path: object = ast.literal_eval(of[at:])
                if isinstance(path, str) and repr(path) == of[at:]:
                    return path
    raise Damaged("a description of nobody knows what")
