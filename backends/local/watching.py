"""Changes under the root, as they happen: every directory is watched, then looked into.

A directory is watched before it is scanned for directories within it, and told of as a tree after:
whatever is made in it meanwhile is in the scan, among the events, or in both.
"""

import asyncio
import errno
import os
from collections import deque
from collections.abc import AsyncGenerator, Sequence

from backends.errors import Denied, NameRefused, NotFound
from backends.interface import Change, What
from backends.local import inotify
from backends.local.faults import translated
from backends.local.inotify import Event, Inotify
from backends.local.opening import Beneath
from backends.local.threads import Pool
from backends.naming import looks_reserved

_AT_ONCE = 256
"""Directories watched in one step."""
_SETTLE_S = 0.03
"""How long events are let come together: a file made, written, closed and renamed is one change."""
_NO_WATCH = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENOMEM, errno.ENOSYS, errno.EPERM})


class Watcher:
    """All directories beneath a root but the reserved one. Its methods belong to the loop's thread;
    what blocks is done in the pool while the loop leaves the rest alone."""

    def __init__(self, paths: Beneath, pool: Pool) -> None:
        self._beneath = paths
        self._pool = pool
        self._inotify: Inotify | None = None
        self._watched: dict[int, str] = {}
        """Paths of directories by watch; "" is the root."""
        self._unwatched: deque[str] = deque()
        """Directories still to be watched."""
        self._files: dict[str, What] = {}
        self._trees: dict[str, None] = {}
        self._blind = False

    async def changes(self) -> AsyncGenerator[Sequence[Change], None]:
        """As ``Storage.changes``."""
        self._begin_tree("")
        try:
            self._inotify = Inotify()
        except OSError:
            yield [Change(what=What.BLIND, path=""), Change(what=What.TREE, path="")]
            await asyncio.Event().wait()
            return
        while True:
            if self._unwatched:
                await self._pool.run(self._watch_some, self._inotify)
            else:
                await _readable(self._inotify.descriptor)
                await asyncio.sleep(_SETTLE_S)
            for event in self._inotify.read():
                self._take(event)
            batch = self._told()
            if batch:
                yield batch

    def close(self) -> None:
        """End all watches."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def _begin_tree(self, path: str) -> None:
        self._unwatched.append(path)
        self._trees[path] = None

    def _watch_some(self, watches: Inotify) -> None:
        for _ in range(min(_AT_ONCE, len(self._unwatched))):
            path = self._unwatched.popleft()
            try:
                self._watch(watches, path)
            except OSError as error:
                if error.errno in _NO_WATCH:
                    self._blind = True
                    self._unwatched.clear()
                    self._trees[""] = None
                    return
                failure = translated(error, f"watch {path!r}")
                # Removed just now, or closed to us: then nothing in it can be an object's bytes.
                if not isinstance(failure, (NotFound, NameRefused, Denied)):
                    raise failure from error

    def _watch(self, watches: Inotify, path: str) -> None:
        directory = self._beneath.open_directory(path)
        try:
            self._watched[watches.watch(directory)] = path
            with os.scandir(directory) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        below = _below(path, entry.name)
                        if below is not None:
                            self._unwatched.append(below)
        finally:
            os.close(directory)

    def _take(self, event: Event) -> None:
        if event.mask & inotify.OVERFLOW:
            self._begin_tree("")
            return
        if event.mask & inotify.IGNORED:
            self._watched.pop(event.watch, None)
            return
        parent = self._watched.get(event.watch)
        if parent is None or not event.name:
            return
        path = _below(parent, os.fsdecode(event.name))
        if path is None:
            return
        if event.mask & inotify.IS_DIRECTORY:
            self._take_directory(event.mask, path)
        elif event.mask & (inotify.CLOSE_WRITE | inotify.MOVED_TO):
            self._files[path] = What.CLOSED
        else:
            self._files.setdefault(path, What.FILE)

    def _take_directory(self, mask: int, path: str) -> None:
        if mask & (inotify.CREATE | inotify.MOVED_TO):
            self._begin_tree(path)
        elif mask & inotify.MOVED_FROM:
            self._forget(path)
            self._trees[path] = None
        elif mask & inotify.DELETE:
            self._files.setdefault(path, What.FILE)

    def _forget(self, path: str) -> None:
        """A directory was moved away: its watches would tell of it under its old name."""
        if self._inotify is None:
            return
        gone = [
            watch
            for watch, known in self._watched.items()
            if known == path or known.startswith(f"{path}/")
        ]
        for watch in gone:
            del self._watched[watch]
            self._inotify.forget(watch)

    def _told(self) -> list[Change]:
        batch = [Change(what=what, path=path) for path, what in self._files.items()]
        self._files.clear()
        if self._unwatched:
            return batch
        if self._blind:
            batch.append(Change(what=What.BLIND, path=""))
            self._blind = False
        trees = [""] if "" in self._trees else list(self._trees)
        batch.extend(Change(what=What.TREE, path=path) for path in trees)
        self._trees.clear()
        return batch


def _below(parent: str, name: str) -> str | None:
    """The path of ``name`` in ``parent``; None if that is reserved or no path."""
    if not parent:
        return None if looks_reserved(name) or not _spelled(name) else name
    return f"{parent}/{name}" if _spelled(name) else None


def _spelled(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, tell)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
