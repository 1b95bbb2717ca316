"""The file of a mirror's ledger: opened, read, and changed in one transaction at a time."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import apsw
from apsw import Connection

from backends.errors import Unavailable
from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.sqlite.filesystem import refuse_network
from gateway.catalog.sqlite.lock import FairLock
from gateway.catalog.sqlite.mirrors import tables
from gateway.catalog.sqlite.mirrors.change import Change

_T = TypeVar("_T")
_BUSY_MS = 10_000
"""For a checkpoint or a recovery of another process: writers have turns."""


class LedgerFile:
    """``path`` None: in this process's memory alone. Every coroutine may raise Unavailable.

    ``process``: whose the changes are.
    """

    def __init__(
        self, path: Path | None, *, process: str, durable: bool, now_ns: Callable[[], int]
    ) -> None:
        self._path = path
        self._process = process
        self._durable = durable
        self._now_ns = now_ns
        self._turn: FairLock | None = None
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._writing: ThreadPoolExecutor | None = None
        self._reading: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Once more is no error."""
        if self._writer is not None:
            return
        if self._path is None:
            self._open()
            return
        if self._writing is None:
            self._writing = ThreadPoolExecutor(1, thread_name_prefix="s3front-ledger")
            self._reading = ThreadPoolExecutor(1, thread_name_prefix="s3front-ledger-reads")
        await asyncio.get_running_loop().run_in_executor(self._writing, self._open)

    def _open(self) -> None:
        try:
            if self._path is None:
                self._writer = self._reader = Connection(":memory:")
            else:
                refuse_network(self._path)
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                self._turn = self._turn or FairLock(self._path)
                self._writer = _connected(self._path, durable=self._durable)
            with self._turn or nullcontext(), self._writer:
                tables.make(self._writer)
            if self._path is not None:
                self._reader = _connected(self._path, durable=self._durable)
        except (apsw.Error, OSError, CatalogUnavailable, tables.UnknownFormat) as error:
            self._writer = self._reader = None
            raise Unavailable(
                f"the ledger {str(self._path)!r} of a mirror cannot be opened: {error}"
            ) from error

    async def aclose(self) -> None:
        """Once more is no error. What was in memory alone stays."""
        if self._writing is None or self._reading is None:
            return
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._reading, self._close_reader)
        await loop.run_in_executor(self._writing, self._close_writer)
        self._reading.shutdown(wait=False)
        self._writing.shutdown(wait=False)
        self._writing = self._reading = None

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    async def change(self, work: Callable[[Change], _T]) -> _T:
        """In one transaction, in this process's turn. What ``work`` raises undoes it, and is raised."""

        def within() -> _T:
            if self._writer is None:
                raise Unavailable("the ledger is not open")
            turn: AbstractContextManager[object] = self._turn or nullcontext()
            with turn:
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    done = work(
                        Change(
                            connection=self._writer, now_ns=self._now_ns(), process=self._process
                        )
                    )
                except BaseException:
                    self._writer.execute("ROLLBACK")
                    raise
                self._writer.execute("COMMIT")
                return done

        return await self._run(self._writing, within)

    async def read(
        self, query: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        """The rows that are committed."""

        def within() -> list[tuple[Any, ...]]:
            if self._reader is None:
                raise Unavailable("the ledger is not open")
            return self._reader.execute(query, values).fetchall()

        return await self._run(self._reading, within)

    async def _run(self, executor: Executor | None, within: Callable[[], _T]) -> _T:
        if executor is None and self._path is not None:
            raise Unavailable("the ledger is not open")
        try:
            if executor is None:
                await asyncio.sleep(0)
                return within()
            return await asyncio.get_running_loop().run_in_executor(executor, within)
        except (apsw.Error, OSError) as error:
            raise Unavailable(f"the ledger {str(self._path)!r} failed: {error}") from error


def _connected(path: Path, *, durable: bool) -> Connection:
    connection = Connection(str(path))
    connection.set_busy_timeout(_BUSY_MS)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    return connection
