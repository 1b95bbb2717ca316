"""Suites whose cases are those of a small program of ours: ``PROGRAM CASE BUCKET``.

The program ends with status 0 if the server did it, and says why if not.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from conformance.outcome import Case, Place
from tests.clients.endpoint import ROOT
from tests.clients.programs import run

Command = Callable[[Path], Sequence[str | Path]]
"""Given what the suite's build made: the program and its first arguments."""


def environment(place: Place) -> dict[str, str]:
    """The keys, the region and the endpoint in the names of Amazon's SDKs, and those of our programs:
    ``S3_ENDPOINT``, ``S3_DOMAIN``. HOME is an empty folder. Python finds our modules."""
    home = place.folder / "home"
    home.mkdir(exist_ok=True)
    return {
        **place.endpoint.environment(home),
        "PYTHONPATH": str(ROOT),
        "S3_ENDPOINT": place.endpoint.url,
        "MLFLOW_S3_ENDPOINT_URL": place.endpoint.url,
        "S3_DOMAIN": place.endpoint.domain or "",
    }


def scripted(command: Command, cases: Mapping[str, str], *, timeout_s: float = 90) -> list[Case]:
    """A case for each of ``cases``: the program's word for it ▶ its name in the report."""
    return [Case(name=name, run=_running(command, word, timeout_s)) for word, name in cases.items()]


def module(name: str) -> Command:
    """A module of ``conformance.suites.python``, run by the Python that the build made."""
    return lambda python: [python, "-m", f"conformance.suites.python.{name}"]


def _running(command: Command, word: str, timeout_s: float) -> Callable[[Place], None]:
    def run_case(place: Place) -> None:
        words = [*command(place.program), word, place.bucket]
        run(
            words, environment=environment(place), folder=place.folder, timeout_s=timeout_s
        ).succeeded()

    return run_case
