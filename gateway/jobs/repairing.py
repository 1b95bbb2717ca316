"""Putting right what can be put right without losing anything.

Never removes bytes that could be the only copy of something, never believes a digest over another
without computing it. What is left is for a person: restore, delete, rebuild.
"""

import asyncio
from dataclasses import dataclass

from backends.errors import StorageError
from backends.interface import Storage
from gateway.catalog.records import Version
from gateway.jobs.checking import Problem
from gateway.service.description import describe, encode
from gateway.service.verifying import Verdict, Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """``drops``: whether leftovers may be dropped: not while the catalog itself is damaged, since it
    then does not know what is needed."""

    verifier: Verifier
    drops: bool

    async def repair(self, problem: Problem) -> str | None:
        """What was done, None if nothing could be. Raises StorageError, CatalogError."""
        match problem.kind:
            case "unplaced":
                return await self._place(problem)
            case "description" if problem.version is not None:
                return await self._describe(problem, problem.version)
            case "leftover" if self.drops:
                storage = self.verifier.storages[problem.storage]
                await asyncio.to_thread(storage.drop_staged, problem.path)
                return "dropped"
            case "doomed":
                await self.verifier.catalog.finish_removals()
                if not await _is_there(self.verifier.storages[problem.storage], problem.path):
                    return "removed"
            case "damaged" if problem.version is None:
                return await self._forget(problem)
            case _:
                pass
        return None

    async def _forget(self, problem: Problem) -> str | None:
        """A finding of earlier: it may have been put right since, from a backup."""
        catalog = self.verifier.catalog
        bucket = await catalog.bucket(problem.bucket)
        version = await catalog.get(bucket, problem.key)
        if version is None or (await self.verifier.verify(bucket, version)).wrong:
            return None
        await catalog.clear_findings(problem.bucket, problem.key)
        return "found well again"

    async def _place(self, problem: Problem) -> str | None:
        catalog = self.verifier.catalog
        await catalog.place_staged(await catalog.bucket(problem.bucket), problem.key)
        storage = self.verifier.storages[problem.storage]
        return "moved to its path" if await _is_there(storage, problem.path) else None

    async def _describe(self, problem: Problem, version: Version) -> str | None:
        """From the row, if the bytes are what it states: then the row is what is right."""
        catalog = self.verifier.catalog
        bucket = await catalog.bucket(problem.bucket)
        verified = await self.verifier.verify(bucket, version)
        if verified.verdict is not Verdict.SOUND:
            return None
        done = await self.verifier.storages[problem.storage].describe(
            problem.path,
            encode(describe(problem.bucket, version)),
            only_if=version.location.fingerprint,
        )
        return "written anew from the row" if done else None


async def _is_there(storage: Storage, path: str) -> bool:
    try:
        await storage.stat(path)
    except StorageError:
        return False
    return True
