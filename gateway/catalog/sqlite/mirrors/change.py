"""What one transaction of a mirror's ledger has at hand."""

from dataclasses import dataclass

from apsw import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An open transaction, its moment (Unix nanoseconds), and the process whose it is."""

    connection: Connection
    now_ns: int
    process: str

    def number(self) -> int:
        """One that was never given before, and greater than all those."""
        return int(
            self.connection.execute(
                "UPDATE numbers SET last = max(last + 1, ?) RETURNING last", (self.now_ns,)
            ).get
        )
