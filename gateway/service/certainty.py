"""Whether a storage behind a network is the one that it was: only then absence can be believed.

A storage is known by a mark under a path of our own: random letters, which the catalog knows as well.
"""

from collections.abc import AsyncIterator, Callable

from backends.errors import Exists, NotFound
from backends.interface import RESERVED, Can, Storage
from gateway.catalog.interface import Catalog

MARK = f"{RESERVED}/o/id/storage-id"
"""No name of a version has that folder."""
_MOST = 64


async def certain(catalog: Catalog, name: str, storage: Storage) -> bool:
    """Whether the storage has its mark. StorageError, if it cannot be told."""
    known = await catalog.note(_note(name))
    return known is not None and known == await _mark(storage)


async def identify(
    catalog: Catalog, name: str, storage: Storage, new_id: Callable[[], str], *, anew: bool = False
) -> bool:
    """See to it that the storage has a mark. ``anew``: even if it had one that is gone, or has another.

    Returns whether it is the one that the catalog knows. StorageError.
    """
    known, there = await catalog.note(_note(name)), await _mark(storage)
    if known is not None and not anew:
        return known == there
    if there is None:
        there = new_id()
        try:
            await storage.write(
                MARK,
                _pieces(there),
                size=len(there),
                create=Can.CREATE in storage.can,
            )
        except Exists:
            there = await _mark(storage)
    if there is not None:
        await catalog.set_note(_note(name), there)
    return there is not None


def _note(name: str) -> str:
    return f"mark of storage {name}"


async def _mark(storage: Storage) -> str | None:
    try:
        content = await storage.read(MARK, last=_MOST - 1)
    except NotFound:
        return None
    try:
        text = b"".join([piece async for piece in content.chunks()])
    finally:
        await content.aclose()
    return text.decode("ascii", "replace")


async def _pieces(text: str) -> AsyncIterator[bytes]:
    yield text.encode()
