"""The checker itself: against every order there is, and against stale reads planted in histories."""

import itertools
import random
from collections.abc import Sequence

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.linearizable.checker import all_impossible, impossible
from tests.linearizable.history import NEVER, Gives, Op, State, none_of, one_of

STATES: tuple[State, ...] = (None, "a", "b", "c")
_STEP = 100


def explained_by_some_order(ops: Sequence[Op]) -> bool:
    """The definition, word by word: some order of the certain and some of the uncertain ones."""
    certain = [op for op in ops if op.back != NEVER]
    uncertain = [op for op in ops if op.back == NEVER]
    for count in range(len(uncertain) + 1):
        for some in itertools.combinations(uncertain, count):
            for order in itertools.permutations([*certain, *some]):
                if _in_time(order) and _makes_sense(order):
                    return True
    return False


def _in_time(order: Sequence[Op]) -> bool:
    return all(not later.back < earlier.call for earlier, later in itertools.combinations(order, 2))


def _makes_sense(order: Sequence[Op]) -> bool:
    state: State = None
    for op in order:
        if not op.needs.hold(state):
            return False
        state = op.after(state)
    return True


states = st.sampled_from(STATES)
needs = st.one_of(
    st.lists(states, min_size=1, max_size=2).map(lambda some: one_of(*some)),
    st.lists(states, max_size=2).map(lambda some: none_of(*some)),
)


@st.composite
def any_op(draw: st.DrawFn) -> Op:
    call = draw(st.integers(0, 12))
    back = draw(st.one_of(st.just(NEVER), st.integers(call, call + 6), st.integers(call, call + 2)))
    gives = draw(st.one_of(st.none(), states.map(Gives)))
    return Op(call=call, back=back, needs=draw(needs), gives=gives)


@settings(max_examples=400)
@given(st.lists(any_op(), max_size=5))
def test_it_says_what_trying_every_order_says(ops: list[Op]) -> None:
    assert (impossible(ops) is None) == explained_by_some_order(ops)


def sequential(kinds: Sequence[str], chance: random.Random, *, lost: float = 0.1) -> list[Op]:
    """What one client after the other saw; each write has a value of its own.

    ``lost``: the share of changes whose answer never came.
    """
    state: State = None
    ops: list[Op] = []
    for number, kind in enumerate(kinds):
        value = f"v{number}"
        if kind == "read":
            needs, gives = one_of(state), None
        elif kind == "write":
            needs, gives = none_of(), Gives(value)
        elif kind == "create" and state is None:
            needs, gives = one_of(None), Gives(value)
        elif kind == "create":
            needs, gives = none_of(None), None
        elif kind == "swap":
            needs, gives = one_of(state), Gives(value)
        elif kind == "refused swap":
            needs, gives = none_of("never", "none"), None
        else:
            needs, gives = none_of(), Gives(None)
        ops.append(Op(call=number * _STEP, back=number * _STEP, needs=needs, gives=gives))
        state = ops[-1].after(state)
    return [_overlapping(op, chance, lost) for op in ops]


def _overlapping(op: Op, chance: random.Random, lost: float) -> Op:
    """The same, called earlier and answered later; some that changed something, never answered."""
    never = op.gives is not None and chance.random() < lost
    return Op(
        call=op.call - chance.randrange(3 * _STEP),
        back=NEVER if never else op.back + chance.randrange(3 * _STEP),
        needs=op.needs,
        gives=op.gives,
    )


kinds = st.lists(
    st.sampled_from(["read", "read", "write", "create", "swap", "refused swap", "delete"]),
    max_size=40,
)


@given(kinds, st.randoms(use_true_random=False))
def test_what_overlapping_clients_of_one_register_see_is_accepted(
    kinds: list[str], chance: random.Random
) -> None:
    assert impossible(sequential(kinds, chance)) is None


@given(kinds, kinds, st.randoms(use_true_random=False), st.sampled_from([0.0, 0.0, 0.1]))
def test_a_stale_read_in_it_is_refused(
    before: list[str], after: list[str], chance: random.Random, lost: float
) -> None:
    # Far enough from each other for the first to be over when the second begins.
    replaced_write = ["write", *["read"] * 6, "write"]
    ops = sequential([*before, *replaced_write, *after], chance, lost=lost)
    stale = [
        (old.gives.state, new.back)
        for old, new in itertools.combinations(ops, 2)
        if old.gives is not None
        and old.gives.state is not None
        and new.gives is not None
        and old.back < new.call
        and new.back != NEVER
    ]
    assume(stale)
    value, replaced = chance.choice(stale)
    at = replaced + 1 + chance.randrange(5 * _STEP)
    ops.insert(chance.randrange(len(ops) + 1), Op(call=at, back=at + 1, needs=one_of(value)))
    refused = impossible(ops)
    assert refused is not None
    assert "operations explained" in str(refused)


def test_two_creations_that_both_won_are_refused() -> None:
    both = [
        Op(call=0, back=9, needs=one_of(None), gives=Gives("a")),
        Op(call=1, back=8, needs=one_of(None), gives=Gives("b")),
    ]
    assert impossible(both) is not None
    assert impossible([*both, Op(call=2, back=NEVER, gives=Gives(None))]) is None


def test_thousands_of_operations_are_checked_in_no_time() -> None:
    chance = random.Random(4)
    kinds = chance.choices(["read", "write", "create", "swap", "delete"], [5, 3, 2, 2, 2], k=5_000)
    ops = sequential(kinds, chance)
    # Without its memory it would not end at all.
    assert impossible(ops) is None


def test_keys_are_judged_apart() -> None:
    history = [
        ("good", Op(call=0, back=1, gives=Gives("a"))),
        ("bad", Op(call=0, back=1, needs=one_of("a"))),
        ("good", Op(call=2, back=3, needs=one_of("a"))),
    ]
    assert list(all_impossible(history)) == ["bad"]
