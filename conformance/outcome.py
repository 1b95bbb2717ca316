"""What a case is, and what came of it."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.clients.endpoint import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a case is given: the endpoint, the built client, an empty folder, its own bucket."""

    endpoint: Endpoint
    program: Path
    folder: Path
    bucket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``run`` raises AssertionError, its words for the report, if the server does not do it."""

    name: str
    run: Callable[[Place], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A client: its name, the exact version, how it is built, what it is asked to do."""

    name: str
    version: str
    build: Callable[[Path], Path]
    """Given a folder for build output; the program. BuildError."""
    cases: Sequence[Case]


class BuildError(Exception):
    """A client could not be built; says what is missing."""


class Verdict(StrEnum):
    """What a case says about the server."""

    PASSED = "passed"
    FAILED = "failed"
    DEVIATES = "deviates"
    """Fails, and deviations.toml gives the reason."""
    SURPRISES = "surprises"
    """Passes, though deviations.toml says it cannot: the entry must go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One case of one suite."""

    suite: str
    case: str
    verdict: Verdict
    seconds: float
    words: str = ""
    """Why it failed, or the reason it may."""

    @property
    def name(self) -> str:
        """As deviations.toml spells it."""
        return f"{self.suite}: {self.case}"

    @property
    def is_good(self) -> bool:
        """Whether the run may still succeed."""
        return self.verdict in (Verdict.PASSED, Verdict.DEVIATES)


def deviations(path: Path, known: frozenset[str]) -> Mapping[str, str]:
    """Case ▶ why it may fail. ValueError for an entry that names no case or gives no reason."""
    entries = tomllib.loads(path.read_text())
    for name, reason in entries.items():
        if name not in known:
            raise ValueError(f"{path.name}: {name!r} is no case of any suite")
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"{path.name}: {name!r} has no reason")
    return entries


def judged(
    suite: str, case: str, *, seconds: float, failure: str | None, reason: str | None
) -> Outcome:
    """The outcome of a case that failed with ``failure`` or passed (None), when ``reason`` (from
    deviations.toml) says that it may fail."""
    if failure is None:
        verdict = Verdict.PASSED if reason is None else Verdict.SURPRISES
    else:
        verdict = Verdict.FAILED if reason is None else Verdict.DEVIATES
    words = reason or "" if verdict is not Verdict.FAILED else failure or ""
    return Outcome(suite=suite, case=case, verdict=verdict, seconds=seconds, words=words)
