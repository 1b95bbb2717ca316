"""What a test can have the emulator do, each with the place that tells of it.

None of it was seen by us on a real Nextcloud: there was none to ask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields


@dataclass(slots=True, kw_only=True)
class Lie:
    """``times`` requests of ``method`` whose path holds ``path`` are answered with ``status``.

    ``done``: what was asked for is done all the same. 423 and then success is nextcloud/server
    1419 and 15235; 404, 500 or 504 though it is done is 17992, 33044 and rclone/rclone 6133.
    """

    method: str
    status: int
    path: str = ""
    times: int = 1
    done: bool = False


@dataclass(slots=True, kw_only=True)
class Quirks:
    """All switches; what is not set is as the developer manual and the source have it."""

    lies: list[Lie] = field(default_factory=list)
    maintenance: bool = False
    """503 to all but ``status.php``: Connector/Sabre/MaintenancePlugin.php."""
    throttled_after: int | None = None
    """So many wrong passwords, and all from that address are answered 429: admin manual, brute
    force protection; nextcloud/server 41937."""
    max_body: int | None = None
    """Longer bodies are answered 413 by the web server in front, before they are read: nginx's
    ``client_max_body_size``; Cloudflare's 100 MB in nextcloud/server 29992 and 43729."""
    quota: int | None = None
    """Bytes of a user; beyond them 507: Connector/Sabre/QuotaPlugin.php."""
    empties_chunked_bodies: bool = False
    """A body without Content-Length is stored as no bytes, with success: nextcloud/server 7995,
    documentation 13598 (PHP-FPM)."""
    etags_of_seconds: bool = True
    """What is written over within one second keeps its ETag: Files/Cache/Scanner.php reuses it while
    the time, in seconds, is the same; nextcloud/server 63994, still open."""
    looks_refuse_names: bool = False
    """A name that may not be is refused with 400 also where it is only looked for: Directory::getChild
    before version 30."""
    moves_that_time_out: int = 0
    """So many MOVEs of ``.file`` are given up by the proxy at once, and go on: nextcloud/server
    17992 and 33044. Then 423 while it runs, and 404 when it is done: 48823, rclone/rclone 6133."""
    timed_out_with: int = 504
    """What they are answered with; 524 behind Cloudflare, after 100 seconds: nextcloud/server 19223."""
    assembly_held: bool = False
    """No assembly goes on until it is released."""
    store: str = "disk"
    """``disk``: chunks are files, joined by name: Upload/AssemblyStream.php. ``object``: they are parts of
    an upload to an object store, where sizes hold, every PUT answers 201, and a DELETE of one chunk gives up
    all: Upload/ChunkingV2Plugin.php."""
    strict: bool = True
    """Holds clients to the developer manual (chunking, version 2): a Destination with each request, names
    1 to 10000. Without it a server on disks takes what it gets, as version 1."""

    def set(self, told: Mapping[str, object]) -> None:
        """Switches by name, as JSON has them. KeyError for one that is not there."""
        known = {each.name for each in fields(self)}
        for name, value in told.items():
            if name not in known:
                raise KeyError(name)
            setattr(self, name, _lies(value) if name == "lies" else value)

    def reset(self) -> None:
        """All as at first."""
        first = Quirks()
        for each in fields(self):
            setattr(self, each.name, getattr(first, each.name))

    def lie(self, method: str, path: str) -> Lie | None:
        """The lie that this request is answered with; it is used up by one."""
        for lie in self.lies:
            if lie.times > 0 and lie.method == method and lie.path in path:
                lie.times -= 1
                return lie
        return None


def _lies(told: object) -> list[Lie]:
    assert isinstance(told, Sequence)
    return [Lie(**each) for each in told]
