# ruff: noqa: ARG005 - the acts are called alike
"""A storage that fails as it is told, for the layers around it."""

from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any

from backends.interface import PIECE, Content, Fingerprint, Storage, Stored
from backends.layers.around import Around, AroundContent
from backends.remote_memory import AS_S3, AS_WEBDAV, S3_LIMITS, RemoteMemoryStorage
from tests.backends.making import body

VERBS = frozenset(
    {
        *("stat", "read", "write", "delete", "copy", "move", "begin_parts", "write_part"),
        *("copy_part", "complete_parts", "abort_parts"),
    }
)
DATA = bytes(range(256)) * 4096  # several pieces


class Flaky(Around):
    """Each verb raises the next of ``errors``, if there is one, before it does anything.

    Readings raise the next of ``breaks`` after their first piece, listings after their first path.
    """

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.errors: deque[BaseException] = deque()
        self.breaks: deque[BaseException] = deque()
        self.calls: Counter[str] = Counter()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in VERBS:
            return found

        async def called(*given: object, **named: object) -> object:
            self.calls[name] += 1
            if self.errors:
                raise self.errors.popleft()
            done = await found(*given, **named)
            return _Breaking(done, self.breaks) if isinstance(done, Content) else done

        return called

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        self.calls["list"] += 1
        if self.errors:
            raise self.errors.popleft()
        async for stored in self.inner.list(prefix, after=after):
            yield stored
            if self.breaks:
                raise self.breaks.popleft()


class _Breaking(AroundContent):
    def __init__(self, inner: Content, breaks: deque[BaseException]) -> None:
        super().__init__(inner)
        self._breaks = breaks

    async def chunks(self) -> AsyncIterator[bytes]:
        async for piece in self.inner.chunks():
            yield piece
            if self._breaks:
                raise self._breaks.popleft()


async def flaky(*, as_webdav: bool = False) -> tuple[Flaky, Fingerprint, str]:
    """Open, with DATA under ``b/k``, its fingerprint, and the id of an upload to ``b/new``."""
    like = AS_WEBDAV if as_webdav else AS_S3
    storage = Flaky(RemoteMemoryStorage(like, S3_LIMITS))
    await storage.open()
    pieces = (DATA[at : at + PIECE] for at in range(0, len(DATA), PIECE))
    stored = await storage.inner.write("b/k", body(*pieces), size=len(DATA))
    upload = "" if as_webdav else await storage.inner.begin_parts("b/new")
    return storage, stored.fingerprint, upload


Act = Callable[[Storage, Fingerprint, str], Any]

ACTS: Mapping[str, Act] = {
    "stat": lambda storage, of, upload: storage.stat("b/k"),
    "read": lambda storage, of, upload: storage.read("b/k", only_if=of),
    "write": lambda storage, of, upload: storage.write("b/new", body(b"da", b"ta"), size=4),
    "delete": lambda storage, of, upload: storage.delete("b/k"),
    "copy": lambda storage, of, upload: storage.copy("b/k", "b/new", only_if=of),
    "begin_parts": lambda storage, of, upload: storage.begin_parts("b/new"),
    "write_part": lambda storage, of, upload: storage.write_part(
        "b/new", upload, 1, body(b"data"), size=4
    ),
    "copy_part": lambda storage, of, upload: storage.copy_part(
        "b/new", upload, 1, "b/k", first=0, last=9, only_if=of
    ),
    "complete_parts": lambda storage, of, upload: _completed(storage, upload),
    "abort_parts": lambda storage, of, upload: storage.abort_parts("b/new", upload),
}


async def _completed(storage: Storage, upload: str) -> Stored:
    inner = storage
    while isinstance(inner, Around):
        inner = inner.inner
    tag = await inner.write_part("b/new", upload, 1, body(b"data"), size=4)
    return await storage.complete_parts("b/new", upload, [(1, tag)])
