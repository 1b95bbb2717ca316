"""The directory of a cache: whose it may be, what is removed, lost or planted in it."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.cache import blocks, sweeping
from backends.cache.shelf import Kept
from tests.backends.cache.shelves import Bench, files, key_of, total_of


def test_nobody_else_can_look(bench: Bench) -> None:
    bench.keep(key_of(1).block(0))
    assert stat.S_IMODE(bench.directory.stat().st_mode) == 0o700
    for file in bench.directory.rglob("*"):
        mode = 0o700 if file.is_dir() else 0o600
        assert stat.S_IMODE(file.stat().st_mode) == mode, file
        assert "b" not in file.relative_to(bench.directory).parts


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 300, None])
def test_without_its_index_a_cache_begins_anew(bench: Bench, damage: bytes | None) -> None:
    for thing in range(20):
        bench.keep(key_of(thing).block(0))
    bench.shelf.close()
    index = bench.directory / sweeping.INDEX
    if damage is None:
        index.unlink()
    else:
        index.write_bytes(damage)
    again = Bench(directory=bench.directory)
    again.open()
    assert files(again.directory) == set()
    assert again.keep(key_of(1).block(0)) is Kept.KEPT
    assert again.has(key_of(1).block(0))
    assert not again.complaints
    again.shelf.close()


def test_what_a_start_of_the_system_may_have_lost_is_looked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for thing in range(20):
        bench.keep(key_of(thing).block(0))
    lost, stray = key_of(3).block(0), key_of(4).block(0).name.hex()
    index = bench.shelf._index
    assert index is not None
    with index.transaction():
        index.free(lost.name)
    (bench.directory / stray[:2] / "not ours").write_bytes(b"x")
    bench.shelf.close()
    again = Bench(directory=bench.directory)
    again.open()
    assert again.has(lost)  # the same start: nothing is walked through
    again.shelf.close()
    monkeypatch.setattr(sweeping, "_boot", lambda: "another")
    later = Bench(directory=bench.directory)
    later.open()
    assert files(later.directory) == {
        key_of(thing).block(0).name.hex() for thing in range(20) if thing != 3
    }
    assert not later.complaints
    later.shelf.close()


def test_nobody_waits_for_a_walk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.keep(key_of(1).block(0))
    bench.shelf.close()
    monkeypatch.setattr(sweeping, "_boot", lambda: "another")
    again = Bench(directory=bench.directory)
    again.shelf.open()  # and the walk is still to come
    assert again.has(key_of(1).block(0))
    beside = Bench(directory=bench.directory)
    beside.open()
    assert beside.has(key_of(1).block(0))
    assert beside.keep(key_of(2).block(0)) is Kept.FAILED
    again.shelf.drop(key_of(1).path)
    assert not again.has(key_of(1).block(0))
    assert again.keep(key_of(2).block(0)) is Kept.KEPT
    monkeypatch.setattr(beside.shelf, "_again", 0.0)
    assert beside.keep(key_of(3).block(0)) is Kept.KEPT
    assert not again.complaints + beside.complaints
    again.shelf.close()
    beside.shelf.close()


def test_a_directory_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("dear")
    tmp_path.chmod(0o755)
    bench = Bench(directory=tmp_path)
    bench.open()
    assert bench.keep(key_of(1).block(0)) is Kept.FAILED
    assert "other things are in it" in bench.complaints[0]
    assert [file.name for file in tmp_path.iterdir()] == ["letters"]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    beyond = Bench(directory=link)
    beyond.open()
    assert beyond.complaints
    bench.shelf.close()
    beyond.shelf.close()


def test_what_others_put_there_is_not_served(bench: Bench) -> None:
    """A directory that is refused may hold blocks whose checksums are right."""
    block = key_of(1).block(0)
    bench.keep(block)
    bench.shelf.close()
    (bench.directory / sweeping.LOCK).unlink()
    again = Bench(directory=bench.directory)
    again.open()
    assert "other things are in it" in again.complaints[0]
    assert not again.has(block)
    assert again.shelf.find_at_once(block) is None
    again.shelf.close()


def test_a_directory_that_others_could_fill_is_refused(bench: Bench) -> None:
    block = key_of(1).block(0)
    bench.keep(block)
    bench.shelf.close()
    bench.directory.chmod(0o777)
    again = Bench(directory=bench.directory)
    again.open()
    assert "others may write there" in again.complaints[0]
    assert stat.S_IMODE(bench.directory.stat().st_mode) == 0o777
    assert not again.has(block)
    again.shelf.close()
    empty = bench.directory.with_name("empty")
    empty.mkdir()
    empty.chmod(0o777)
    made = Bench(directory=empty)
    made.open()
    assert made.keep(block) is Kept.KEPT
    assert stat.S_IMODE(empty.stat().st_mode) == 0o700
    made.shelf.close()


@pytest.mark.parametrize("name", ["00", sweeping.INDEX])
def test_no_link_leads_out_of_the_directory(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bench.shelf.close()
    monkeypatch.setattr(sweeping, "_boot", lambda: "another")
    elsewhere = tmp_path / "elsewhere"
    planted = bench.directory / name
    if planted.is_dir():
        planted.rmdir()
        elsewhere.mkdir()
        (elsewhere / "letters").write_text("dear")
    else:
        planted.unlink()
        elsewhere.write_text("dear")
    planted.symlink_to(elsewhere)
    again = Bench(directory=bench.directory)
    again.open()
    again.keep(key_of(1).block(0))
    again.shelf.close()
    letters = elsewhere / "letters" if elsewhere.is_dir() else elsewhere
    assert letters.read_text() == "dear"


def test_a_pipe_in_place_of_a_block_is_not_waited_for(bench: Bench) -> None:
    block = key_of(1).block(0)
    os.mkfifo(sweeping.file_of(bench.directory, block.name))
    assert not bench.has(block)
    assert bench.shelf.find_at_once(block) is None


def _removed(directory: Path) -> None:
    shutil.rmtree(directory)


def _without_index(directory: Path) -> None:
    for name in (sweeping.INDEX, f"{sweeping.INDEX}-wal", f"{sweeping.INDEX}-shm"):
        (directory / name).unlink()


@pytest.mark.parametrize("remove", [_removed, _without_index])
def test_what_is_removed_while_it_is_used_is_made_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, remove: Callable[[Path], None]
) -> None:
    """And nobody goes on with an index that others do not see."""
    beside = Bench(directory=bench.directory)
    beside.open()
    bench.keep(key_of(1).block(0))
    remove(bench.directory)
    assert bench.keep(key_of(2).block(0)) is Kept.FAILED
    assert len(bench.complaints) == 1
    assert beside.keep(key_of(3).block(0)) is Kept.FAILED
    for one in (bench, beside):
        monkeypatch.setattr(one.shelf, "_again", 0.0)
        assert one.keep(key_of(4).block(0), often=2) is (
            Kept.KEPT if one is bench else Kept.REFUSED
        )
        assert one.keep(key_of(5 if one is bench else 6).block(0)) is Kept.KEPT
    assert files(bench.directory) == {key_of(thing).block(0).name.hex() for thing in (4, 5, 6)}
    assert total_of(bench) == 3 * 8704
    beside.shelf.close()


def test_nothing_unknown_is_left_where_the_directory_is_made_anew_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = Bench(directory=bench.directory)
    write = blocks.write

    def slow(*given: object) -> int:
        shutil.rmtree(bench.directory)
        beside.open()
        return write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(blocks, "write", slow)
    assert bench.keep(key_of(1).block(0)) is Kept.FAILED
    assert files(bench.directory) == set()
    beside.shelf.close()


def test_a_shelf_beside_another_in_one_process_takes_no_lock_from_it(bench: Bench) -> None:
    """Whoever closes a file lets go of all locks that his process has on it: also SQLite's, which tells
    other processes by it that they are not the last."""
    beside = Bench(directory=bench.directory)
    beside.open()
    code = (
        "import fcntl, sys\n"
        "with open(sys.argv[1], 'r+b') as file:\n"
        "    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)"
    )
    index = str(bench.directory / sweeping.INDEX)
    done = subprocess.run(
        [sys.executable, "-c", code, index], check=False, capture_output=True, text=True
    )
    assert "BlockingIOError" in done.stderr
    beside.shelf.close()
