"""The generators of a run, seen from the process that gives orders."""

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection

from bench.generator import FILL_S, GRACE_S, Order, Result, Target, serve_orders

_START_S = 30.0
_LONGEST_S = 900.0


class GeneratorError(Exception):
    """A generator has ended or does not answer: a defect of ours."""


class Generators:
    """One or more processes; each order is answered by one result each."""

    def __init__(self, pipes: Sequence[Connection]) -> None:
        self._pipes = pipes

    def __len__(self) -> int:
        return len(self._pipes)

    def first(self, order: Order) -> Result:
        """Let one process follow ``order``. Raises GeneratorError."""
        return self.each([order])[0]

    def each(self, orders: Sequence[Order]) -> list[Result]:
        """Let the processes follow an order each, at once. Raises GeneratorError."""
        pipes = self._pipes[: len(orders)]
        try:
            for pipe, order in zip(pipes, orders, strict=True):
                pipe.send(order)
            return [_received(pipe) for pipe in pipes]
        except (EOFError, OSError):
            raise GeneratorError("A generator has ended; see above.") from None


def _received(pipe: Connection) -> Result:
    if not pipe.poll(_LONGEST_S + FILL_S + GRACE_S + _START_S):
        raise GeneratorError("A generator does not answer.")
    result = pipe.recv()
    if not isinstance(result, Result):
        raise GeneratorError(f"A generator answered with {type(result).__name__}.")
    return result


@contextmanager
def generators(number: int, target: Target) -> Iterator[Generators]:
    """Start ``number`` processes for ``target``; end them after."""
    context = multiprocessing.get_context("spawn")
    processes = []
    pipes = []
    try:
        for _ in range(number):
            ours, theirs = context.Pipe()
            process = context.Process(target=serve_orders, args=(theirs, target), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            pipes.append(ours)
        yield Generators(pipes)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
