"""SeaweedFS: a bucket as one of its folders, both ways, by version 1 of the AWS SDK for Go."""

import random
import socket
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from conformance.background import answers, running
from conformance.building import go_build_of
from conformance.outcome import Case, Place, Suite
from conformance.scripted import environment
from tests.clients.bodies import MIB, content, digests, sha256
from tests.clients.boto import client
from tests.clients.programs import run

_MODULE = "github.com/seaweedfs/seaweedfs"
_VERSION = "v0.0.0-20261109003541-7506e5f91cd6"
_FOLDER = "/far"
_PORTS = tuple(
    f"{server}.port{kind}" for server in ("master", "volume", "filer") for kind in ("", ".grpc")
)
_SENT_S = 60.0
_FILES = {
    "big": content(21 * MIB),
    "d/one": b"one",
    "d/é 日本 +%2F": b"odd",
    **{f"many/{number:03}": content(500 + number, number) for number in range(50)},
}


def _ports() -> Iterator[int]:
    """Ports that nobody listens on, below those that Linux gives to connections: SeaweedFS binds its
    own one after another, and connects to itself meanwhile."""
    for port in random.sample(range(20_000, 30_000), 1000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                yield port


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seaweed:
    """A cluster of one process, with the case's bucket as its folder ``/far``."""

    place: Place
    ports: Mapping[str, int] = field(
        default_factory=lambda: dict(zip(_PORTS, _ports(), strict=False))
    )

    def address(self, server: str) -> str:
        """As its own commands want it: both ports."""
        return f"127.0.0.1:{self.ports[f'{server}.port']}.{self.ports[f'{server}.port.grpc']}"

    def weed(self, command: str) -> list[str | Path]:
        """The program's first words: it leaves its logs in the case's folder."""
        return [self.place.program, f"-logdir={self.place.folder}", command]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['filer.port']}"

    @property
    def command(self) -> list[str | Path]:
        data = self.place.folder / "seaweed"
        data.mkdir()
        return [
            *self.weed("server"),
            *(f"-dir={data}", "-ip=127.0.0.1", "-filer"),
            *("-volume.max=20", "-volume.preStopSeconds=0"),
            *("-master.telemetry=false", "-filer.allowUntrustedRemoteEndpoints"),
            f"-filer.localSocket={data / 'socket'}",
            *(f"-{name}={port}" for name, port in self.ports.items()),
        ]

    def shell(self, *commands: str) -> None:
        """Commands of ``weed shell``."""
        run(
            [
                *self.weed("shell"),
                f"-master={self.address('master')}",
                f"-filer={self.address('filer')}",
            ],
            environment=environment(self.place),
            folder=self.place.folder,
            stdin="\n".join(["lock", *commands, "unlock", "exit", ""]).encode(),
        ).succeeded()

    def mount(self) -> None:
        end = self.place.endpoint
        keys = f"-s3.access_key={end.access_key} -s3.secret_key={end.secret_key}"
        where = f"-s3.endpoint={end.url} -s3.region={end.region} -s3.force_path_style=true"
        self.shell(
            f"remote.configure -name=s3front -type=s3 {keys} {where}",
            f"remote.mount -dir={_FOLDER} -remote=s3front/{self.place.bucket}",
        )

    def ask(self, method: str, name: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(
            f"{self.url}{_FOLDER}/{urllib.parse.quote(name)}",
            method=method,
            data=body,
            headers={"Content-Type": "application/x-of-conformance"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            said: bytes = answer.read()
            return said

    def read(self, names: Mapping[str, bytes]) -> dict[str, str]:
        """Name ▶ SHA-256 of files of the folder."""
        return {name: sha256(self.ask("GET", name)) for name in sorted(names)}

    @contextmanager
    def sending(self) -> Iterator[None]:
        """What changes in the folder goes to the bucket meanwhile."""
        beside = self.place.folder / "sending"
        beside.mkdir()
        command: list[str | Path] = [
            *self.weed("filer.remote.sync"),
            *(f"-filer={self.address('filer')}", f"-dir={_FOLDER}"),
        ]
        with running(command, environment=environment(self.place), folder=beside):
            yield

    def stored(self) -> dict[str, str]:
        """Key ▶ SHA-256 of the bucket's objects."""
        bucket = self.place.bucket
        with client(self.place.endpoint) as s3:
            listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
            return {
                each["Key"]: sha256(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read())
                for each in listed
            }

    def sent(self, files: Mapping[str, bytes]) -> None:
        """Wait until the bucket has these files and no other; AssertionError with what came last."""
        deadline = time.monotonic() + _SENT_S
        while (found := self.stored()) != digests(files):
            assert time.monotonic() < deadline, found

    def put(self, files: Mapping[str, bytes]) -> None:
        """Objects that somebody else has put into the bucket."""
        with client(self.place.endpoint) as s3:
            for name, data in files.items():
                s3.put_object(Bucket=self.place.bucket, Key=name, Body=data)


@contextmanager
def _serving(place: Place) -> Iterator[_Seaweed]:
    seaweed = _Seaweed(place=place)
    with running(seaweed.command, environment=environment(place), folder=place.folder) as log:
        answers(f"{seaweed.url}/", log)
        yield seaweed


def _reads(seaweed: _Seaweed) -> None:
    seaweed.put(_FILES)
    seaweed.mount()
    assert seaweed.read(_FILES) == digests(_FILES)


def _sends(seaweed: _Seaweed) -> None:
    seaweed.mount()
    with seaweed.sending():
        for name, data in _FILES.items():
            seaweed.ask("PUT", name, data)
        seaweed.sent(_FILES)
        changed = {**_FILES, "big": content(9 * MIB, 2), "d/one": b"another"}
        for name in ("big", "d/one"):
            seaweed.ask("PUT", name, changed[name])
        seaweed.ask("DELETE", "many/007")
        del changed["many/007"]
        seaweed.sent(changed)
    with client(seaweed.place.endpoint) as s3:
        head = s3.head_object(Bucket=seaweed.place.bucket, Key="d/one")
    assert head["ContentType"] == "application/x-of-conformance"
    seaweed.shell(f"remote.uncache -dir={_FOLDER}")
    assert seaweed.read(changed) == digests(changed)


def _learns_what_others_did(seaweed: _Seaweed) -> None:
    seaweed.put({"kept": b"kept", "changed": b"before"})
    seaweed.mount()
    assert seaweed.ask("GET", "changed") == b"before"
    seaweed.put({"changed": b"after all", "new": content(6 * MIB)})
    seaweed.shell(f"remote.meta.sync -dir={_FOLDER}", f"remote.uncache -dir={_FOLDER}")
    now = {"kept": b"kept", "changed": b"after all", "new": content(6 * MIB)}
    assert seaweed.read(now) == digests(now)


_CASES: dict[str, Callable[[_Seaweed], None]] = {
    "a bucket is read as a folder": _reads,
    "what is written goes to the bucket": _sends,
    "what others put there is learnt": _learns_what_others_did,
}


def _case(do: Callable[[_Seaweed], None]) -> Callable[[Place], None]:
    def run_case(place: Place) -> None:
        with _serving(place) as seaweed:
            do(seaweed)

    return run_case


SUITE = Suite(
    name="seaweedfs",
    version=f"{_MODULE} {_VERSION}",
    build=lambda folder: go_build_of(_MODULE, _VERSION, "weed", folder),
    cases=[Case(name=name, run=_case(do)) for name, do in _CASES.items()],
)
