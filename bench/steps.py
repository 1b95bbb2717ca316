"""What a request costs between the HTTP wire and the disk, measured without HTTP, in one process.

    python -m bench.steps                       # µs of processor time (user + system) an operation
    python -m bench.steps --only get,head --profile
    python -m bench.steps --against ../other    # two source trees in turn, A B A B …

Signed requests, with the headers boto3 sends, go to the dispatcher of a real application: local
storage, SQLite catalog, access log. An answer's body is read and closed as the wire would. Nothing
is listened to and no port is opened. Every answer is checked once before anything is measured.
"""

import argparse
import asyncio
import contextlib
import cProfile
import itertools
import json
import os
import pstats
import resource
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5, sha256
from pathlib import Path

from backends.interface import Fingerprint
from backends.local.reading import LocalContent
from gateway.access.credentials import Credentials
from gateway.catalog.records import Location, Version
from gateway.catalog.sqlite import connection, objects
from gateway.catalog.sqlite.encoding import row_of
from gateway.observe.access_log import AccessLog
from gateway.observe.event import RequestEvent
from gateway.observe.sink import Sink
from gateway.s3.message import Request, Response, Stream
from gateway.server.build import S3, build
from gateway.settings.model import Settings
from sigv4 import sign as signing
from sigv4.canonical import Signable
from sigv4.payload import EMPTY_SHA256

_REGION = "us-east-1"
_HOST = "127.0.0.1:9000"
_SMALL = 4096
_BUCKET = "bench"
_FLAT = "flat"
_PAGE_KEYS = 313
_FOLDERS = 1000
_FILL = 10_000
_NEW = 20_000
"""Keys that are put the first time; then they are overwritten."""
_YEAR_MS = 365 * 86_400_000
_ROUND_S = 0.005
_ROUNDS = 5
_AT_LEAST = 10
_AGENT = (
    "Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.11.7 "
    "md/pyimpl#CPython m/Z,b,D cfg/retry-mode#standard Botocore/1.40.0"
)


class NoBody:
    """``gateway.s3.message.Body`` of a request that has none."""

    length = 0

    async def read(self, *, at_once: bool = False) -> bytes:
        return b""


class Bytes:
    """``gateway.s3.message.Body`` in one piece; after its end it begins again."""

    def __init__(self, data: bytes) -> None:
        self.length = len(data)
        self._data = data
        self._is_read = False

    async def read(self, *, at_once: bool = False) -> bytes:
        self._is_read = not self._is_read
        return self._data if self._is_read else b""


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes requests as boto3 signs them."""

    credentials: signing.Credentials
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def request(self, method: str, path: str, query: str = "", body: bytes = b"") -> Request:
        hashed = sha256(body).hexdigest() if body else EMPTY_SHA256
        headers = {"host": _HOST}
        added = signing.sign(
            Signable(method=method, path=path, query=query, headers=headers),
            self.credentials,
            region=_REGION,
            now=self.now,
            payload_hash=hashed,
        )
        sent = {
            **headers,
            "accept-encoding": "identity",
            "user-agent": _AGENT,
            **added,
            "amz-sdk-invocation-id": "6f1c4a52-3f0a-4a4e-9d0b-0d5cbb1f2f6e",
            "amz-sdk-request": "attempt=1",
        }
        if method == "PUT":
            sent["content-length"] = str(len(body))
        return Request(
            id="4442587FB7D0A2F9",
            method=method,
            path=path,
            query=query,
            headers=sent,
            body=Bytes(body) if body else NoBody(),
            peer="127.0.0.1",
            host=_HOST,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One kind of request, and what its answers hold."""

    name: str
    requests: Sequence[Request]
    size: int | None = None
    holds: bytes = b""
    keys: int = 0


class Subject:
    """The application, driven as the wire drives it."""

    def __init__(self, application: S3, log: AccessLog) -> None:
        self._application = application
        self._log = log

    async def exchange(self, request: Request) -> tuple[Response, bytes]:
        event = RequestEvent(
            id=request.id, method=request.method, path=request.path, peer=request.peer
        )
        response = await self._application.answer(request, event)
        body = response.body
        if not isinstance(body, bytes):
            try:
                body = await _whole(body)
            finally:
                await response.body.aclose()  # type: ignore[union-attr]  # it is no bytes
        event.status, event.bytes_out = response.status, len(body)
        self._log.write(event)
        return response, body


async def _whole(body: Stream) -> bytes:
    """As the wire reads what is small."""
    descriptor = body.descriptor()
    if isinstance(body, LocalContent) and descriptor is not None:
        data = os.pread(descriptor, body.length, body.first)
        body.check()
        return data
    return b"".join([piece async for piece in body.chunks()])


async def _put_all(subject: Subject, signer: Signer, keys: Iterable[str]) -> None:
    data = os.urandom(_SMALL)
    for key in keys:
        response, _ = await subject.exchange(signer.request("PUT", f"/{_BUCKET}/{key}", body=data))
        if response.status != 200:
            raise SystemExit(f"PUT of {key!r} was answered {response.status}")


