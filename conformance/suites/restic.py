"""restic, Debian's: backups, each file encrypted, in many small objects."""

from collections.abc import Callable

from conformance.building import debian, debian_version
from conformance.outcome import Case, Place, Suite
from conformance.scripted import environment
from tests.clients.bodies import MIB, content, digests, harvest, plant, sha256
from tests.clients.boto import client
from tests.clients.programs import Run, run

_FILES = {
    "big": content(24 * MIB),
    "empty": b"",
    **{f"d{number % 3}/f{number}": content(9_000 + number, number) for number in range(30)},
}


class _Restic:
    """The program with a repository in the case's bucket, and files to back up."""

    def __init__(self, place: Place) -> None:
        self.place = place
        plant(place.folder / "files", _FILES)
        self("init")

    def __call__(self, *words: str) -> Run:
        return self.run(*words).succeeded()

    def run(self, *words: str) -> Run:
        repository = f"s3:{self.place.endpoint.url}/{self.place.bucket}/some/where"
        settings = {"RESTIC_REPOSITORY": repository, "RESTIC_PASSWORD": "of the repository"}
        return run(
            [self.place.program, *words],
            environment={**environment(self.place), **settings},
            folder=self.place.folder,
            timeout_s=120,
        )

    def restored(self, snapshot: str) -> dict[str, str]:
        """Name ▶ SHA-256 of the files of a snapshot."""
        target = self.place.folder / f"restored-{snapshot}"
        self("restore", snapshot, "--target", str(target))
        return harvest(target / "files")

    def snapshots(self) -> list[str]:
        found = self("snapshots", "--json").json()
        return [each["short_id"] for each in found or []]


def _backs_up(restic: _Restic) -> None:
    restic("backup", "files")
    plant(restic.place.folder, {"files/new": b"new"})
    restic("backup", "files")
    first, second = restic.snapshots()
    assert restic.restored(first) == digests(_FILES)
    assert restic.restored(second) == digests({**_FILES, "new": b"new"})


def _forgets(restic: _Restic) -> None:
    restic("backup", "files")
    (restic.place.folder / "files/big").unlink()
    restic("backup", "files")
    before = _bytes(restic.place)
    restic("forget", "--keep-last", "1", "--prune")
    assert _bytes(restic.place) < before - 20 * MIB
    (left,) = restic.snapshots()
    restic("check", "--read-data")
    kept = {name: data for name, data in _FILES.items() if name != "big"}
    assert restic.restored(left) == digests(kept)


def _finds_damage(restic: _Restic) -> None:
    restic("backup", "files")
    restic("check", "--read-data")
    with client(restic.place.endpoint) as s3:
        packs = s3.list_objects_v2(Bucket=restic.place.bucket, Prefix="some/where/data/")
        key = max(packs["Contents"], key=lambda each: each["Size"])["Key"]
        body = s3.get_object(Bucket=restic.place.bucket, Key=key)["Body"].read()
        s3.put_object(Bucket=restic.place.bucket, Key=key, Body=body[:-1] + bytes([body[-1] ^ 1]))
    restic.run("check", "--read-data").refused()


def _locks(restic: _Restic) -> None:
    restic("backup", "files")
    assert restic("list", "locks").text == ""
    restic("unlock")


def _dumps(restic: _Restic) -> None:
    restic("backup", "files")
    assert sha256(restic("dump", "latest", "/files/big").output) == sha256(_FILES["big"])
    assert "/files/d1/f1" in restic("ls", "latest").text.split()


def _bytes(place: Place) -> int:
    """What the bucket holds."""
    with client(place.endpoint) as s3:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket)
        return sum(each["Size"] for page in pages for each in page.get("Contents", []))


_CASES: dict[str, Callable[[_Restic], None]] = {
    "backup, again with what changed, restore": _backs_up,
    "forget --prune, check --read-data": _forgets,
    "check finds a changed object": _finds_damage,
    "locks are gone": _locks,
    "dump, ls": _dumps,
}


def _case(name: str, do: Callable[[_Restic], None]) -> Case:
    return Case(name=name, run=lambda place: do(_Restic(place)))


SUITE = Suite(
    name="restic",
    version=debian_version("restic"),
    build=lambda _: debian("/usr/bin/restic", "restic"),
    cases=[_case(name, do) for name, do in _CASES.items()],
)
