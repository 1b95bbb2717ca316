"""All that a storage holds while it is open."""

import os
from pathlib import Path

from backends.errors import Damaged, Unavailable
from backends.interface import Fingerprint, Stored
from backends.local.at_once import AtOnce
from backends.local.attributes import Attributes, fingerprint, is_of, wrap
from backends.local.durability import FileSyncs, SharedSync
from backends.local.faults import translated
from backends.local.opening import READABLE_DIRECTORY, Beneath, best_open
from backends.local.placing import Places
from backends.local.presence import Presence
from backends.local.probing import Probed
from backends.local.reading import LocalContent
from backends.local.staging import Workshop
from backends.local.stamping import Stamps
from backends.local.threads import Descriptor, Pool


class Opened:
    """Descriptors of the root, its reserved and its staged directory, the pool, the slot."""

    def __init__(self, root: Path, facts: Probed, pool: Pool, *, durable: bool) -> None:
        """Takes over the descriptors in ``facts``. Blocks briefly. Unavailable."""
        self.facts = facts
        self.pool = pool
        try:
            writers = os.open("writers", READABLE_DIRECTORY, dir_fd=facts.reserved)
            try:
                self._stamps = Stamps(writers)
            finally:
                os.close(writers)
        except BaseException as error:
            self._close()
            if isinstance(error, OSError):
                raise Unavailable(f"cannot take a slot in .s3front/writers: {error}") from error
            raise
        self.presence = Presence(root, facts)
        opener = best_open(facts.root)
        self.attributes = Attributes(facts.reserved, extended=facts.extended)
        self.paths = Beneath(facts.root, opener)
        self.bench = Beneath(facts.staged, opener)
        self.at_once = AtOnce(self.paths)
        self.places = Places(self.paths, facts.staged, self.attributes, facts.limits)
        self.workshop = Workshop(
            pool=pool,
            folder=facts.staged,
            names=SharedSync(pool, facts.reserved, "staged"),
            files=FileSyncs(pool),
            attributes=self.attributes,
            stamps=self._stamps,
            durable=durable,
            exact_times=facts.exact_times,
        )

    def described(self, beneath: Beneath, path: str) -> Stored:
        """What is there, with its description. Blocks briefly. NotFound, Denied, Unavailable."""
        file, found = beneath.open_file(path)
        try:
            of = fingerprint(found)
            record = self.attributes.read(file, of)
        except OSError as error:
            raise translated(error, f"describe {path!r}") from error
        finally:
            os.close(file)
        return Stored(
            path=path,
            fingerprint=of,
            modified_ns=found.st_mtime_ns,
            description=record.description,
            description_damaged=record.damaged,
        )

    def describe(
        self, beneath: Beneath, path: str, description: bytes, of: Fingerprint, *, durable: bool
    ) -> bool:
        """As ``Storage.describe``. Blocks, may take long. NotFound, Denied, Unavailable."""
        record = wrap(of, description)
        file, found = beneath.open_file(path)
        try:
            if fingerprint(found) != of:
                return False
            if self.attributes.attach(file, record):
                if durable:
                    os.fsync(file)
                self.attributes.forget(of)
            else:
                self.attributes.put_beside(of, record, durable=durable)
                self.attributes.detach(file)
        except OSError as error:
            raise translated(error, f"describe {path!r}") from error
        finally:
            os.close(file)
        return True

    def content(
        self,
        beneath: Beneath,
        path: str,
        *,
        first: int,
        last: int | None,
        only_if: Fingerprint | None,
    ) -> LocalContent:
        """Open a reading. Blocks briefly. NotFound, Damaged, Denied, Unavailable."""
        file, found = beneath.open_file(path)
        if only_if is not None and not is_of(found, only_if):
            os.close(file)
            raise Damaged(f"{path!r} holds other bytes than those that were stored")
        held = Descriptor(self.pool, file)
        return LocalContent(held, path, found, first=first, last=last, only_if=only_if)

    async def aclose(self) -> None:
        """Wait for what the pool was given, release everything."""
        await self.pool.aclose()
        self._stamps.close()
        self._close()

    def _close(self) -> None:
        for descriptor in (self.facts.staged, self.facts.reserved, self.facts.root):
            os.close(descriptor)
