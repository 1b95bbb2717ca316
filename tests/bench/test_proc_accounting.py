"""What is read from /proc."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import accounting
from bench.accounting import descendants, parse_busy_ticks, parse_memory, parse_stat

REST = "S 7 100 100 0 -1 4194560 900 40 0 0 {} 20 0 3 0 12345 987654 2500 184467440737"
STATUS = "Name:\tpython\nVmPeak:\t  300000 kB\nVmHWM:\t   40960 kB\nVmRSS:\t   20480 kB\n"
NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=15),
    st.text("() 1x", max_size=15),
)


@given(NAMES, st.tuples(*[st.integers(0, 2**40)] * 4))
def test_a_program_may_be_named_anything(name: str, ticks: tuple[int, int, int, int]) -> None:
    stat = parse_stat(f"42 ({name}) {REST.format(' '.join(map(str, ticks)))}")
    user, system, children_user, children_system = ticks
    assert (stat.pid, stat.parent) == (42, 7)
    assert stat.user_ticks == user + children_user
    assert stat.system_ticks == system + children_system


@pytest.mark.parametrize("text", ["", "42 (x)", "42 x S 7", "42 (x) S 7 1 2 3"])
def test_other_text_is_no_stat_line(text: str) -> None:
    with pytest.raises(ValueError):
        parse_stat(text)


def test_memory_is_read_in_kib() -> None:
    memory = parse_memory(STATUS)
    assert memory is not None
    assert (memory.resident, memory.peak) == (20480, 40960)


def test_a_zombie_has_no_memory() -> None:
    assert parse_memory("Name:\tpython\nState:\tZ (zombie)\n") is None


def test_waiting_for_a_disk_and_guests_are_not_added_to_what_is_busy() -> None:
    assert parse_busy_ticks("cpu  1 2 4 1000 2000 8 16 32 500 600\ncpu0 1 1\n") == 63


@given(st.dictionaries(st.integers(1, 40), st.integers(0, 40), max_size=40), st.integers(1, 40))
def test_descendants_are_what_can_be_traced_to_the_root(parents: dict[int, int], root: int) -> None:
    # A process is younger than its parent; loops do not exist.
    parents = {pid: parent for pid, parent in parents.items() if parent < pid}

    def below(pid: int) -> bool:
        while pid in parents:
            pid = parents[pid]
            if pid == root:
                return True
        return False

    found = descendants(parents, root)
    assert found[0] == root
    assert sorted(found[1:]) == sorted(pid for pid in parents if below(pid))


def test_cpu_of_a_child_counts_while_it_lives_and_after() -> None:
    burn = "import time\nwhile time.process_time() < 0.15: pass\nprint(flush=True)\ninput()"
    before = accounting.cpu(os.getpid())
    with subprocess.Popen(
        [sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        child.stdout.readline()
        assert child.pid in accounting.workers(os.getpid())
        assert accounting.memory([child.pid])[0].peak > 1024
        alive = accounting.cpu(os.getpid()).since(before)
        child.stdin.write(b"\n")
        child.stdin.close()
        child.wait()
    after = accounting.cpu(os.getpid()).since(before)
    assert alive.total >= 0.1
    assert after.total >= alive.total


def test_a_process_without_children_is_its_own_worker_and_a_dead_one_has_none() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert accounting.workers(child.pid) == [child.pid]
        assert accounting.forget_peaks([child.pid])
        child.kill()
    assert accounting.workers(child.pid) == []
    assert not accounting.forget_peaks([child.pid])
