"""Every bit that flips in the write-ahead log is found, before it is an answer or is copied."""

import contextlib
import random
import struct
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from structlog.testing import capture_logs

from gateway.catalog.errors import CatalogDamaged
from gateway.catalog.sqlite import checking, connection, failures, pages, wal
from tests.catalog.logs import FRAME_BYTES, Table, frame_at, pages_of, rows, table
from tests.integrity.damaging import flip
from tests.seeds import seed

HEAD = 24


@pytest.fixture(autouse=True, scope="module")
def checksums() -> None:
    assert pages.load()


def filled(table: Table) -> Table:
    """Some twenty transactions, most pages written more than once."""
    for number in range(0, 200, 10):
        table.put(*range(number, number + 10), 0)
    return table


def answer(path: Path) -> tuple[tuple[int, str], ...] | None:
    """Of a new connection; None if it says that something is not what was written."""
    with contextlib.closing(connection.open_reader(path)) as reader:
        try:
            return tuple(rows(reader))
        except apsw.IOError as error:
            if failures.is_damage(error):
                return None
            raise


def test_each_kind_of_byte_is_compared(tmp_path: Path) -> None:
    chance = random.Random(seed("wal"))
    with table(tmp_path / "a.db") as one:
        count = filled(one).frames()
        bits = {0: list(range(8 * wal.HEAD_BYTES))}
        for number in {1, 2, count // 2, count - 1, count}:
            start = 8 * frame_at(number, 0)
            bits[number] = [start + bit for bit in range(8 * HEAD)]
            bits[number] += [start + 8 * HEAD + bit for bit in (0, 8 * 4096 - 1)]
            bits[number] += [start + chance.randrange(8 * FRAME_BYTES) for _ in range(5)]
        assert wal.wrong_frames(one.log, count) == []
        for number, some in bits.items():
            for bit in some:
                flip(one.log, bit)
                assert number in wal.wrong_frames(one.log, count), f"bit {bit} of frame {number}"
                flip(one.log, bit)
        assert wal.wrong_frames(one.log, count) == []
        assert wal.wrong_frames(one.log, count + 1) == [count + 1], "it is shorter than it must be"


def test_a_log_longer_than_is_compared_at_once(tmp_path: Path) -> None:
    with table(tmp_path / "a.db") as one:
        while one.frames() < 300:
            filled(one)
        count = one.frames()
        assert wal.wrong_frames(one.log, count) == []
        hurt = [1, count - 256, count - 128, count - 127, count - 1, count]
        for number in hurt:
            flip(one.log, 8 * frame_at(number, 999))
        assert wal.wrong_frames(one.log, count) == hurt


def test_no_flipped_bit_is_ever_another_answer(tmp_path: Path) -> None:
    chance = random.Random(seed("wal"))
    refused = 0
    with table(tmp_path / "a.db") as one:
        count = filled(one).frames()
        right = answer(one.path)
        for _ in range(300):
            bit = 8 * wal.HEAD_BYTES + chance.randrange(8 * FRAME_BYTES * count)
            flip(one.log, bit)
            told = answer(one.path)
            assert told in {None, right}, f"bit {bit}"
            refused += told is None
            flip(one.log, bit)
    assert refused > 20


def test_a_page_that_was_sound_is_compared_again(tmp_path: Path) -> None:
    with table(tmp_path / "a.db") as one:
        filled(one)
        number = len(pages_of(one.log)) - pages_of(one.log)[::-1].index(2)
        for _ in range(2):
            with contextlib.closing(connection.open_reader(one.path, one.guard)) as reader:
                rows(reader)
        flip(one.log, 8 * frame_at(number, 2000))
        with (
            contextlib.closing(connection.open_reader(one.path, one.guard)) as reader,
            pytest.raises(apsw.IOError),
        ):
            rows(reader)
        assert (
            one.guard.damage
            == f"frame {number} of the catalog's write-ahead log is not what was written"
        )


def test_a_page_that_its_own_transaction_writes_twice_is_no_damage(tmp_path: Path) -> None:
    """SQLite overwrites such a frame and gives it its checksum only when it commits."""
    with table(tmp_path / "a.db") as one:
        one.put(*range(500))
        one.writer.execute("PRAGMA cache_size = 10")
        with one.writer:
            for _ in range(3):
                one.writer.execute("UPDATE rows SET letters = lower(hex(randomblob(150)))")
            assert wal.wrong_frames(one.log, one.log.stat().st_size // FRAME_BYTES) != []
            assert len(rows(one.writer)) == 500
        assert one.guard.damage is None
        assert wal.wrong_frames(one.log, one.frames()) == []


def test_sums_with_the_highest_byte_first_are_read_too(tmp_path: Path) -> None:
    """As a machine with the other byte order writes them; SQLite itself is the judge."""
    with table(tmp_path / "a.db") as one:
        count, right = filled(one).frames(), rows(one.writer)
        left = one.left(tmp_path / "other")
    log = wal.log_of(left)
    data = bytearray(log.read_bytes())
    struct.pack_into(">I", data, 0, 0x377F0683)
    data[24:32] = sum = wal.summed(bytes(8), bytes(data[:24]), swapped=True)
    for at in range(wal.HEAD_BYTES, len(data), FRAME_BYTES):
        covered = bytes(data[at : at + 8] + data[at + HEAD : at + FRAME_BYTES])
        data[at + 16 : at + 24] = sum = wal.summed(sum, covered, swapped=True)
    log.write_bytes(data)
    assert wal.left_out(log) is None
    assert wal.wrong_frames(log, count) == []
    with contextlib.closing(connection.open_writer(left, durable=True)) as writer:
        assert rows(writer) == right
        assert wal.committed(writer) == count
        flip(log, 8 * frame_at(count, 3000))
        assert wal.wrong_frames(log, count) == [count]


def test_a_check_reads_all_frames(tmp_path: Path) -> None:
    with table(tmp_path / "a.db") as one:
        assert checking.problems(one.path) == []
        count = filled(one).frames()
        assert checking.problems(one.path) == []
        replaced = pages_of(one.log).index(2) + 1
        assert replaced < count
        flip(one.log, 8 * frame_at(replaced, 777))
        assert checking.problems(one.path) == [
            f"frame {replaced} of the write-ahead log is not what was written"
        ]
        flip(one.log, 8 * 17)
        assert "the head of the write-ahead log is not what was written" in checking.problems(
            one.path
        )


def test_a_log_begun_anew_is_no_damage(tmp_path: Path) -> None:
    with table(tmp_path / "a.db") as one:
        filled(one)
        one.writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        assert checking.problems(one.path) == []
        one.put(1)
        assert one.frames() < len(pages_of(one.log))
        assert checking.problems(one.path) == []
        assert wal.left_out(one.log) is None


def test_a_log_that_is_begun_anew_while_it_is_compared_is_compared_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = wal.wrong_frames, 0
    with table(tmp_path / "a.db") as one:

        def late(log: Path, count: int) -> object:
            nonlocal calls
            calls += 1
            if calls == 1:
                one.writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
                one.put(1)
                assert real(log, count) != []
            return real(log, count)

        filled(one)
        monkeypatch.setattr(wal, "wrong_frames", late)
        assert checking.problems(one.path) == []
    assert calls == 2


# What SQLite leaves out when it reads a log after a crash


def refused(path: Path) -> bool:
    try:
        connection.open_writer(path, durable=True).close()
    except CatalogDamaged as error:
        return "s3front rebuild" in str(error)
    return False


def test_commits_are_never_left_out_unseen(tmp_path: Path) -> None:
    """But for the last one: its damage cannot be told from a power cut before it was acknowledged."""
    chance = random.Random(seed("wal"))
    with table(tmp_path / "a.db") as one:
        last = filled(one).frames()
        bits = [chance.randrange(8 * frame_at(last, FRAME_BYTES)) for _ in range(50)]
        one.put(*range(5))
        bits += [8 * frame_at(one.frames(), 16) + bit for bit in range(0, 64, 5)]  # its checksum
        assert frame_at(one.frames(), 0) // 512 == frame_at(one.frames(), HEAD) // 512
        one.put(7)
        for bit in bits:
            left = one.left(tmp_path / "left")
            flip(wal.log_of(left), bit)
            before = left.read_bytes(), wal.log_of(left).read_bytes()
            assert refused(left), f"bit {bit}"
            assert (left.read_bytes(), wal.log_of(left).read_bytes()) == before, "evidence"


def test_without_durability_a_log_that_ends_early_is_told_and_used(tmp_path: Path) -> None:
    with table(tmp_path / "a.db") as one:
        filled(one)
        left = one.left(tmp_path / "left")
    flip(wal.log_of(left), 8 * frame_at(9, 100))
    with capture_logs() as told:
        connection.open_writer(left, durable=False).close()
    assert [entry["log_level"] for entry in told] == ["error"]
    assert "frame 9" in told[0]["at"]


def test_a_torn_end_is_no_damage(tmp_path: Path) -> None:
    """Of the last transaction a power cut leaves any of its sectors; what was there before is of an
    older log, or of a transaction that was undone."""
    chance = random.Random(seed("wal"))
    with table(tmp_path / "a.db") as one:
        filled(one)
        one.writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        one.put(1)
        one.put(2, 3)
        one.writer.execute("PRAGMA cache_size = 10")
        one.writer.execute("BEGIN")
        one.writer.execute("UPDATE rows SET letters = lower(hex(randomblob(150)))")
        one.writer.execute("ROLLBACK")
        before = one.log.read_bytes()
        one.put(*range(0, 200, 30))
        after = one.log.read_bytes()
        left = one.left(tmp_path / "left")
        committed = rows(one.writer)
    before += bytes(len(after) - len(before))
    changed = [
        at for at in range(0, len(after), 512) if before[at : at + 512] != after[at : at + 512]
    ]
    assert len(changed) > 8
    for _ in range(300):
        torn = bytearray(before)
        for at in changed:
            if chance.random() < chance.choice((0.1, 0.5, 0.9)):
                torn[at : at + 512] = after[at : at + 512]
        wal.log_of(left).write_bytes(torn)
        assert wal.left_out(wal.log_of(left)) is None
    for length in range(len(after), 0, -1371):
        wal.log_of(left).write_bytes(after[:length])
        assert wal.left_out(wal.log_of(left)) is None
    wal.log_of(left).write_bytes(after)
    with contextlib.closing(connection.open_writer(left, durable=True)) as writer:
        assert rows(writer) == committed


def test_half_a_head_is_no_end_of_a_transaction(tmp_path: Path) -> None:
    """Frame 42 begins eight bytes before a sector ends: its last eight bytes of salts may be new, and
    what says whether it ends a transaction may be of the log before."""
    at = frame_at(42, 0)
    assert at % 512 == 504
    with table(tmp_path / "a.db") as one:
        one.put(*range(200))
        while one.frames() < 50:
            one.put(1)
        before = one.log.read_bytes()
        one.writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        one.put(1)
        while one.frames() < 40:
            one.put(1)
        one.put(*range(0, 200, 20))
        assert one.frames() > 44
        left = one.left(tmp_path / "left")
    log = wal.log_of(left)
    torn = bytearray(log.read_bytes())
    assert (before[at + 4 : at + 8] != bytes(4), torn[at + 4 : at + 8] == bytes(4)) == (True, True)
    torn[at - 504 : at + 8] = before[at - 504 : at + 8]
    log.write_bytes(torn)
    assert wal.left_out(log) is None


LOCKED = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)
"""


def test_a_second_connection_does_not_free_the_locks_of_the_first(tmp_path: Path) -> None:
    """A file that a process opens beside SQLite, and closes, takes all its locks with it."""

    def others_may_lock() -> bool:
        ended = subprocess.run(
            [sys.executable, "-c", LOCKED, str(tmp_path / "a.db")], capture_output=True, check=False
        )
        return ended.returncode == 0

    with table(tmp_path / "a.db") as one:
        filled(one)
        assert not others_may_lock()
        for opened in (connection.open_reader(one.path), connection.open_reader(one.path)):
            opened.close()
        assert checking.problems(one.path) == []
        assert not others_may_lock()
    assert others_may_lock()
