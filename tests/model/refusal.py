"""How the model refuses."""

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from tests.model.told import Told

P = ParamSpec("P")
Self = TypeVar("Self")


class Refusal(Exception):
    """An error of S3: status, code (None if it is sent without a document), headers."""

    def __init__(self, status: int, code: str | None, facts: dict[str, Any] | None = None) -> None:
        super().__init__(status, code)
        self.told = Told(status, code, facts or {})


def operation(
    method: Callable[Concatenate[Self, P], Told],
) -> Callable[Concatenate[Self, P], Told]:
    """What it refuses is its answer."""

    @functools.wraps(method)
    def answered(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> Told:
        try:
            return method(self, *args, **kwargs)
        except Refusal as refusal:
            return refusal.told

    return answered
