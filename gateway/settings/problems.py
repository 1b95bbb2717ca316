"""What is wrong with the settings, told so that it can be put right."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong: the key as the user wrote it, what is wrong with it, and the fix.

    Never holds the value of a secret.
    """

    key: str
    wrong: str
    fix: str

    def __str__(self) -> str:
        return f"{self.key}: {self.wrong} {self.fix}"


class SettingsError(Exception):
    """The settings cannot be used; ``problems`` tells all that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
