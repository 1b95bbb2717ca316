"""What processes have used, read from /proc.

https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html, proc_pid_status(5), proc_stat(5)
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """One process: who started it, and clock ticks used by it and by its children that ended."""

    pid: int
    parent: int
    user_ticks: int
    system_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident memory of one process in KiB, now and at its highest."""

    resident: int
    peak: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """Processor time in seconds."""

    user: float = 0.0
    system: float = 0.0

    @property
    def total(self) -> float:
        return self.user + self.system

    def since(self, earlier: "Cpu") -> "Cpu":
        """What was used since an earlier reading."""
        return Cpu(user=self.user - earlier.user, system=self.system - earlier.system)


def parse_stat(text: str) -> Stat:
    """The line of ``/proc/PID/stat``. Raises ValueError for any other text."""
    # The name of the program stands in parentheses and may hold spaces and parentheses itself.
    before, closed, after = text.rpartition(")")
    fields = after.split()
    if not closed or len(fields) < 15:
        raise ValueError("this is no line of /proc/PID/stat")
    user, system, children_user, children_system = map(int, fields[11:15])
    return Stat(
        pid=int(before.partition(" ")[0]),
        parent=int(fields[1]),
        user_ticks=user + children_user,
        system_ticks=system + children_system,
    )


def parse_memory(text: str) -> Memory | None:
    """``/proc/PID/status``; None for a process that has no memory any more."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "VmHWM"):
            found[name] = int(value.split()[0])
    if len(found) < 2:
        return None
    return Memory(resident=found["VmRSS"], peak=found["VmHWM"])


def parse_busy_ticks(text: str) -> int:
    """Clock ticks all processors were busy, from ``/proc/stat``.

    Guest time is part of user time; waiting for a disk is not being busy.
    """
    name, *fields = text.partition("\n")[0].split()
    if name != "cpu" or len(fields) < 8:
        raise ValueError("this is no /proc/stat")
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
    return user + nice + system + irq + softirq + steal


def descendants(parents: Mapping[int, int], root: int) -> list[int]:
    """``root`` and all below it, each before its children; ``parents`` tells whose child each is."""
    found = [root]
    for pid in found:
        found += sorted(child for child, parent in parents.items() if parent == pid != child)
    return found


def tree(root: int) -> list[int]:
    """Processes that live now: ``root``, if it does, and its descendants."""
    stats = {stat.pid: stat.parent for stat in _stats(_all_pids())}
    return descendants(stats, root) if root in stats else []


def workers(root: int) -> list[int]:
    """The processes that serve: children of ``root`` and so on; ``root`` itself if it has none."""
    all_of_them = tree(root)
    return all_of_them[1:] or all_of_them


def cpu(root: int) -> Cpu:
    """What the tree of ``root`` has used, with what its children that ended had."""
    tick = os.sysconf("SC_CLK_TCK")
    stats = list(_stats(tree(root)))
    return Cpu(
        user=sum(stat.user_ticks for stat in stats) / tick,
        system=sum(stat.system_ticks for stat in stats) / tick,
    )


def parse_established(text: str, port: int) -> set[int]:
    """Inodes of the sockets that hold a connection to local ``port``: ``/proc/net/tcp``."""
    found = set()
    for line in text.splitlines()[1:]:
        fields = line.split()
        _, _, local_port = fields[1].rpartition(":")
        if int(local_port, 16) == port and fields[3] == "01":
            found.add(int(fields[9]))
    return found


def connections(pids: Iterable[int], port: int) -> list[int]:
    """How many connections to ``port`` each process holds now."""
    held = parse_established((_PROC / "net/tcp").read_text(), port)
    return [len(held & _sockets(pid)) for pid in pids]


def _sockets(pid: int) -> set[int]:
    found = set()
    for entry in (_PROC / str(pid) / "fd").iterdir():
        with suppress(OSError):  # It has been closed.
            kind, _, inode = str(entry.readlink()).partition(":")
            if kind == "socket":
                found.add(int(inode.strip("[]")))
    return found


def busy_seconds() -> float:
    """Processor seconds the whole machine has been busy."""
    return parse_busy_ticks((_PROC / "stat").read_text()) / os.sysconf("SC_CLK_TCK")


def memory(pids: Iterable[int]) -> list[Memory]:
    """Of each process that still lives."""
    found = []
    for pid in pids:
        try:
            read = parse_memory((_PROC / str(pid) / "status").read_text())
        except OSError:
            continue
        if read is not None:
            found.append(read)
    return found


def forget_peaks(pids: Iterable[int]) -> bool:
    """Begin to count the peak of memory anew; False if that is not allowed for all of them."""
    done = True
    for pid in pids:
        try:
            (_PROC / str(pid) / "clear_refs").write_text("5")
        except OSError:
            done = False
    return done


def _all_pids() -> Sequence[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _stats(pids: Iterable[int]) -> Iterable[Stat]:
    for pid in pids:
        try:
            yield parse_stat((_PROC / str(pid) / "stat").read_text(errors="replace"))
        except (OSError, ValueError):
            continue  # It has ended.
