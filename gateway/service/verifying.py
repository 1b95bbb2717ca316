"""Reading the stored bytes of a version and comparing them with what its row states.

For whoever verifies beside the data path: a scrub, a check, a backup.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import Enum

from backends.errors import Damaged, NotFound
from backends.interface import Content, Storage
from gateway.catalog.interface import Catalog
from gateway.catalog.records import Bucket, Location, Version
from gateway.service.proof import Mismatch, Proof

_INLINE = 64 * 1024
_LOOKS = 5


class Verdict(Enum):
    """What came of verifying one version."""

    SOUND = "sound"
    UNPROVEN = "unproven"
    """The size is right, and the row states nothing else: the digest of these bytes is not known."""
    CHANGED = "changed"
    """It was overwritten or deleted meanwhile: nothing is known of it, and nothing is wrong."""
    DAMAGED = "damaged"
    """The fingerprint is the row's, the bytes are not."""
    MISSING = "missing"
    """There are no bytes under the path or the staged name."""
    REPLACED = "replaced"
    """There are bytes, of another fingerprint: something else has written them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """``detail`` is empty unless something is wrong; ``read`` counts the bytes that were hashed."""

    verdict: Verdict
    detail: str = ""
    read: int = 0

    @property
    def wrong(self) -> bool:
        """Whether the object is not what its row says."""
        return self.verdict in {Verdict.DAMAGED, Verdict.MISSING, Verdict.REPLACED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Verifies versions one at a time; holds nothing between them.

    ``pool`` hashes; ``paced`` is awaited with the size of each piece before it is hashed, and may take
    its time; ``thorough`` compares all that a row states, not only the cheapest proof.
    """

    catalog: Catalog
    storages: Mapping[str, Storage]
    pool: Executor
    paced: Callable[[int], Awaitable[None]] | None = None
    thorough: bool = False

    async def verify(self, bucket: Bucket, version: Version) -> Verified:
        """Compare the bytes of ``version``, as ``catalog.get`` told it, with what it states.

        What seems wrong is believed only if the row is still the same after the reading. Raises
        StorageError (Denied, Unavailable: nothing is known then) and CatalogError.
        """
        looked: Location | None = None
        for _ in range(_LOOKS):
            outcome = await self._once(version)
            if not outcome.wrong:
                return outcome
            now = await self.catalog.get(bucket, version.key)
            if now is None or now.sequence != version.sequence:
                break
            # Between the looks under the path and under the staged name it may have been placed.
            if outcome.verdict is Verdict.DAMAGED or now.location == looked:
                return outcome
            looked = version.location
            version = now
        return Verified(verdict=Verdict.CHANGED)

    async def _once(self, version: Version) -> Verified:
        storage = self.storages.get(version.location.storage)
        if storage is None:
            return Verified(
                verdict=Verdict.MISSING,
                detail=f"its storage {version.location.storage!r} is not configured",
            )
        content, found = await opened(storage, version.location)
        if content is None:
            return found
        try:
            return await self._hashed(version, content)
        except Damaged as error:
            return Verified(verdict=Verdict.REPLACED, detail=str(error))
        finally:
            await content.aclose()

    async def _hashed(self, version: Version, content: Content) -> Verified:
        proof = Proof(version, thorough=self.thorough)
        loop = asyncio.get_running_loop()
        read = 0
        async for piece in content.chunks():
            if self.paced is not None:
                await self.paced(len(piece))
            if len(piece) <= _INLINE:
                proof.update(piece)
            else:
                await loop.run_in_executor(self.pool, proof.update, piece)
            read += len(piece)
        mismatch: Mismatch | None = proof.verdict()
        if mismatch is not None:
            return Verified(verdict=Verdict.DAMAGED, detail=mismatch.detail, read=read)
        verdict = Verdict.SOUND if proof.conclusive else Verdict.UNPROVEN
        return Verified(verdict=verdict, read=read)


async def opened(storage: Storage, location: Location) -> tuple[Content | None, Verified]:
    """The bytes of a location, under its path or its staged name; else what is the matter."""
    storage = storage.itself()
    matter = Verified(
        verdict=Verdict.MISSING, detail=f"nothing is at {location.path!r} of {location.storage!r}"
    )
    sound = Verified(verdict=Verdict.SOUND)
    try:
        return await storage.read(location.path, only_if=location.fingerprint), sound
    except NotFound:
        pass
    except Damaged as error:
        matter = Verified(verdict=Verdict.REPLACED, detail=str(error))
    if location.staged is not None:
        try:
            return await storage.staged(location.staged, only_if=location.fingerprint), sound
        except NotFound:
            pass
        except Damaged as error:
            matter = Verified(verdict=Verdict.REPLACED, detail=str(error))
    return None, matter
