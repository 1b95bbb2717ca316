"""A directory of blocks: what is kept, what goes, and that it never takes more than it may."""

import errno
import os
import random
import time
from collections import Counter
from pathlib import Path

import apsw
import pytest

from backends.cache import blocks, sweeping
from backends.cache.frequencies import Frequencies
from backends.cache.index import Index
from backends.cache.shelf import Kept
from backends.cache.sizes import BLOCK, OVERHEAD
from tests.backends.cache.shelves import (
    ROOM,
    Bench,
    arrived,
    data_of,
    files,
    key_of,
    taken,
    total_of,
)


def filled(bench: Bench, often: int = 1) -> int:
    """Keep small blocks until one is refused; its number."""
    for thing in range(1000):
        if bench.keep(key_of(thing).block(0), often=often) is Kept.REFUSED:
            return thing
    raise AssertionError("it takes whatever comes")


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    bench = Bench(directory=tmp_path / "cache", size=OVERHEAD + 3 * BLOCK)
    bench.open()
    key = key_of(1, 2 * BLOCK + 100)
    for number in range(3):
        assert not bench.has(key.block(number))
        assert bench.keep(key.block(number)) is Kept.KEPT
    assert all(bench.has(key.block(number)) for number in range(3))
    assert bench.shelf.find(key.block(2), 50, 70) == (data_of(key.block(2))[50:70], 5)
    assert not bench.complaints
    bench.shelf.close()


def test_it_is_full_one_day(bench: Bench) -> None:
    count = filled(bench)
    assert taken(bench.directory) <= bench.size
    assert (ROOM - OVERHEAD) // 9000 <= count <= (ROOM - OVERHEAD) // 8192
    assert all(bench.has(key_of(thing).block(0)) for thing in range(count))


def test_what_is_asked_for_more_often_takes_the_place_of_what_was_not_for_longest(
    bench: Bench,
) -> None:
    count = filled(bench)
    read = {key_of(thing).block(0).name: 1 for thing in range(10)}
    bench.shelf.touch(read)
    assert bench.keep(key_of(5000).block(0), often=2) is Kept.KEPT
    there = [thing for thing in range(count) if bench.has(key_of(thing).block(0))]
    assert there == [*range(10), *range(11, count)]
    assert bench.counts == {"evicted": 1}
    bench.often[key_of(11).block(0).name] = 2
    assert bench.keep(key_of(5001).block(0), often=2) is Kept.REFUSED
    assert bench.keep(key_of(5001).block(0), often=3) is Kept.KEPT
    assert not bench.has(key_of(11).block(0))
    assert taken(bench.directory) <= bench.size


def test_what_was_read_often_before_a_restart_resists_for_a_while(bench: Bench) -> None:
    filled(bench)
    bench.shelf.touch({key_of(0).block(0).name: 15})
    bench.shelf.touch({key_of(thing).block(0).name: 1 for thing in range(1, 1000)})
    told = [bench.keep(key_of(5000).block(0), often=2) for _ in range(5)]
    assert told == [Kept.REFUSED, Kept.REFUSED, Kept.REFUSED, Kept.KEPT, Kept.REFUSED]
    assert not bench.has(key_of(0).block(0))


def test_a_large_block_takes_the_place_of_many_small_ones(bench: Bench) -> None:
    filled(bench)
    large = key_of(7000, 600_000).block(0)
    assert bench.keep(large) is Kept.REFUSED
    assert bench.keep(large, often=2) is Kept.KEPT
    assert bench.has(large)
    assert taken(bench.directory) <= bench.size


