"""What is made durable when: bytes and name before the commit, the commit before the rename, the
removal before its row is forgotten; nothing of it with ``durability = "relaxed"``."""

from collections.abc import Iterator

import pytest

from tests.crash.bench import Bench
from tests.crash.calls import SYNCS
from tests.crash.operations import OPERATIONS
from tests.crash.zygote import zygote

WAL = ".s3front/catalog.db-wal"
STAGED = ".s3front/staged"
_CHANGES = {"pwrite", "fallocate", "write", "copy_file_range", "ftruncate"}
_CHANGES |= {"utime", "setxattr"}
_AFTER_COMMIT = {"rename", "unlink", "rmdir", "mkdir", "link"}
_STAGES = [
    name
    for name, operation in OPERATIONS.items()
    if (operation.body and name != "restate") or name.startswith("upload part")
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("order")
    with zygote(folder / "zygote.log") as forks:
        yield Bench(folder, forks)


def made_by(bench: Bench, name: str, durability: str = "full") -> list[tuple[str, str]]:
    """The calls of an operation, name and path; it is done once for all tests."""
    known = bench.made.get((name, durability))
    if known is None:
        known = bench.made[name, durability] = bench.attempt(name, durability=durability)["made"]
    return [split(call) for call in known]


def split(call: str) -> tuple[str, str]:
    """Name and path of a call."""
    what, _, path = call.partition(" ")
    return what, path


def last(made: list[tuple[str, str]], *wanted: tuple[str, str]) -> int:
    """Where the last of these calls is."""
    places = [place for place, call in enumerate(made) if call in wanted]
    assert places, (wanted, made)
    return places[-1]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_commit_waits_for_the_disk(bench: Bench, name: str) -> None:
    made = made_by(bench, name)
    assert last(made, ("xWrite", WAL)) < last(made, ("xSync", WAL))


@pytest.mark.parametrize("name", _STAGES)
def test_staged_bytes_and_their_names_are_durable_before_the_commit(
    bench: Bench, name: str
) -> None:
    made = made_by(bench, name)
    commit = last(made, ("xSync", WAL))
    begins = last(made[:commit], *((what, path) for what, path in made if path != WAL))
    touched = {path for what, path in made if what in _CHANGES and path.startswith(f"{STAGED}/")}
    assert touched
    for path in touched:
        changed = last(made, *((what, path) for what in _CHANGES))
        forced = last(made, ("fsync", path), ("fdatasync", path))
        assert changed < forced <= begins < commit
        assert last(made, ("open", path)) < last(made, ("fsync", STAGED)) <= begins


@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_is_placed_or_removed_before_the_commit(bench: Bench, name: str) -> None:
    made = made_by(bench, name)
    early = [
        (what, path) for what, path in made[: last(made, ("xSync", WAL))] if what in _AFTER_COMMIT
    ]
    assert early == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_relaxed_forces_nothing(bench: Bench, name: str) -> None:
    made = made_by(bench, name, "relaxed")
    # SQLite forces the head of a new WAL, once for thousands of commits, before it writes the rest.
    head = made.index(("xSync", WAL))
    assert made[:head].count(("xWrite", WAL)) == 1
    assert [call for call in made[head + 1 :] if call[0] in SYNCS] == []


@pytest.mark.parametrize(
    ("name", "removed", "folder"),
    [
        ("delete", ("unlink", "bucket/deep/er/key"), "bucket"),
        ("delete under a name of our own", ("unlink", ".s3front/o"), ".s3front/o"),
        ("overwrite under a name of our own", ("unlink", ".s3front/o"), ".s3front/o"),
        ("delete bucket", ("rmdir", "empty"), "."),
    ],
)
def test_a_removal_is_durable_before_it_is_forgotten(
    bench: Bench, name: str, removed: tuple[str, str], folder: str
) -> None:
    made = [split(call) for call in bench.attempt(name, until_idle=True)["made"]]
    gone = max(
        place
        for place, (what, path) in enumerate(made)
        if what == removed[0] and path.startswith(removed[1])
    )
    forced = max(
        place for place, (what, path) in enumerate(made) if what == "fsync" and path == folder
    )
    forgotten = max(place for place, call in enumerate(made) if call == ("xSync", WAL))
    assert gone < forced < forgotten
