"""Deadlines that one timer looks at."""

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest

from backends.errors import NotFound, Unavailable
from backends.layers.deadlines import Deadlines

SOON_S, LATE_S = 0.02, 30.0


async def never() -> None:
    await asyncio.Event().wait()


async def within(deadlines: Deadlines, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
    with deadlines.within(seconds):
        await act()


async def test_one_that_comes_later_and_is_due_earlier_is_met() -> None:
    deadlines = Deadlines()
    late = asyncio.create_task(within(deadlines, LATE_S, never))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match=r"0\.02 s"):
        await within(deadlines, SOON_S, never)
    assert not late.done()
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    assert not deadlines.running


async def test_each_is_met_at_its_time() -> None:
    deadlines, passed = Deadlines(), []

    async def one(number: int) -> None:
        try:
            await within(deadlines, SOON_S * (number + 1), never)
        except Unavailable:
            passed.append(number)

    await asyncio.gather(*(one(number) for number in reversed(range(5))))
    assert passed == [0, 1, 2, 3, 4]


async def test_a_timer_is_asked_for_once_for_all_that_are_over_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, timers = asyncio.get_running_loop(), 0
    call_at = loop.call_at

    def counted(*given: object, **named: object) -> asyncio.TimerHandle:
        nonlocal timers
        timers += 1
        return call_at(*given, **named)  # type: ignore[arg-type]

    deadlines = Deadlines()
    with deadlines.within(LATE_S):
        pass
    monkeypatch.setattr(loop, "call_at", counted)
    for _ in range(100):
        await within(deadlines, LATE_S, lambda: asyncio.sleep(0))
    assert timers == 0


async def test_one_that_is_put_off_or_stands_still_is_not_met() -> None:
    deadlines = Deadlines()
    with deadlines.within(SOON_S) as deadline:
        deadline.stand_still()
        assert deadline.at == math.inf
        await within(Deadlines(), SOON_S * 3, lambda: asyncio.sleep(SOON_S * 2))
        deadline.put_off(LATE_S)
        await asyncio.sleep(SOON_S * 2)
        deadline.put_off(SOON_S)
        with pytest.raises(asyncio.CancelledError):
            await never()
        assert deadline.at == math.inf
        deadline.put_off(LATE_S)  # it has passed
        assert deadline.at == math.inf


async def test_who_is_cancelled_by_others_is_cancelled_though_it_is_late() -> None:
    deadlines = Deadlines()

    async def act() -> None:
        with deadlines.within(LATE_S) as deadline:
            deadline.pass_by()
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await never()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(act())


async def test_what_fails_for_being_late_is_unavailable_and_the_task_goes_on() -> None:
    deadlines = Deadlines()

    async def act() -> None:
        try:
            await never()
        except asyncio.CancelledError:
            raise NotFound("it was cut off") from None

    with pytest.raises(Unavailable):
        await within(deadlines, SOON_S, act)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    await within(deadlines, LATE_S, lambda: asyncio.sleep(0))


async def test_an_error_in_time_is_that_error() -> None:
    async def act() -> None:
        raise NotFound("nothing")

    with pytest.raises(NotFound):
        await within(Deadlines(), LATE_S, act)


def test_they_may_be_kept_in_another_loop() -> None:
    deadlines = Deadlines()
    asyncio.run(within(deadlines, LATE_S, lambda: asyncio.sleep(0)))
    with pytest.raises(Unavailable):
        asyncio.run(within(deadlines, SOON_S, never))
    with pytest.raises(Unavailable):
        asyncio.run(asyncio.wait_for(within(deadlines, SOON_S * 2, never), LATE_S))
