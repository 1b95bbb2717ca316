"""A storage below a path of another one."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from backends import naming
from backends.interface import RESERVED, Begun, Content, Fingerprint, Limits, Storage, Stored
from backends.layers.around import Around, AroundContent


class Prefixed(Around):
    """All paths are below ``prefix``, which is a path itself."""

    def __init__(self, inner: Storage, prefix: str) -> None:
        naming.segments(prefix, Limits(max_path=512))
        self._prefix = f"{prefix}/"
        super().__init__(inner)

    def _declare(self) -> None:
        super()._declare()
        most = self.inner.limits.max_path - len(self._prefix.encode())
        self.limits = replace(self.inner.limits, max_path=most)

    def claim(self, path: str) -> str:
        return self.inner.claim(self._inside(path))

    def natural(self, bucket: str, key: str) -> str | None:
        path = naming.natural(bucket, key, self.limits)
        first, _, rest = self._prefix.partition("/")
        if path is None or self.inner.natural(first, f"{rest}{path}") is None:
            return None
        return path

    async def stat(self, path: str) -> Stored:
        return self._outside(await self.inner.stat(self._inside(path)))

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        content = await self.inner.read(self._inside(path), first=first, last=last, only_if=only_if)
        outside = AroundContent(content)
        outside.stored = self._outside(content.stored)
        return outside

    def read_at_once(
        self, path: str, *, first: int, last: int, only_if: Fingerprint
    ) -> bytes | None:
        return self.inner.read_at_once(self._inside(path), first=first, last=last, only_if=only_if)

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        stored = await self.inner.write(
            self._inside(path),
            body,
            size=size,
            description=description,
            headers=headers,
            create=create,
        )
        return self._outside(stored)

    async def delete(self, path: str) -> None:
        await self.inner.delete(self._inside(path))

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        reserved = f"{RESERVED}/"
        listed = self.inner.list(
            f"{self._prefix}{prefix}",
            after=f"{self._prefix}{after}" if after else "",
            pass_over_closed=pass_over_closed,
        )
        async with aclosing(listed):
            async for stored in listed:
                outside = self._outside(stored)
                if prefix.startswith(reserved) or not outside.path.startswith(reserved):
                    yield outside

    async def copy(
        self,
        source: str,
        path: str,
        *,
        only_if: Fingerprint,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        copied = await self.inner.copy(
            self._inside(source),
            self._inside(path),
            only_if=only_if,
            description=description,
            headers=headers,
            create=create,
        )
        return self._outside(copied)

    async def move(self, source: str, path: str, *, only_if: Fingerprint) -> Stored:
        moved = await self.inner.move(self._inside(source), self._inside(path), only_if=only_if)
        return self._outside(moved)

    async def begin_parts(
        self,
        path: str,
        *,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        return await self.inner.begin_parts(
            self._inside(path), description=description, headers=headers
        )

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        return await self.inner.write_part(self._inside(path), upload, number, body, size=size)

    async def copy_part(
        self,
        path: str,
        upload: str,
        number: int,
        source: str,
        *,
        first: int,
        last: int,
        only_if: Fingerprint,
    ) -> str:
        return await self.inner.copy_part(
            self._inside(path),
            upload,
            number,
            self._inside(source),
            first=first,
            last=last,
            only_if=only_if,
        )

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        stored = await self.inner.complete_parts(self._inside(path), upload, parts, create=create)
        return self._outside(stored)

    async def abort_parts(self, path: str, upload: str) -> None:
        await self.inner.abort_parts(self._inside(path), upload)

    async def open_parts(self) -> AsyncGenerator[Begun, None]:
        async with aclosing(self.inner.open_parts()) as listed:
            async for begun in listed:
                if begun.path.startswith(self._prefix):
                    yield replace(begun, path=begun.path[len(self._prefix) :])

    def link(self, stored: Stored, *, seconds: int, answer_with: Mapping[str, str]) -> str:
        inside = replace(stored, path=self._inside(stored.path))
        return self.inner.link(inside, seconds=seconds, answer_with=answer_with)

    def _inside(self, path: str) -> str:
        naming.segments(path, self.limits)
        return f"{self._prefix}{path}"

    def _outside(self, stored: Stored) -> Stored:
        return replace(stored, path=stored.path[len(self._prefix) :])
