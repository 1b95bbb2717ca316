"""What clients saw of one key: operations with the times between which they happened.

The state of a key is its ETag, or None while it is absent. Bodies are made so that no two writes of
a run give the same ETag, but for copies.
"""

from dataclasses import dataclass, field

State = str | None

NEVER = 2**63
"""``back`` of an operation whose outcome nobody learnt: it happened at any time later, or never."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What an observed outcome says of the state before: one of ``states``, or (``but``) none."""

    states: frozenset[State]
    but: bool = False

    def hold(self, state: State) -> bool:
        """Whether the state may have been this one."""
        return (state in self.states) != self.but


def one_of(*states: State) -> Needs:
    """The state was one of these."""
    return Needs(frozenset(states))


def none_of(*states: State) -> Needs:
    """The state was none of these; without any, it does not matter."""
    return Needs(frozenset(states), but=True)


ANYTHING = none_of()


@dataclass(frozen=True, slots=True)
class Gives:
    """The state after a change."""

    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One operation on one key, as its client saw it.

    Between ``call`` and ``back`` there was a moment at which ``needs`` held, and ``gives`` (None:
    nothing changed) became true. If ``back`` is NEVER, that moment may also never come.
    """

    call: int
    back: int
    needs: Needs = ANYTHING
    gives: Gives | None = None
    told: str = field(default="", compare=False)
    """For people: who did what."""

    def after(self, state: State) -> State:
        """The state after it happened in ``state``."""
        return state if self.gives is None else self.gives.state
