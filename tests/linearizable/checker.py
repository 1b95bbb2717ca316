"""Is there an order in which the operations of one key, each done at one moment, explain all answers?

The search of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with Lowe's memory of
what was tried ("Testing for Linearizability", 2017). It goes through the operations in the order of
their calls. One that could be next and only looks is taken at once: whatever explanation there is,
it may as well come now. (Not so a delete of what is absent: it may be what hides another write.) The rest is tried one after the other; a configuration (which
are done, and the state) that has led nowhere is not entered again, nor one that can do less.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.linearizable.history import NEVER, Needs, Op, State

_SOME_VALUE = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """There is no such order. How far the best one came, and what could not be next."""

    explained: int
    state: State
    stuck: tuple[Op, ...]

    def __str__(self) -> str:
        lines = [f"{self.explained} operations explained; the key is then {self.state}; next:"]
        lines += [f"  {op.call}..{op.back} {op.told} {op.needs} {op.gives}" for op in self.stuck]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Configuration:
    """Done are all before ``low``, those of ``mask`` (from ``low`` on), and those of ``used``."""

    low: int
    mask: int
    used: int
    state: State

    def with_done(self, index: int, state: State) -> "_Configuration":
        low, mask = self.low, self.mask | 1 << index - self.low
        while mask & 1:
            low, mask = low + 1, mask >> 1
        return _Configuration(low, mask, self.used, state)

    def with_used(self, index: int, state: State) -> "_Configuration":
        return _Configuration(self.low, self.mask, self.used | 1 << index, state)

    @property
    def explained(self) -> int:
        return self.low + self.mask.bit_count()


def impossible(ops: Iterable[Op], *, start: State = None) -> Impossible | None:
    """None if the history of this key is linearizable; else why not."""
    return _Search(ops).run(start)


class _Search:
    def __init__(self, ops: Iterable[Op]) -> None:
        by_call = sorted(ops, key=lambda op: (op.call, op.back))
        self._certain = [op for op in by_call if op.back != NEVER]
        self._uncertain = [op for op in by_call if op.back == NEVER and op.gives is not None]
        self._mentioned = {state for op in by_call for state in op.needs.states} | {None}
        self._alike = self._alike_before()

    def run(self, start: State) -> Impossible | None:
        best = _Configuration(0, 0, 0, start)
        seen: dict[tuple[int, int, State], list[int]] = {}
        stack = [best]
        while stack:
            configuration = self._with_all_that_only_look(stack.pop())
            if configuration.low == len(self._certain):
                return None
            where = configuration.low, configuration.mask, configuration.state
            tried = seen.setdefault(where, [])
            # Whoever has used less of what may or may not have happened can do all that this one can.
            if any(not used & ~configuration.used for used in tried):
                continue
            tried.append(configuration.used)
            if configuration.explained > best.explained:
                best = configuration
            stack += self._next(configuration)
        stuck = [self._certain[index] for index in self._could_be_next(best)]
        return Impossible(explained=best.explained, state=best.state, stuck=tuple(stuck))

    def _after(self, op: Op, state: State) -> State:
        """The state, one and the same for all values that nobody speaks of."""
        after = op.after(state)
        return after if after in self._mentioned else _SOME_VALUE

    def _alike_before(self) -> list[int]:
        """Of each uncertain one, a mask of the earlier ones that need and give the same.

        They are used in the order of their calls: any other order can be told as that one.
        """
        earlier: dict[tuple[Needs, State], int] = {}
        masks = []
        for index, op in enumerate(self._uncertain):
            kind = op.needs, self._after(op, None)
            masks.append(earlier.get(kind, 0))
            earlier[kind] = masks[-1] | 1 << index
        return masks

    def _could_be_next(self, configuration: _Configuration) -> list[int]:
        """The certain ones that nothing left undone had returned before."""
        found: list[int] = []
        index, mask, horizon = configuration.low, configuration.mask, NEVER
        while index < len(self._certain) and self._certain[index].call <= horizon:
            if not mask & 1:
                found.append(index)
                horizon = min(horizon, self._certain[index].back)
            index, mask = index + 1, mask >> 1
        return found

    def _with_all_that_only_look(self, configuration: _Configuration) -> _Configuration:
        state, going = configuration.state, True
        while going:
            going = False
            for index in self._could_be_next(configuration):
                op = self._certain[index]
                if op.gives is None and op.needs.hold(state):
                    configuration, going = configuration.with_done(index, state), True
        return configuration

    def _next(self, configuration: _Configuration) -> list[_Configuration]:
        """What to try, the likeliest last: of those that returned, the one that returned first."""
        state = configuration.state
        nexts = self._could_be_next(configuration)
        horizon = min(self._certain[index].back for index in nexts)
        tries = [
            configuration.with_used(index, self._after(op, state))
            for index, op in enumerate(self._uncertain)
            if op.call <= horizon and self._usable(configuration, index) and op.needs.hold(state)
        ]
        latest_first = sorted(nexts, key=lambda index: -self._certain[index].back)
        tries += [
            configuration.with_done(index, self._after(self._certain[index], state))
            for index in latest_first
            if self._certain[index].needs.hold(state)
        ]
        return tries

    def _usable(self, configuration: _Configuration, index: int) -> bool:
        used = configuration.used
        return not used >> index & 1 and not self._alike[index] & ~used


def all_impossible(history: Iterable[tuple[str, Op]]) -> dict[str, Impossible]:
    """By key, what is wrong with a history of (key, operation) that began with no keys."""
    keys: dict[str, list[Op]] = {}
    for key, op in history:
        keys.setdefault(key, []).append(op)
    verdicts = {key: impossible(ops) for key, ops in keys.items()}
    return {key: verdict for key, verdict in verdicts.items() if verdict is not None}
