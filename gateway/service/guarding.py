"""Reads that are verified as they are sent (setting ``verify_reads``).

The bytes are hashed on their way, and the last piece is held back until the digest is known: if it is
not that of the row, the answer ends short of its Content-Length and the connection is cut, which no
client takes for success. A small answer, whose bytes are read before its head is sent, becomes
InternalError. A range is not verified: no digest is known of it.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor

from backends.errors import Damaged
from backends.interface import Content
from gateway.catalog.records import Bucket, Version
from gateway.service.context import Services
from gateway.service.findings import report
from gateway.service.proof import Proof

_INLINE = 64 * 1024


class Guarded:
    """An open reading of all of a version: ``gateway.s3.message.Stream``."""

    def __init__(
        self, services: Services, bucket: Bucket, version: Version, content: Content, pool: Executor
    ) -> None:
        """Takes over ``content``. ``pool`` hashes large pieces."""
        self.first = content.first
        self.length = content.length
        self._services = services
        self._bucket = bucket
        self._version = version
        self._content = content
        self._pool = pool

    async def chunks(self) -> AsyncIterator[bytes]:
        """All bytes but the last piece, and that one only if all of them are the row's. Damaged."""
        proof = Proof(self._version)
        held: bytes | None = None
        async for piece in self._content.chunks():
            if len(piece) <= _INLINE:
                proof.update(piece)
            else:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._pool, proof.update, piece)
            if held is not None:
                yield held
            held = piece
        mismatch = proof.verdict()
        if mismatch is not None:
            version = self._version
            await report(
                self._services,
                "damaged",
                mismatch.detail,
                bucket=self._bucket.name,
                key=version.key,
                sequence=version.sequence,
            )
            raise Damaged(f"the bytes at {version.location.path!r} are not those of the row")
        if held is not None:
            yield held

    def descriptor(self) -> None:
        """None: what the kernel sends nobody hashes."""

    def can_splice(self) -> bool:
        """False, as above."""
        return False

    def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        """Nothing but by ``chunks``."""
        raise NotImplementedError

    def check(self) -> None:
        """Nothing: ``chunks`` checks."""

    async def aclose(self) -> None:
        """Release everything."""
        await self._content.aclose()
