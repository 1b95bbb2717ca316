"""DVC, from PyPI: data of Git repositories, kept in S3 by the MD5 of each file."""

from collections.abc import Callable
from pathlib import Path

from conformance.building import python_packages
from conformance.outcome import Case, Place, Suite
from conformance.scripted import environment
from tests.clients.bodies import MIB, content, digests, harvest, plant
from tests.clients.boto import client
from tests.clients.programs import Run, run

_PINS = Path(__file__).resolve().parent / "python/dvc.txt"
_FILES = {
    "large": content(60 * MIB),
    **{f"d/{number}": content(900, number) for number in range(20)},
}


class _Dvc:
    """A repository whose remote is in the case's bucket."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.repository = place.folder / "repository"
        self.repository.mkdir()
        self.run("git", "init", "--quiet")
        self("init", "--quiet")
        self("config", "core.analytics", "false")
        self("remote", "add", "--default", "store", f"s3://{place.bucket}/store")
        self("remote", "modify", "store", "endpointurl", place.endpoint.url)
        plant(self.repository / "data", _FILES)
        self("add", "--quiet", "data")

    def __call__(self, *words: str) -> Run:
        return self.run(self.place.program, "-m", "dvc", *words)

    def run(self, *words: str | Path) -> Run:
        return run(
            words, environment=environment(self.place), folder=self.repository, timeout_s=120
        ).succeeded()

    def stored(self) -> int:
        """How many objects the remote holds."""
        with client(self.place.endpoint) as s3:
            listed = s3.list_objects_v2(Bucket=self.place.bucket, Prefix="store/files/md5/")
        return listed["KeyCount"]


def _pushes(dvc: _Dvc) -> None:
    dvc("push")
    assert dvc.stored() == len(_FILES) + 1
    dvc("status", "--cloud", "--quiet")
    dvc.run("rm", "-r", ".dvc/cache", "data")
    dvc("pull")
    assert harvest(dvc.repository / "data") == digests(_FILES)


def _collects(dvc: _Dvc) -> None:
    dvc("push")
    (dvc.repository / "data/d/3").unlink()
    dvc("add", "--quiet", "data")
    dvc("push")
    dvc("gc", "--cloud", "--workspace", "--force")
    assert dvc.stored() == len(_FILES)
    dvc("fetch")


_CASES: dict[str, Callable[[_Dvc], None]] = {
    "push, status, pull": _pushes,
    "gc --cloud": _collects,
}


def _case(name: str, do: Callable[[_Dvc], None]) -> Case:
    return Case(name=name, run=lambda place: do(_Dvc(place)))


SUITE = Suite(
    name="dvc",
    version="pins in suites/python/dvc.txt",
    build=lambda folder: python_packages(_PINS, folder),
    cases=[_case(name, do) for name, do in _CASES.items()],
)