def test_what_cannot_fit_leaves_all_as_it_was(tmp_path: Path) -> None:
    bench = Bench(directory=tmp_path / "cache", size=OVERHEAD + BLOCK // 2)
    bench.open()
    bench.keep(key_of(1).block(0))
    assert bench.keep(key_of(2, BLOCK).block(0), often=15) is Kept.REFUSED
    assert bench.has(key_of(1).block(0))
    bench.shelf.close()


def test_what_is_damaged_is_no_more(bench: Bench) -> None:
    block = key_of(1).block(0)
    bench.keep(block)
    file = sweeping.file_of(bench.directory, block.name)
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    assert not bench.has(block)
    assert not file.exists()
    assert bench.counts == {"damaged": 1}
    assert bench.keep(block) is Kept.KEPT
    assert bench.has(block)


def test_what_cannot_be_read_is_not_taken_for_damaged(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = key_of(1).block(0)
    bench.keep(block)
    with monkeypatch.context() as patch:

        def failing(*_: object) -> int:
            raise OSError(errno.EMFILE, "too many")

        patch.setattr(os, "open", failing)
        assert not bench.has(block)
    assert bench.counts == {"failed": 1}
    assert bench.has(block)


def test_all_of_a_path_is_dropped_and_nothing_else(bench: Bench) -> None:
    dropped = [key_of(1, 2 * BLOCK + 5).block(2), key_of(1, stamp="2").block(0)]
    for block in [*dropped, key_of(2).block(0)]:
        bench.keep(block)
    bench.shelf.drop(key_of(1).path)
    assert not any(bench.has(block) for block in dropped)
    assert bench.has(key_of(2).block(0))
    assert files(bench.directory) == {key_of(2).block(0).name.hex()}


def test_what_was_begun_before_it_was_dropped_is_not_kept(bench: Bench) -> None:
    block = key_of(1).block(0)
    early = arrived(block)
    other = Bench(directory=bench.directory)
    other.open()
    other.shelf.drop(block.path)
    assert bench.shelf.keep(early, {}) is Kept.REFUSED
    assert not bench.has(block)
    assert bench.keep(block) is Kept.KEPT
    other.shelf.close()


def test_what_is_dropped_while_its_file_is_made_is_not_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = key_of(1).block(0)
    write = blocks.write

    def slow(*given: object) -> int:
        number = write(*given)  # type: ignore[arg-type]
        bench.shelf.drop(block.path)
        return number

    monkeypatch.setattr(blocks, "write", slow)
    assert bench.keep(block) is Kept.REFUSED
    assert files(bench.directory) == set()
    assert total_of(bench) == 0


def test_a_full_disk_keeps_nothing_and_leaves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.keep(key_of(1).block(0))
    write = os.write

    def full(file: int, data: memoryview) -> int:
        if len(data) < 3000:
            raise OSError(errno.ENOSPC, "no space left")
        return write(file, data[:3000])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert bench.keep(key_of(2).block(0)) is Kept.FAILED
    assert bench.complaints == ["OSError: [Errno 28] no space left"]
    assert bench.has(key_of(1).block(0))
    assert files(bench.directory) == {key_of(1).block(0).name.hex()}
    assert bench.keep(key_of(3).block(0)) is Kept.FAILED  # not tried for a while
    monkeypatch.setattr(bench.shelf, "_again", 0.0)
    assert bench.keep(key_of(2).block(0)) is Kept.KEPT
    assert len(bench.complaints) == 1


def test_an_index_that_is_full_is_a_full_disk(bench: Bench) -> None:
    index = bench.shelf._index
    assert index is not None
    pages = index._rows("PRAGMA page_count")[0][0]
    index._rows(f"PRAGMA max_page_count = {pages}")
    for thing in range(200):
        if bench.keep(key_of(thing).block(0)) is Kept.FAILED:
            break
    assert "FullError" in bench.complaints[0]
    assert len(files(bench.directory)) == thing
    assert bench.has(key_of(0).block(0))


def test_what_cannot_be_dropped_is_not_served(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.keep(key_of(1).block(0))
    bench.keep(key_of(2).block(0))

    def full(*_: object) -> None:
        raise apsw.FullError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Index, "drop", full)
        bench.shelf.drop(key_of(1).path)
    assert not bench.has(key_of(1).block(0))
    assert bench.has(key_of(2).block(0))
    monkeypatch.setattr(bench.shelf, "_again", 0.0)
    bench.shelf.drop(key_of(3).path)
    assert files(bench.directory) == {key_of(2).block(0).name.hex()}
    assert bench.keep(key_of(1).block(0)) is Kept.KEPT
    assert bench.has(key_of(1).block(0))


def test_who_drops_a_path_again_does_not_trust_to_who_dropped_it_before(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = key_of(1).block(0)
    bench.keep(block)

    def dropped_meanwhile() -> bool:
        bench.shelf._undropped.discard(block.path)
        return False

    monkeypatch.setattr(bench.shelf, "get_ready", dropped_meanwhile)
    bench.shelf.drop(block.path)
    assert not bench.has(block)


@pytest.mark.parametrize("cause", ["closed", "full"])
def test_too_many_that_cannot_be_dropped_end_its_use(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    def full(*_: object) -> None:
        raise apsw.FullError("no space left")

    bench.keep(key_of(1).block(0))
    monkeypatch.setattr("backends.cache.shelf._UNDROPPED", 10)
    if cause == "full":
        monkeypatch.setattr("backends.cache.shelf._PAUSE_S", -1.0)
        monkeypatch.setattr(Index, "drop", full)
    else:
        monkeypatch.setattr(bench.shelf, "_again", time.monotonic() + 1000)
    for thing in range(2, 14):
        bench.shelf.drop(key_of(thing).path)
    assert not bench.has(key_of(1).block(0))
    assert bench.complaints[-1] == "too much was written while it could not be changed"


def test_all_is_there_again_after_a_restart(bench: Bench) -> None:
    for thing in range(20):
        bench.keep(key_of(thing).block(0))
    bench.shelf.close()
    again = Bench(directory=bench.directory)
    again.open()
    assert all(again.has(key_of(thing).block(0)) for thing in range(20))
    assert filled(again) < 150
    assert taken(again.directory) <= again.size
    again.shelf.close()


def test_a_smaller_cache_makes_room_as_things_come(bench: Bench) -> None:
    count = filled(bench)
    bench.shelf.close()
    smaller = Bench(directory=bench.directory, size=OVERHEAD + (ROOM - OVERHEAD) // 2)
    smaller.open()
    assert smaller.keep(key_of(9000).block(0), often=2) is Kept.KEPT
    assert taken(smaller.directory) <= smaller.size
    assert smaller.counts["evicted"] >= count // 2
    smaller.shelf.close()


def test_an_index_that_turns_out_to_be_damaged_is_made_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.keep(key_of(1).block(0))

    def corrupt(*_: object) -> None:
        raise apsw.CorruptError("malformed")

    with monkeypatch.context() as patch:
        patch.setattr(Index, "reserve", corrupt)
        assert bench.keep(key_of(2).block(0)) is Kept.FAILED
    monkeypatch.setattr(bench.shelf, "_again", 0.0)
    assert bench.keep(key_of(2).block(0)) is Kept.KEPT
    assert files(bench.directory) == {key_of(2).block(0).name.hex()}


def test_who_took_too_long_does_not_finish_what_another_is_making(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = key_of(1).block(0)
    made = sweeping.made_of(bench.directory, block.name)
    write = blocks.write

    def slow(*given: object) -> int:
        number = write(*given)  # type: ignore[arg-type]
        made.rename(bench.directory / "taken for abandoned")
        made.write_bytes(b"half of it")
        return number

    monkeypatch.setattr(blocks, "write", slow)
    assert bench.keep(block) is Kept.REFUSED
    assert made.read_bytes() == b"half of it"
    assert not bench.has(block)
    assert not bench.counts


def test_what_a_dead_process_was_making_is_removed(bench: Bench) -> None:
    block = key_of(1).block(0)
    index = bench.shelf._index
    assert index is not None
    with index.transaction():
        index.reserve(block, 8704, 1, 1)
    made = sweeping.made_of(bench.directory, block.name)
    made.write_bytes(b"half of it")
    assert bench.keep(block) is Kept.REFUSED  # perhaps it lives
    os.utime(made, (time.time() - 100, time.time() - 100))
    assert bench.keep(block) is Kept.KEPT
    with index.transaction():
        index.reserve(key_of(2).block(0), 8704, 1, 1)
    sweeping.made_of(bench.directory, key_of(2).block(0).name).write_bytes(b"half of it")
    bench.shelf.close()
    again = Bench(directory=bench.directory)
    again.open()
    assert files(again.directory) == {block.name.hex()}
    assert total_of(again) == 8704
    again.shelf.close()


def test_nobody_even_looks_while_one_changes_the_index(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looked would keep its log from being written back, which would grow."""
    monkeypatch.setattr("backends.cache.index._BUSY_MS", 10)
    other = Index(bench.directory / sweeping.INDEX)
    assert bench.shelf._index is not None
    with bench.shelf._index.transaction(), pytest.raises(TimeoutError), other.transaction():
        pass
    with other.transaction():
        pass
    other.close()


def test_a_block_that_the_disk_cannot_read_is_fetched_and_kept_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = key_of(1).block(0)
    bench.keep(block)

    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", broken)
        assert not bench.has(block)
    assert bench.counts == {"damaged": 1}
    assert bench.keep(block) is Kept.KEPT
    assert bench.has(block)


def test_what_cannot_be_looked_for_is_not_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = key_of(1).block(0)
    bench.keep(block)
    assert bench.shelf.holds(block)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "permission denied")

    monkeypatch.setattr(os, "stat", denied)
    assert not bench.shelf.holds(block)


def test_each_time_that_it_begins_to_fail_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    for thing in range(0, 6, 3):
        for failing in range(2):
            with monkeypatch.context() as patch:
                patch.setattr(os, "write", full)
                monkeypatch.setattr(bench.shelf, "_again", 0.0)
                assert bench.keep(key_of(thing + failing).block(0)) is Kept.FAILED
        monkeypatch.setattr(bench.shelf, "_again", 0.0)
        assert bench.keep(key_of(thing + 2).block(0)) is Kept.KEPT
    assert len(bench.complaints) == 2


def test_what_a_larger_cache_left_goes_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much that is, and whoever asked for it."""
    monkeypatch.setattr("backends.cache.index._VICTIMS", 10)
    count = filled(bench, often=15)
    bench.shelf.close()
    smaller = Bench(directory=bench.directory, size=OVERHEAD + (ROOM - OVERHEAD) // 4)
    smaller.open()
    assert taken(smaller.directory) <= smaller.size
    there = [thing for thing in range(count) if smaller.has(key_of(thing).block(0))]
    assert there == [*range(count - len(there), count)]
    assert count // 5 < len(there) <= count // 4
    assert smaller.counts["evicted"] == count - len(there)
    assert smaller.keep(key_of(9000).block(0), often=15) is Kept.REFUSED
    smaller.shelf.close()


def test_room_of_who_was_killed_is_used_while_others_go_on(bench: Bench) -> None:
    index = bench.shelf._index
    assert index is not None
    room = (ROOM - OVERHEAD) // 2
    long_ago = time.time_ns() - 100 * 10**9
    left, living = key_of(5000, room).block(0), key_of(5001).block(0)
    with index.transaction():
        index.reserve(left, room, long_ago, 15)
        index.reserve(living, 8704, long_ago, 15)
    made = sweeping.made_of(bench.directory, left.name)
    made.write_bytes(b"half of it")
    os.utime(made, (time.time() - 100, time.time() - 100))
    sweeping.made_of(bench.directory, living.name).write_bytes(b"it is being written")
    count = filled(bench)
    assert count > (ROOM - OVERHEAD) // 9000 - 2
    assert not made.exists()
    assert index.state(left.name) is None
    assert index.state(living.name) is False


def test_a_scan_does_not_push_out_what_is_read_often(tmp_path: Path) -> None:
    """Beside what a cache would hit that always gives up what nobody read for longest."""
    chance = random.Random(5)
    weights = [1 / (thing + 1) ** 0.9 for thing in range(4000)]
    wanted = chance.choices(range(4000), weights, k=6000)
    places = 100
    bench = Bench(directory=tmp_path / "cache", size=OVERHEAD + places * 4608)
    frequencies = Frequencies(4 * places)
    bench.shelf._often = frequencies.of
    bench.open()
    hits: Counter[str] = Counter()
    lru: dict[int, None] = {}
    for step, thing in enumerate(wanted):
        scanned = range(10_000 + step, 10_000 + step + 300) if step % 1500 == 700 else range(0)
        for one in (*scanned, thing):
            hits["lru"] += one == thing and one in lru
            lru.pop(one, None)
            lru[one] = None
            if len(lru) > places:
                del lru[next(iter(lru))]
            block = key_of(one, 100).block(0)
            often = frequencies.add(block.name)
            if bench.has(block):
                hits["ours"] += one == thing
                bench.shelf.touch({block.name: often})
            else:
                bench.keep(block, often=often)
    bench.shelf.close()
    assert hits["ours"] > 1.15 * hits["lru"], hits
