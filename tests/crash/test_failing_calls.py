"""Each call by which an operation changes the disk fails, or is the last before a kill -9.

For every operation and kind of fault: at its first call, its second … until it passes. Whatever
is hit: no 200 for what is not there after a restart, no hang, nothing half done, nothing left
behind, and the next request is served.
"""

import random
from collections.abc import Iterator

import pytest

from tests.crash.bench import Bench
from tests.crash.calls import KILL, KINDS
from tests.crash.operations import OPERATIONS
from tests.crash.zygote import zygote
from tests.seeds import seed

_ONE_IN = 10
_MOST_CALLS = 200


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("failing-calls")
    with zygote(folder / "zygote.log") as forks:
        yield Bench(folder, forks)


def calls_of(bench: Bench, name: str) -> list[str]:
    """The calls an operation makes if none fails; nothing may be wrong then."""
    result = bench.attempt(name)
    assert result["problems"] == []
    made: list[str] = result["made"]
    assert len(made) < _MOST_CALLS
    return made


def sweep(bench: Bench, name: str, kind: str, points: list[int], *, again: bool) -> None:
    """Attempt with the fault at each point; all that is wrong is told at once."""
    found = {}
    for at in points:
        result = bench.attempt(name, kind, at, again=again)
        if result["problems"]:
            found[at, result.get("hit"), result.get("status")] = result["problems"]
    assert not found, "\n".join(f"{at}: {problems}" for at, problems in found.items())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", OPERATIONS)
def test_some_calls_fail_or_are_the_last(bench: Bench, name: str) -> None:
    chance = random.Random(f"{seed('failing calls')} {name}")
    made = len(calls_of(bench, name))
    for kind in KINDS:
        points = sorted(chance.sample(range(1, made + 1), -(-made // _ONE_IN)))
        sweep(bench, name, kind, points, again=chance.random() < 0.5)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kind", "again"),
    [*((kind, False) for kind in KINDS), *((kind, True) for kind in KINDS if kind != KILL)],
)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_call_fails_or_is_the_last(
    bench: Bench, name: str, kind: str, *, again: bool
) -> None:
    for at in range(1, _MOST_CALLS):
        result = bench.attempt(name, kind, at, again=again)
        assert result["problems"] == [], (at, result)
        if not result["died"] and result["hit"] is None:
            assert at > 5 or name == "create bucket"
            return
    pytest.fail("it never passed")
