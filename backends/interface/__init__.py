"""What every storage promises.

A *path* is a relative name of ``/``-separated, non-empty segments in valid UTF-8; it is never an S3
key: ``gateway.service`` chooses paths (``bucket/key`` where the storage can hold that name, else a
name of its own under ``RESERVED``). A storage refuses with ``NameRefused`` what it cannot hold.

Promises, tested for every storage by ``tests/backends/test_*behaviour.py``:

- a write is all or nothing: a short, failed or cancelled body leaves what was there before;
- delete of nothing is no error;
- listings are in UTF-8 byte order;
- ``read`` fails before the first byte if nothing is there; closing it releases everything;
- only ``StorageError`` is raised on purpose; every coroutine may be cancelled;
- no method holds more than a few pieces of ``PIECE`` bytes in memory.

A storage with ``Can.STAGE`` (its root is ours alone to rename in) writes in two steps, so that
publishing can be decided by the catalog: bytes are *staged* under a name of their own, *sealed*
(self-described, fingerprinted and, if the storage is durable, forced to the medium), and after the
catalog has committed *placed* under their path by one rename. Staged bytes can be read by their
staged name until they are placed.
"""

from backends.interface.capabilities import MAX_DESCRIPTION, PIECE, RESERVED, SERVED, Can, Limits
from backends.interface.content import Content
from backends.interface.sights import Change, Glance, Nature, Sight, What
from backends.interface.staging import Staged
from backends.interface.storage import Storage
from backends.interface.stored import Begun, Fingerprint, Stored

__all__ = [
    "MAX_DESCRIPTION",
    "PIECE",
    "RESERVED",
    "SERVED",
    "Begun",
    "Can",
    "Change",
    "Content",
    "Fingerprint",
    "Glance",
    "Limits",
    "Nature",
    "Sight",
    "Staged",
    "Storage",
    "Stored",
    "What",
]
