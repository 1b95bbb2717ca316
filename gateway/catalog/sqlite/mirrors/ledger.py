"""The interface of ``backends.mirror.ledger`` over the file and what its transactions do."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from backends.interface import Fingerprint
from backends.mirror.ledger import Backlog, Entry, Ledger
from gateway.catalog.sqlite.mirrors import calls, entries, looks, members, queue
from gateway.catalog.sqlite.mirrors.change import Change
from gateway.catalog.sqlite.mirrors.file import LedgerFile


class SqliteMirrorLedger(Ledger):
    """``path`` None: in this process's memory alone.

    ``process``: under which this one's calls are noted.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        process: str,
        durable: bool = True,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._file = LedgerFile(path, process=process, durable=durable, now_ns=now_ns)
        self._now_ns = now_ns

    async def open(self) -> None:
        await self._file.open()

    async def aclose(self) -> None:
        await self._file.aclose()

    # What the mirror is.

    async def name(self) -> str:
        rows = await self._file.read("SELECT value FROM facts WHERE name = 'name'")
        return str(rows[0][0])

    async def rename(self, name: str) -> None:
        def work(change: Change) -> None:
            change.connection.execute("UPDATE facts SET value = ? WHERE name = 'name'", (name,))

        await self._file.change(work)

    async def members(self) -> Sequence[str]:
        rows = await self._file.read("SELECT name FROM members ORDER BY name")
        return [row[0] for row in rows]

    async def enlist(self, member: str, *, copies: bool) -> None:
        await self._file.change(lambda change: members.enlist(change, member, copies=copies))

    async def forget(self, member: str) -> None:
        await self._file.change(lambda change: members.forget(change, member))

    async def dismiss(self, member: str) -> int:
        return await self._file.change(lambda change: members.dismiss(change, member))

    async def note(self, name: str) -> str | None:
        rows = await self._file.read("SELECT value FROM facts WHERE name = ?", (f"note {name}",))
        return str(rows[0][0]) if rows else None

    async def set_note(self, name: str, value: str) -> None:
        def work(change: Change) -> None:
            change.connection.execute(
                "INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                (f"note {name}", value),
            )

        await self._file.change(work)

    # Paths.

    async def count(self) -> int:
        rows = await self._file.read("SELECT count(*) FROM paths WHERE live")
        return int(rows[0][0])

    async def number(self) -> int:
        return await self._file.change(Change.number)

    async def find(self, path: str) -> Entry | None:
        rows = await self._file.read(entries.ONE, (path,))
        found = entries.entries_of(rows, self._now_ns())
        return found[0] if found else None

    async def entries(self, prefix: str, *, after: str, limit: int) -> Sequence[Entry]:
        rows = await self._file.read(*entries.page(prefix, after=after, limit=limit))
        return entries.entries_of(rows, self._now_ns())

    async def begin(
        self, path: str, member: str, *, create: bool = False, tree: bool = False
    ) -> tuple[int, Entry]:
        return await self._file.change(
            lambda change: calls.begin(change, path, member, create=create, tree=tree)
        )

    async def hold(
        self,
        path: str,
        member: str,
        token: int,
        *,
        generation: int,
        fingerprint: Fingerprint,
        modified_ns: int,
        others: Collection[str],
    ) -> bool:
        return await self._file.change(
            lambda change: calls.hold(
                change,
                path,
                member,
                token,
                generation=generation,
                fingerprint=fingerprint,
                modified_ns=modified_ns,
                others=others,
            )
        )

    async def repaired(
        self, path: str, member: str, token: int, *, generation: int, fingerprint: Fingerprint
    ) -> bool:
        return await self._file.change(
            lambda change: calls.repaired(
                change, path, member, token, generation=generation, fingerprint=fingerprint
            )
        )

    async def abandon(
        self, path: str, member: str, token: int, *, unknown: bool, in_s: float = 0.0
    ) -> None:
        await self._file.change(
            lambda change: calls.abandon(change, path, member, token, unknown=unknown, in_s=in_s)
        )

    async def delete(self, path: str, *, first: str) -> Mapping[str, int]:
        return await self._file.change(lambda change: calls.delete(change, path, first=first))

    async def gone(self, path: str, member: str, token: int, *, surplus: bool = False) -> None:
        await self._file.change(
            lambda change: calls.gone(change, path, member, token, surplus=surplus)
        )

    async def doubt(self, path: str, member: str, fingerprint: Fingerprint) -> None:
        await self._file.change(lambda change: looks.doubt(change, path, member, fingerprint))

    async def looked(
        self, path: str, member: str, *, generation: int, fingerprint: Fingerprint
    ) -> None:
        await self._file.change(
            lambda change: looks.looked(
                change, path, member, generation=generation, fingerprint=fingerprint
            )
        )

    async def conclude(
        self,
        path: str,
        member: str,
        *,
        generation: int,
        fingerprint: Fingerprint,
        modified_ns: int,
        others: Collection[str],
    ) -> bool:
        return await self._file.change(
            lambda change: calls.conclude(
                change,
                path,
                member,
                generation=generation,
                fingerprint=fingerprint,
                modified_ns=modified_ns,
                others=others,
            )
        )

    async def adopt(
        self,
        path: str,
        member: str,
        *,
        fingerprint: Fingerprint,
        modified_ns: int,
        others: Collection[str],
        instead_of: int | None = None,
        generation: int | None = None,
    ) -> Entry:
        return await self._file.change(
            lambda change: looks.adopt(
                change,
                path,
                member,
                fingerprint=fingerprint,
                modified_ns=modified_ns,
                others=others,
                instead_of=instead_of,
                generation=generation,
            )
        )

    async def lost(self, path: str, member: str, *, generation: int) -> None:
        await self._file.change(
            lambda change: looks.lost(change, path, member, generation=generation)
        )

    async def restore(
        self,
        path: str,
        *,
        generation: int,
        modified_ns: int,
        held: Mapping[str, Fingerprint],
        behind: Collection[str],
    ) -> None:
        await self._file.change(
            lambda change: looks.restore(
                change,
                path,
                generation=generation,
                modified_ns=modified_ns,
                held=held,
                behind=behind,
            )
        )

    # The repair queue.

    async def due(
        self, members: Collection[str], *, limit: int, least: int = 0, below: int | None = None
    ) -> Sequence[str]:
        return await queue.due(
            self._file, members, limit=limit, least=least, below=below, now_ns=self._now_ns()
        )

    async def postpone(self, path: str, member: str, *, in_s: float) -> None:
        await self._file.change(lambda change: queue.postpone(change, path, member, in_s=in_s))

    async def backlog(self) -> Backlog:
        return await queue.backlog(self._file)

    async def processes(self) -> Sequence[str]:
        rows = await self._file.read("SELECT DISTINCT process FROM copies WHERE token IS NOT NULL")
        return [row[0] for row in rows]

    async def give_up(self, process: str) -> None:
        await self._file.change(lambda change: calls.give_up(change, process))
