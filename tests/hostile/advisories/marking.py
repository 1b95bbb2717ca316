"""How a test says which advisories it stands for."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., Any])


def covers(*ids: str) -> Callable[[Test], Test]:
    """The test runs once for each advisory, under its id."""

    def mark(test: Test) -> Test:
        named = pytest.mark.parametrize("advisory", ids, indirect=True)(test)
        marked: Test = pytest.mark.usefixtures("advisory")(named)
        return marked

    return mark
