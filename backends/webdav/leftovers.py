"""What writers and probes that ended badly have left: removed for its age, when a storage is opened."""

from contextlib import aclosing, suppress

from backends.errors import StorageError
from backends.interface import RESERVED
from backends.webdav.asking import Dav
from backends.webdav.hrefs import below
from backends.webdav.probing import PROBE
from backends.webdav.publishing import INCOMING

STALE_S = 24 * 3600
"""Nothing of ours takes so long without a byte."""
MOST = 1000
"""What is removed in one go; the rest waits for the next."""


async def remove_stale(dav: Dav) -> int:
    """Remove what is older than a day by the server's own clock. How much it was.

    Never fails: what cannot be removed waits.
    """
    with suppress(StorageError):
        await dav.ask("OPTIONS", "", folder=True)
        if dav.now_s is not None:
            probes = PROBE.removeprefix(f"{RESERVED}/")
            return await _remove(dav, INCOMING, "") + await _remove(dav, RESERVED, probes)
    return 0


async def _remove(dav: Dav, folder: str, beginning: str) -> int:
    now_s = dav.now_s or 0
    stale = []
    async with aclosing(dav.members(folder)) as members:
        async for resource in members:
            name = below(f"{dav.base}{folder}/", resource.href)
            is_old = resource.modified_s is not None and now_s - resource.modified_s > STALE_S
            if name and "/" not in name and name.startswith(beginning) and is_old:
                stale.append((name, resource.is_folder))
            if len(stale) >= MOST:
                break
    for name, is_folder in stale:
        if is_folder == bool(beginning):
            await dav.ask("DELETE", f"{folder}/{name}", folder=is_folder)
    return len(stale)
