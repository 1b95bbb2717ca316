"""Counting, whatever the order in which clients come and go."""

import asyncio
import contextlib
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.errors import S3Error
from gateway.wire.admission import Admission, Entry
from gateway.wire.limits import Limits
from gateway.wire.pace import Pace

ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "::ffff:10.0.0.1", "2001:db8::1", "-"])


@given(st.lists(st.tuples(st.booleans(), ADDRESSES, st.integers(0, 50))))
def test_no_more_are_let_in_than_may_be_and_all_are_counted_out(
    steps: list[tuple[bool, str, int]],
) -> None:
    admission = Admission(Limits(connections=4, connections_per_address=2))
    inside: list[tuple[Entry, str]] = []
    for enters, address, which in steps:
        if enters:
            inside.append(admission.enter(address))
        elif inside:
            admission.leave(*inside.pop(which % len(inside)))
        let_in = [counted for entry, counted in inside if entry is Entry.SERVED]
        assert len(let_in) <= 4
        assert all(let_in.count(one) <= 2 for one in let_in if one)
    for one in inside:
        admission.leave(*one)
    assert admission._connections == admission._refused == 0
    assert not admission._by_address


def test_one_address_written_twice_is_one() -> None:
    admission = Admission(Limits(connections_per_address=1))
    assert admission.enter("10.0.0.1")[0] is Entry.SERVED
    assert admission.enter("::ffff:10.0.0.1")[0] is Entry.REFUSED
    assert admission.enter("2001:db8::1")[0] is Entry.SERVED
    assert admission.enter("2001:db8::ffff:1")[0] is Entry.REFUSED
    assert admission.enter("2001:db8:0:1::1")[0] is Entry.SERVED


def test_a_trusted_proxy_is_known_in_either_form() -> None:
    trusted = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]
    admission = Admission(Limits(connections_per_address=1), trusted)
    for address in ["10.0.0.1", "::ffff:10.0.0.1", "fd00::1"] * 3:
        assert admission.enter(address)[0] is Entry.SERVED


def test_those_that_are_being_refused_are_bounded_too() -> None:
    admission = Admission(Limits(connections=1))
    entries = [admission.enter("10.0.0.1") for _ in range(500)]
    assert [entry for entry, _ in entries].count(Entry.REFUSED) == 128
    assert entries[-1][0] is Entry.CUT
    for one in entries:
        admission.leave(*one)
    assert admission.enter("10.0.0.1")[0] is Entry.SERVED


@given(st.integers(1, 3), st.integers(0, 3), st.lists(st.integers(0, 30), max_size=30))
def test_places_are_given_to_those_who_wait_and_never_lost(
    requests: int, waiting: int, order: list[int]
) -> None:
    async def main() -> None:
        admission = Admission(Limits(requests=requests, waiting=waiting, wait_s=60))
        done = [asyncio.Event() for _ in range(10)]
        at_once = most = 0

        async def one(number: int) -> None:
            nonlocal at_once, most
            await admission.begin()
            at_once += 1
            most = max(most, at_once)
            try:
                await done[number].wait()
            finally:
                at_once -= 1
                admission.end()

        tasks = [asyncio.create_task(one(number)) for number in range(10)]
        for step in order:
            await asyncio.sleep(0)
            if step < 10:
                done[step].set()
            elif step < 20:
                tasks[step - 10].cancel()
        for event in done:
            event.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert most <= requests
        assert admission._requests == 0
        assert not admission._waiting
        for result in ended:
            assert result is None or isinstance(result, S3Error | asyncio.CancelledError)

    asyncio.run(main())


async def test_a_place_given_to_one_who_is_leaving_goes_to_the_next() -> None:
    admission = Admission(Limits(requests=1))
    await admission.begin()
    waiting = asyncio.create_task(admission.begin())
    await asyncio.sleep(0)
    admission.end()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(1):
        await admission.begin()


async def test_too_many_are_told_when_to_come_again() -> None:
    admission = Admission(Limits(requests=1, waiting=0))
    await admission.begin()
    with pytest.raises(S3Error) as refused:
        await admission.begin()
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})


@given(
    st.floats(0.1, 100),
    st.integers(0, 10_000),
    st.lists(st.tuples(st.floats(0, 50), st.integers(0, 10_000))),
)
def test_patience_ends_for_those_who_stall_or_are_slower_than_the_rate(
    stall_s: float, rate: int, steps: list[tuple[float, int]]
) -> None:
    pace = Pace(stall_s=stall_s, rate=rate)
    waited, received = 0.0, 0
    for seconds, count in steps:
        patience = pace.patience(received)
        assert 0 <= patience <= stall_s
        if rate:
            assert waited + patience <= stall_s + received / rate + 1e-6 or patience == 0
        elif waited <= received:
            assert patience == stall_s
        pace.waited(seconds)
        waited += seconds
        received += count
