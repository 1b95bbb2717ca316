"""Opened mirrors, what is put on them and how it is repaired."""

from backends.interface import PIECE, Storage
from backends.mirror.repairing import Repaired
from backends.mirror.storage import Mirror
from tests.backends.making import body
from tests.backends.mirror.members import Shaky, Time, memories, mirror_of

LONG = bytes(range(256)) * (PIECE // 64)


async def put(storage: Storage, path: str, data: bytes, **how: bytes) -> str:
    pieces = (data[at : at + PIECE] for at in range(0, len(data), PIECE))
    stored = await storage.write(path, body(*pieces), size=len(data), **how)  # type: ignore[arg-type]  # a description
    return stored.fingerprint.stamp


async def repaired(mirror: Mirror) -> Repaired:
    """Everything that can be."""
    while True:
        done = await mirror.repairs.round()
        if not (done.copied + done.removed):
            return done


async def opened(**how: object) -> tuple[Mirror, dict[str, Shaky], Time]:
    members, time = memories(), Time()
    mirror = mirror_of(members, time=time, **how)  # type: ignore[arg-type]  # as it takes them
    await mirror.open()
    return mirror, members, time
