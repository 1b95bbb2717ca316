"""duplicity, Debian's, with its boto3 backend: encrypted volumes, full and incremental."""

from collections.abc import Callable

from conformance.building import debian, debian_version
from conformance.outcome import Case, Place, Suite
from conformance.scripted import environment
from tests.clients.bodies import MIB, content, digests, harvest, plant
from tests.clients.boto import client
from tests.clients.programs import Run, run

_FILES = {"big": content(5 * MIB), "d/small": b"small", "empty": b""}


class _Duplicity:
    """The program, files to back up, and a place in the case's bucket."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.target = f"boto3+s3://{place.bucket}/some/where"
        plant(place.folder / "files", _FILES)

    def run(self, *words: str) -> Run:
        return run(
            [self.place.program, "--s3-endpoint-url", self.place.endpoint.url, *words],
            environment={**environment(self.place), "PASSPHRASE": "of the volumes"},
            folder=self.place.folder,
            timeout_s=120,
        )

    def __call__(self, *words: str) -> Run:
        return self.run(*words).succeeded()

    def stored(self) -> list[str]:
        """The keys of the bucket."""
        with client(self.place.endpoint) as s3:
            listed = s3.list_objects_v2(Bucket=self.place.bucket)
        return [each["Key"] for each in listed.get("Contents", [])]


def _backs_up(duplicity: _Duplicity) -> None:
    duplicity("full", "--volsize", "1", "files", duplicity.target)
    assert sum(".difftar.gpg" in key for key in duplicity.stored()) >= 5
    plant(duplicity.place.folder, {"files/new": b"new"})
    duplicity("incr", "files", duplicity.target)
    duplicity("verify", duplicity.target, "files")
    duplicity("restore", duplicity.target, "restored")
    assert harvest(duplicity.place.folder / "restored") == digests({**_FILES, "new": b"new"})


def _restores_without_its_cache(duplicity: _Duplicity) -> None:
    duplicity("full", "files", duplicity.target)
    duplicity("restore", "--archive-dir", "elsewhere", duplicity.target, "restored")
    assert harvest(duplicity.place.folder / "restored") == digests(_FILES)


def _removes_old_backups(duplicity: _Duplicity) -> None:
    duplicity("full", "files", duplicity.target)
    first = set(duplicity.stored())
    plant(duplicity.place.folder, {"files/new": b"new"})
    duplicity("full", "files", duplicity.target)
    duplicity("remove-all-but-n-full", "1", "--force", duplicity.target)
    left = set(duplicity.stored())
    assert left, "nothing is left"
    assert not left & first, left & first


def _finds_what_is_missing(duplicity: _Duplicity) -> None:
    duplicity("full", "files", duplicity.target)
    volume = next(key for key in duplicity.stored() if ".difftar.gpg" in key)
    with client(duplicity.place.endpoint) as s3:
        s3.delete_object(Bucket=duplicity.place.bucket, Key=volume)
    assert duplicity.run("restore", duplicity.target, "restored").status != 0


_CASES: dict[str, Callable[[_Duplicity], None]] = {
    "full, incr, verify, restore": _backs_up,
    "restore without a cache": _restores_without_its_cache,
    "remove-all-but-n-full": _removes_old_backups,
    "a missing volume is told": _finds_what_is_missing,
}


def _case(name: str, do: Callable[[_Duplicity], None]) -> Case:
    return Case(name=name, run=lambda place: do(_Duplicity(place)))


SUITE = Suite(
    name="duplicity",
    version=debian_version("duplicity"),
    build=lambda _: debian("/usr/bin/duplicity", "duplicity", "python3-boto3"),
    cases=[_case(name, do) for name, do in _CASES.items()],
)
