"""Which request a fault happens to, and what cannot be armed."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.testing.faults import Aim, Cut, Delay, Fail, Faults, WrongChecksum

GET = Aim(operation="GetObject", bucket="photos", key="a/b.jpg")


@settings(deadline=None)
@given(nth=st.integers(1, 12), times=st.none() | st.integers(1, 12), asked=st.integers(0, 30))
def test_it_happens_from_the_nth_on_so_many_times(nth: int, times: int | None, asked: int) -> None:
    faults = Faults()
    fault = faults.fail("GetObject", nth=nth, times=times)
    happened = [bool(faults.due(GET)) for _ in range(asked)]
    last = asked if times is None else nth - 1 + times
    assert happened == [nth - 1 <= index < last for index in range(asked)]
    assert fault.seen == asked
    assert fault.fired == sum(happened)


@pytest.mark.parametrize(
    ("operation", "which", "aim", "matches"),
    [
        ("GetObject", {}, GET, True),
        ("*", {}, GET, True),
        ("*", {}, Aim(), True),
        ("PutObject", {}, GET, False),
        ("GetObject", {}, Aim(bucket="photos"), False),
        ("GetObject", {"bucket": "photos"}, GET, True),
        ("GetObject", {"bucket": "phot"}, GET, False),
        ("GetObject", {"key": "*.jpg"}, GET, True),
        ("GetObject", {"key": "b.jpg"}, GET, False),
        ("GetObject", {"key": "A/*"}, GET, False),
        ("ListBuckets", {"bucket": "*"}, Aim(operation="ListBuckets"), True),
        ("ListBuckets", {"bucket": "p*"}, Aim(operation="ListBuckets"), False),
        ("GetBucketLifecycle", {}, Aim(operation="GetBucketLifecycleConfiguration"), True),
    ],
)
def test_a_request_matches(operation: str, which: dict[str, Any], aim: Aim, matches: bool) -> None:
    faults = Faults()
    faults.fail(operation, **which)
    assert bool(faults.due(aim)) is matches


def test_those_that_are_due_come_in_the_order_in_which_they_were_armed() -> None:
    faults = Faults()
    faults.delay("*", 2)
    faults.fail("GetObject", code="SlowDown", nth=2)
    faults.cut("GetObject", after_bytes=7)
    faults.wrong_checksum()
    assert faults.due(GET) == [Delay(seconds=2), Cut(after_bytes=7), WrongChecksum()]
    assert faults.due(GET) == [Fail(code="SlowDown", message=None)]


def test_what_is_cleared_happens_no_more() -> None:
    faults = Faults()
    with faults.fail("GetObject", times=None) as fault:
        kept = faults.cut("GetObject", times=None)
        assert len(faults.due(GET)) == 2
        assert faults.armed == (fault, kept)
    assert faults.due(GET) == [kept.effect]
    assert fault.fired == 1
    fault.clear()
    faults.clear()
    assert faults.due(GET) == []


@pytest.mark.parametrize(
    ("method", "arguments", "says"),
    [
        ("fail", {"operation": "GetObjet"}, "Did you mean 'GetObject'?"),
        ("fail", {"operation": "getobject"}, "Did you mean 'GetObject'?"),
        ("fail", {"operation": "xyzzy"}, "no operation 'xyzzy'."),
        ("fail", {"operation": "GetObject", "code": "Slowdown"}, "Did you mean 'SlowDown'?"),
        ("fail", {"operation": "GetObject", "nth": 0}, "nth"),
        ("fail", {"operation": "GetObject", "nth": True}, "nth"),
        ("fail", {"operation": "GetObject", "times": 0}, "times"),
        ("fail", {"operation": "GetObject", "times": 1.5}, "times"),
        ("fail", {"operation": "GetObject", "key": 7}, "patterns"),
        ("delay", {"operation": "GetObject", "seconds": 0}, "delay"),
        ("delay", {"operation": "GetObject", "seconds": float("nan")}, "delay"),
        ("delay", {"operation": "GetObject", "seconds": "1"}, "delay"),
        ("cut", {"operation": "GetObject", "after_bytes": -1}, "after_bytes"),
        ("wrong_checksum", {"operation": "ListObjectsV2"}, "only"),
        ("wrong_checksum", {"operation": "GetObjects"}, "Did you mean"),
    ],
)
def test_what_makes_no_sense_is_refused(method: str, arguments: dict[str, Any], says: str) -> None:
    faults = Faults()
    with pytest.raises(ValueError, match=re.escape(says)):
        getattr(faults, method)(**arguments)
    assert faults.armed == ()


def test_there_is_a_most() -> None:
    faults = Faults()
    for _ in range(1_000):
        faults.fail("*")
    with pytest.raises(ValueError, match="Clear them"):
        faults.fail("*")
