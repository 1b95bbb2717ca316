"""What every layer begins with: a storage that does what another one behind a network does."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from backends.interface import (
    Begun,
    Can,
    Content,
    Fingerprint,
    Storage,
    Stored,
)

_T = TypeVar("_T")
_P = TypeVar("_P", bound=bytes | int)
Doing = Coroutine[Any, Any, _T]
"""A verb that is to be awaited. Layers hand it on: who awaits it at each level pays for each."""

OWN_ROOT = Can.STAGE | Can.PARTS_IN_PLACE | Can.KERNEL_COPY | Can.WATCH | Can.REPLICATE
"""What a storage does whose root is ours alone. Layers neither declare it nor pass it on."""


class Around(Storage):
    """Passes verbs on to ``inner``, and declares what that declares but for OWN_ROOT.

    A layer that does the same with all verbs says so in ``ask``; the others it has methods for.
    """

    def __init__(self, inner: Storage) -> None:
        self.inner = inner
        self._declare()

    def _declare(self) -> None:
        """Take over what ``inner`` declares: some know only once they are open."""
        self.can = self.inner.can & ~OWN_ROOT
        self.limits = self.inner.limits

    def declare_anew(self) -> None:
        """``inner`` declares something else than it did."""
        self._declare()

    async def open(self) -> None:
        await self.inner.open()
        self._declare()

    async def aclose(self) -> None:
        await self.inner.aclose()

    def tidy(self) -> Doing[None]:
        return self.ask("tidy", self.inner.tidy)

    def about(self) -> str:
        return self.inner.about()

    def check(self) -> None:
        self.inner.check()

    def claim(self, path: str) -> str:
        return self.inner.claim(path)

    def natural(self, bucket: str, key: str) -> str | None:
        return self.inner.natural(bucket, key)

    def ask(self, verb: str, act: Callable[[], Doing[_T]]) -> Doing[_T]:
        """The outcome of ``act``, which asks ``inner`` for ``verb``. Each verb that is awaited passes
        here, but for methods that a layer has of its own; nothing is begun before ``act`` is called."""
        return act()

    def stat(self, path: str) -> Doing[Stored]:
        return self.ask("stat", lambda: self.inner.stat(path))

    def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Doing[Content]:
        return self.ask(
            "read", lambda: self.inner.read(path, first=first, last=last, only_if=only_if)
        )

    def read_at_once(
        self, path: str, *, first: int, last: int, only_if: Fingerprint
    ) -> bytes | None:
        return self.inner.read_at_once(path, first=first, last=last, only_if=only_if)

    def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Doing[Stored]:
        return self.ask(
            "write",
            lambda: self.inner.write(
                path, body, size=size, description=description, headers=headers, create=create
            ),
        )

    def delete(self, path: str) -> Doing[None]:
        return self.ask("delete", lambda: self.inner.delete(path))

    def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        return self.inner.list(prefix, after=after, pass_over_closed=pass_over_closed)

    def copy(
        self,
        source: str,
        path: str,
        *,
        only_if: Fingerprint,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Doing[Stored]:
        return self.ask(
            "copy",
            lambda: self.inner.copy(
                source,
                path,
                only_if=only_if,
                description=description,
                headers=headers,
                create=create,
            ),
        )

    def move(self, source: str, path: str, *, only_if: Fingerprint) -> Doing[Stored]:
        return self.ask("move", lambda: self.inner.move(source, path, only_if=only_if))

    def begin_parts(
        self,
        path: str,
        *,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Doing[str]:
        return self.ask(
            "begin_parts",
            lambda: self.inner.begin_parts(path, description=description, headers=headers),
        )

    def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> Doing[str]:
        return self.ask(
            "write_part",
            lambda: self.inner.write_part(path, upload, number, body, size=size),
        )

    def copy_part(
        self,
        path: str,
        upload: str,
        number: int,
        source: str,
        *,
        first: int,
        last: int,
        only_if: Fingerprint,
    ) -> Doing[str]:
        return self.ask(
            "copy_part",
            lambda: self.inner.copy_part(
                path, upload, number, source, first=first, last=last, only_if=only_if
            ),
        )

    def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Doing[Stored]:
        return self.ask(
            "complete_parts",
            lambda: self.inner.complete_parts(path, upload, parts, create=create),
        )

    def abort_parts(self, path: str, upload: str) -> Doing[None]:
        return self.ask("abort_parts", lambda: self.inner.abort_parts(path, upload))

    def open_parts(self) -> AsyncGenerator[Begun, None]:
        return self.inner.open_parts()

    def link(self, stored: Stored, *, seconds: int, answer_with: Mapping[str, str]) -> str:
        return self.inner.link(stored, seconds=seconds, answer_with=answer_with)


class AroundContent(Content):
    """An open reading that passes everything on."""

    def __init__(self, inner: Content) -> None:
        self.inner = inner
        self.stored = inner.stored
        self.first = inner.first
        self.length = inner.length

    def chunks(self) -> AsyncIterator[bytes]:
        return self.inner.chunks()

    def at_hand(self) -> bytes | None:
        return self.inner.at_hand()

    def descriptor(self) -> int | None:
        return self.inner.descriptor()

    def check(self) -> None:
        self.inner.check()

    async def aclose(self) -> None:
        await self.inner.aclose()


class PassedContent(AroundContent):
    """One whose pieces all pass ``_passed``, whether they are bytes or were moved by the kernel."""

    def chunks(self) -> AsyncIterator[bytes]:
        return self._passed(self.inner.chunks())

    def can_splice(self) -> bool:
        return self.inner.can_splice()

    def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        return self._passed(self.inner.spliced(pipe))

    def _passed(self, pieces: AsyncIterator[_P]) -> AsyncIterator[_P]:
        """The same pieces. They are waited for here."""
        return pieces