def _fill(catalog: Path, bucket_id: int, keys: Sequence[str]) -> None:
    """Rows alone, without files: for listings."""
    writer = connection.open_writer(catalog, durable=False)
    try:
        for begin in range(0, len(keys), _FILL):
            with writer:
                writer.executemany(
                    objects.STORE,
                    (
                        (bucket_id, key.encode(), None, *row_of(_FLAT, _version(key)))
                        for key in keys[begin : begin + _FILL]
                    ),
                )
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        writer.close()


def _version(key: str) -> Version:
    etag = md5(key.encode(), usedforsecurity=False).hexdigest()
    modified_ns = 1_760_000_000_000_000_000 + int(etag[:10], 16) % _YEAR_MS * 1_000_000
    return Version(
        key=key,
        sequence=modified_ns // 1000,
        size=_SMALL,
        etag=etag,
        modified_ns=modified_ns,
        headers={"content-type": "application/octet-stream"},
        location=Location(
            storage="default",
            path=f"{_FLAT}/{key}",
            staged=None,
            fingerprint=Fingerprint(size=_SMALL, stamp=str(modified_ns)),
        ),
    )


def _steps(signer: Signer, keys: Sequence[str], rows: int) -> list[Step]:
    listing = "list-type=2&encoding-type=url"
    deep = [
        signer.request("GET", f"/{_FLAT}", f"{listing}&start-after=data%2F{at:09}.bin")
        for at in range(rows // 2, rows // 2 + rows // 10, max(1, rows // 100))
    ]
    first = signer.request("GET", f"/{_FLAT}", "encoding-type=url&list-type=2&prefix=data%2F")
    few = signer.request("GET", f"/{_FLAT}", "encoding-type=url&list-type=2&prefix=few%2F")
    rolled = signer.request(
        "GET", f"/{_FLAT}", "delimiter=%2F&encoding-type=url&list-type=2&prefix=tree%2F"
    )
    shallow = signer.request(
        "GET", f"/{_FLAT}", "delimiter=%2F&encoding-type=url&list-type=2&prefix=leaf%2F"
    )
    data = os.urandom(_SMALL)
    return [
        Step(
            name="put",
            requests=[
                signer.request("PUT", f"/{_BUCKET}/new/{at % 100:02}/{at:06}", body=data)
                for at in range(_NEW)
            ],
            size=0,
        ),
        Step(
            name="put-over",
            requests=[signer.request("PUT", f"/{_BUCKET}/{key}", body=data) for key in keys],
            size=0,
        ),
        Step(
            name="get",
            requests=[signer.request("GET", f"/{_BUCKET}/{key}") for key in keys],
            size=_SMALL,
        ),
        Step(
            name="head",
            requests=[signer.request("HEAD", f"/{_BUCKET}/{key}") for key in keys],
            size=0,
        ),
        Step(
            name="missing",
            requests=[signer.request("GET", f"/{_BUCKET}/none/{key}") for key in keys],
            holds=b"NoSuchKey",
        ),
        Step(name="list-313", requests=[few], holds=b"</Contents>", keys=_PAGE_KEYS),
        Step(name="list-1000", requests=[first], holds=b"</Contents>", keys=1000),
        Step(name="list-deep", requests=deep, holds=b"</Contents>", keys=1000),
        Step(name="list-prefixes-10", requests=[rolled], holds=b"</CommonPrefixes>", keys=_FOLDERS),
        Step(name="list-prefixes-1", requests=[shallow], holds=b"</CommonPrefixes>", keys=_FOLDERS),
    ]


@contextlib.asynccontextmanager
async def _subject(
    folder: Path, rows: int, count: int, options: dict[str, object]
) -> AsyncIterator[tuple[Subject, list[Step]]]:
    secret = secrets.token_urlsafe(30)
    signer = Signer(signing.Credentials(access_key="BENCHACCESSKEY", secret=secret))
    credentials = Credentials(root_access_key="BENCHACCESSKEY", root_secret_key=secret)
    (folder / "data").mkdir()
    settings = Settings.model_validate(
        {
            "storages": {"default": {"type": "local", "root": str(folder / "data")}},
            "durability": "relaxed",
            **options,
        }
    )
    catalog = folder / "catalog.db"
    await _prepare(settings, credentials, catalog, rows)
    sink = Sink(os.open(os.devnull, os.O_WRONLY))
    application = build(settings, credentials, str(catalog), runs_jobs=False)
    await application.open(first=True)
    try:
        subject = Subject(application, AccessLog(sink, "json"))
        keys = [f"photos/2026/{at % 10:02}/{at:06}.jpg" for at in range(count)]
        await _put_all(subject, signer, keys)
        yield subject, _steps(signer, keys, rows)
    finally:
        await application.aclose()
        sink.close()


async def _prepare(settings: Settings, credentials: Credentials, catalog: Path, rows: int) -> None:
    application = build(settings, credentials, str(catalog), runs_jobs=False)
    await application.open(first=True)
    try:
        services = application.services
        for name in (_BUCKET, _FLAT):
            await services.catalog.create_bucket(
                name, region=_REGION, storage=services.default_storage, now_ns=time.time_ns()
            )
        bucket = await services.catalog.bucket(_FLAT)
    finally:
        await application.aclose()
    keys = [f"few/{at:05}.bin" for at in range(_PAGE_KEYS)]
    keys += [f"tree/{at // 10:05}/{at % 10}.bin" for at in range(_FOLDERS * 10)]
    keys += [f"leaf/{at:05}/only.bin" for at in range(_FOLDERS)]
    _fill(catalog, bucket.id, keys)
    for begin in range(0, rows, 1_000_000):
        end = min(rows, begin + 1_000_000)
        _fill(catalog, bucket.id, [f"data/{at:09}.bin" for at in range(begin, end)])


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _check(subject: Subject, step: Step) -> None:
    for request in step.requests[:50]:
        _, body = await subject.exchange(request)
        held = body.count(step.holds) if step.keys else int(step.holds in body)
        if (step.size is not None and len(body) != step.size) or held != (step.keys or 1):
            raise SystemExit(f"{step.name}: {held} of {step.keys}, {body[:300]!r}")


async def _measured(subject: Subject, step: Step, seconds: float) -> list[float]:
    """µs an operation, of each round."""
    found: list[float] = []
    asked = itertools.cycle(step.requests)
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(found) < _ROUNDS:
        before, done = _used(), 0
        while done < _AT_LEAST or _used() - before < _ROUND_S:
            for request in itertools.islice(asked, _AT_LEAST):
                await subject.exchange(request)
            done += _AT_LEAST
        found.append((_used() - before) / done * 1e6)
    return found


async def _run(arguments: argparse.Namespace) -> dict[str, float]:
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="s3front-steps-", dir=arguments.directory) as name:
        options = json.loads(arguments.settings)
        async with _subject(Path(name), arguments.rows, arguments.keys, options) as (
            subject,
            steps,
        ):
            for step in steps:
                if arguments.only and step.name not in arguments.only.split(","):
                    continue
                await _check(subject, step)
                if arguments.profile:
                    await _profiled(subject, step)
                rounds = sorted(await _measured(subject, step, arguments.seconds))
                figures[step.name] = rounds[len(rounds) // 10]
    return figures


async def _profiled(subject: Subject, step: Step) -> None:
    profile = cProfile.Profile()
    rounds = max(1, 2000 // len(step.requests)) if not step.keys else 100
    profile.enable()
    for _ in range(rounds):
        for request in step.requests:
            await subject.exchange(request)
    profile.disable()
    print(f"== {step.name}, {rounds * len(step.requests)} requests")
    pstats.Stats(profile).sort_stats("tottime").print_stats(45)


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _compared(arguments: argparse.Namespace, given: Sequence[str]) -> None:
    here = Path(__file__).resolve().parent.parent
    trees = {"this": here, "other": Path(arguments.against).resolve()}
    found: dict[str, dict[str, list[float]]] = {name: {} for name in trees}
    command = [sys.executable, "-P", __file__, "--json", *given]
    for _ in range(arguments.turns):
        for name, tree in trees.items():
            done = subprocess.run(
                command,
                env={**os.environ, "PYTHONPATH": str(tree)},
                stdout=subprocess.PIPE,
                check=True,
                cwd=tree,
            )
            for step, figure in json.loads(done.stdout).items():
                found[name].setdefault(step, []).append(figure)
    for step, figures in found["this"].items():
        other, this = statistics.median(found["other"][step]), statistics.median(figures)
        print(f"{step:<18} {other:9.1f} -> {this:9.1f} µs  ({this / other:.2f})")


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.steps", description=__doc__)
    parser.add_argument("--only", default="", help="names of steps, with commas")
    parser.add_argument("--keys", type=int, default=1000, help="objects that are read")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the large listing")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each step")
    parser.add_argument("--settings", default="{}", help="further settings, as JSON")
    parser.add_argument("--directory", help="where data is kept")
    parser.add_argument("--profile", action="store_true", help="print a profile of each step")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--against", help="another source tree, measured in turn")
    parser.add_argument("--turns", type=int, default=3, help="with --against")
    return parser.parse_args(given)


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if arguments.against:
        given = [
            *("--only", arguments.only, "--keys", str(arguments.keys)),
            *("--rows", str(arguments.rows), "--seconds", str(arguments.seconds)),
            *("--settings", arguments.settings),
        ]
        if arguments.directory:
            given += ["--directory", arguments.directory]
        _compared(arguments, given)
        return
    with asyncio.Runner(loop_factory=_loop) as runner:
        figures = runner.run(_run(arguments))
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:<18} {figure:9.1f} µs")


if __name__ == "__main__":
    main()
