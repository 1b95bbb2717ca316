"""What a storage behind a network holds, beside what the catalog knows."""

from backends.remote_memory import RemoteMemoryStorage
from gateway.catalog.sqlite import SqliteCatalog
from gateway.service import removing
from gateway.service.context import Services

_MOST_ROUNDS = 5


async def swept(services: Services) -> None:
    """All is removed that can be: by the process itself, then in rounds of the janitor, two of them after the
    last that has still found something."""
    await services.remover.settled()
    for _ in range(_MOST_ROUNDS):
        left = await removing.sweep(services.catalog, services.storages)
        left += await removing.sweep(services.catalog, services.storages)
        await services.remover.settled()
        if not left:
            return


async def held(services: Services) -> set[str]:
    """Paths at which the default storage holds bytes."""
    storage = services.storages[services.default_storage]
    return {one.path async for one in storage.list()} | {
        one.path async for one in storage.list(".s3front/")
    }


async def known(services: Services) -> set[str]:
    """Paths of the current objects."""
    paths = set()
    for bucket in await services.catalog.buckets(limit=1000):
        async for entry in services.catalog.every_entry(bucket):
            version = await services.catalog.get(bucket, entry.key)
            assert version is not None
            paths.add(version.location.path)
    return paths


async def check_nothing_is_left(services: Services, *, begun_unknown: bool = False) -> None:
    """The storage holds the current objects, what open uploads need, and nothing else; nobody owns a
    path beside these. ``begun_unknown``: the answer to the beginning of an upload was lost."""
    await swept(services)
    of_uploads = set()
    open_parts = set()
    catalog = services.catalog
    assert isinstance(catalog, SqliteCatalog)
    reader = catalog._reader
    assert reader is not None
    rows = reader.execute("SELECT state, path, parts FROM remote_paths").fetchall()
    for state, path, parts in rows:
        assert state == "uploading", (state, path)
        if parts is None:
            of_uploads.add(path)
        else:
            open_parts.add(parts)
    there, needed = await held(services), await known(services) | of_uploads
    assert not needed - there, f"lost: {needed - there}"
    assert not there - needed, f"there is something that nobody knows of: {there - needed}"
    storage = services.storages[services.default_storage]
    if isinstance(storage, RemoteMemoryStorage):  # a service is asked in no such way
        assert open_parts <= set(storage._uploads)
        for unknown in set(storage._uploads) - open_parts:
            assert begun_unknown
            assert not storage._uploads.pop(unknown).parts
