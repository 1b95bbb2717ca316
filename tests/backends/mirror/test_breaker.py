"""A storage that fails again and again rests, and is tried by one."""

import pytest

from backends.errors import Displaced, Throttled
from backends.memory import MemoryStorage
from backends.mirror.breaker import Breaker
from backends.mirror.member import Member


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def rested() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(failures=3, rest_s=5, longest_rest_s=15, clock=clock)
    for _ in range(3):
        assert breaker.admits()
        breaker.failed()
    return breaker, clock


def test_it_rests_after_failures_in_a_row() -> None:
    breaker, clock = rested()
    assert breaker.rests
    clock.now = 4.9
    assert not breaker.admits()


def test_a_success_in_between_begins_the_count_anew() -> None:
    breaker = Breaker(failures=3, clock=Clock())
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert not breaker.rests
    assert breaker.admits()


def test_one_caller_tries_after_the_rest() -> None:
    breaker, clock = rested()
    clock.now = 5
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert not breaker.rests
    assert [breaker.admits() for _ in range(3)] == [True, True, True]


def test_each_failure_doubles_the_rest_up_to_the_longest() -> None:
    breaker, clock = rested()
    clock.now = 5
    for rest in (10, 15, 15):
        assert breaker.admits()
        breaker.failed()
        clock.now += rest - 0.1
        assert not breaker.admits()
        clock.now += 0.2


def test_a_caller_that_never_tells_is_followed_by_another() -> None:
    breaker, clock = rested()
    clock.now = 5
    assert breaker.admits()
    clock.now = 9.9
    assert not breaker.admits()
    clock.now = 10
    assert breaker.admits()


def test_after_a_success_rests_are_short_again() -> None:
    breaker, clock = rested()
    clock.now = 5
    assert breaker.admits()
    breaker.failed()
    clock.now = 15
    assert breaker.admits()
    breaker.succeeded()
    for _ in range(3):
        breaker.failed()
    clock.now = 20
    assert breaker.admits()


def test_what_was_asked_before_the_rest_does_not_make_it_longer() -> None:
    breaker, clock = rested()
    for _ in range(20):
        breaker.failed()
    clock.now = 5
    assert breaker.admits()


async def test_a_client_that_was_slow_says_nothing_of_a_member() -> None:
    storage = MemoryStorage()
    member = Member("one", storage, Breaker(failures=3, clock=Clock()))
    await member.open()

    async def displaced() -> None:
        raise Displaced("others needed its place")

    async def throttled() -> None:
        raise Throttled("slow down")

    for _ in range(9):
        with pytest.raises(Displaced):
            await member.ask(displaced)
    assert member.admits()
    for _ in range(3):
        with pytest.raises(Throttled):
            await member.ask(throttled)
    assert not member.admits()
    await member.aclose()
