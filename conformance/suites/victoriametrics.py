"""VictoriaMetrics: backups of a running database, the second of which sends only what is new."""

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.background import answers, free_port, running
from conformance.building import go_install
from conformance.outcome import Case, Place, Suite
from conformance.scripted import environment
from tests.clients.boto import client
from tests.clients.programs import run

_MODULE = "github.com/VictoriaMetrics/VictoriaMetrics"
_VERSION = "v1.151.0"
_PROGRAMS = ("victoria-metrics", "vmbackup", "vmrestore")
_NOON_MS = 1_760_000_000_000
_MINUTE_MS = 60_000
_Samples = dict[str, dict[int, float]]
"""Series ▶ time in milliseconds ▶ value."""


def _build(folder: Path) -> Path:
    for name in _PROGRAMS:
        go_install(f"{_MODULE}/app/{name}", _VERSION, folder)
    return folder


def _program(place: Place, name: str) -> Path:
    return place.program / f"{name}-{_VERSION}" / name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Database:
    """A running database, whose backups go to the case's bucket."""

    place: Place
    url: str
    data: Path

    def ask(self, path: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(f"{self.url}{path}", body, timeout=60) as answer:
            said: bytes = answer.read()
            return said

    def write(self, samples: _Samples) -> None:
        """Add samples; they are found, and in a backup, from now on."""
        lines = [
            {"metric": {"__name__": name}, "timestamps": [*values], "values": [*values.values()]}
            for name, values in samples.items()
        ]
        self.ask("/api/v1/import", "\n".join(map(json.dumps, lines)).encode())
        self.ask("/internal/force_flush")

    def samples(self) -> _Samples:
        """All that it knows."""
        lines = self.ask("/api/v1/export?match[]={__name__!=''}").splitlines()
        found: _Samples = {}
        for line in map(json.loads, lines):
            series = found.setdefault(line["metric"]["__name__"], {})
            series.update(zip(line["timestamps"], line["values"], strict=True))
        return found

    def back_up(self, name: str, *more: str) -> dict[str, int]:
        """Bytes that were copied on the server, and uploaded."""
        told = _told(
            self.place,
            "vmbackup",
            f"-storageDataPath={self.data}",
            f"-snapshot.createURL={self.url}/snapshot/create",
            f"-dst={_backup(self.place, name)}",
            *more,
        )
        found = re.search(r"server-side copied (\d+) bytes; uploaded (\d+) bytes", told)
        assert found is not None, told[-2000:]
        return {"copied": int(found[1]), "uploaded": int(found[2])}


@contextmanager
def _serving(place: Place, folder: str = "data") -> Iterator[_Database]:
    port = free_port()
    data = place.folder / folder
    command: list[str | Path] = [
        _program(place, "victoria-metrics"),
        f"-storageDataPath={data}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-memory.allowedBytes=256MB",
    ]
    with running(command, environment=environment(place), folder=place.folder) as log:
        answers(f"http://127.0.0.1:{port}/health", log)
        yield _Database(place=place, url=f"http://127.0.0.1:{port}", data=data)


def _told(place: Place, program: str, *words: str) -> str:
    done = run(
        [
            _program(place, program),
            *words,
            f"-customS3Endpoint={place.endpoint.url}",
            "-httpListenAddr=127.0.0.1:0",
        ],
        environment=environment(place),
        folder=place.folder,
        timeout_s=120,
    ).succeeded()
    return done.text + done.errors


def _backup(place: Place, name: str) -> str:
    return f"s3://{place.bucket}/backups/{name}"


def _samples(prefix: str, series: int, minutes: int) -> _Samples:
    return {
        f"{prefix}_{number}": {
            _NOON_MS + minute * _MINUTE_MS: number + minute / 8 for minute in range(minutes)
        }
        for number in range(series)
    }


def _restored(place: Place, name: str) -> _Samples:
    """What a database finds that starts from a backup."""
    folder = f"restored-{name}"
    target = place.folder / folder
    _told(place, "vmrestore", f"-src={_backup(place, name)}", f"-storageDataPath={target}")
    with _serving(place, folder) as database:
        return database.samples()


def _stored(place: Place, name: str) -> list[str]:
    """The keys within a backup."""
    prefix = f"backups/{name}/"
    with client(place.endpoint) as s3:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=prefix)
        return [
            each["Key"].removeprefix(prefix) for page in pages for each in page.get("Contents", [])
        ]


def _backs_up(place: Place) -> None:
    """The second restore brings the files of the first up to date."""
    first, second = _samples("first", 400, 500), _samples("second", 20, 50)
    with _serving(place) as database:
        database.write(first)
        whole = database.back_up("latest")
        assert _restored(place, "latest") == first
        database.write(second)
        more = database.back_up("latest")
    assert more["uploaded"] < whole["uploaded"] / 2, (whole, more)
    assert _restored(place, "latest") == {**first, **second}


def _copies_on_the_server(place: Place) -> None:
    samples = _samples("a", 300, 300)
    with _serving(place) as database:
        database.write(samples)
        latest = database.back_up("latest")
        monday = database.back_up("monday", f"-origin={_backup(place, 'latest')}")
    assert monday["copied"] > latest["uploaded"] * 0.9, (latest, monday)
    assert _stored(place, "monday") == _stored(place, "latest")
    assert _restored(place, "monday") == samples


def _tells_checksums(place: Place) -> None:
    samples = _samples("a", 100, 100)
    with _serving(place) as database:
        database.write(samples)
        for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256"):
            database.back_up(algorithm, f"-s3ChecksumAlgorithm={algorithm}")
            assert _restored(place, algorithm) == samples


def _tells_metadata(place: Place) -> None:
    with _serving(place) as database:
        database.write(_samples("a", 10, 10))
        database.back_up(
            "told", '-objectMetadata={"of":"conformance"}', '-s3ObjectTags={"a":"b c"}'
        )
    with client(place.endpoint) as s3:
        for name in _stored(place, "told"):
            key = f"backups/told/{name}"
            assert s3.head_object(Bucket=place.bucket, Key=key)["Metadata"] == {"of": "conformance"}
            tags = s3.get_object_tagging(Bucket=place.bucket, Key=key)["TagSet"]
            assert tags == [{"Key": "a", "Value": "b c"}], (key, tags)


_CASES: dict[str, Callable[[Place], None]] = {
    "back up, again with what is new, restore": _backs_up,
    "a full backup by copies on the server": _copies_on_the_server,
    "each checksum": _tells_checksums,
    "metadata and tags": _tells_metadata,
}

SUITE = Suite(
    name="victoriametrics",
    version=f"{_MODULE} {_VERSION}",
    build=_build,
    cases=[Case(name=name, run=do) for name, do in _CASES.items()],
)
