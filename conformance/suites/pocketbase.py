"""PocketBase: files of its records and its backups in S3."""

import io
import json
import struct
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.background import answers, free_port, running
from conformance.building import go_install
from conformance.outcome import Case, Place, Suite
from conformance.scripted import environment
from tests.clients.bodies import MIB, content, sha256
from tests.clients.boto import client
from tests.clients.programs import run

_PACKAGE = "github.com/pocketbase/pocketbase/examples/base"
_VERSION = "v0.36.8"
_OWNER = {"identity": "owner@example.com", "password": "password of the owner"}
_BOUNDARY = "a-boundary-that-no-file-holds"


@dataclass(slots=True, kw_only=True)
class _PocketBase:
    """A server whose files and backups are in the case's bucket, with a collection ``docs``."""

    place: Place
    url: str
    token: str = ""

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Status and body; HTTPError if it is an error."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            method=method,
            data=body,
            headers={
                "Content-Type": "application/json",
                "Authorization": self.token,
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()

    def json(self, method: str, path: str, document: Any = None) -> Any:
        """The document that answers a document."""
        body = None if document is None else json.dumps(document).encode()
        _, answer = self.ask(method, path, body)
        return json.loads(answer) if answer else None

    def upload(self, name: str, data: bytes) -> str:
        """Make a record with a file; the path of the file."""
        head = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        _, answer = self.ask(
            "POST",
            "collections/docs/records",
            head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode(),
            Content_Type=f"multipart/form-data; boundary={_BOUNDARY}",
        )
        record = json.loads(answer)
        return f"files/docs/{record['id']}/{record['file']}"

    def stored(self) -> list[str]:
        """The keys of the bucket."""
        with client(self.place.endpoint) as s3:
            listed = s3.list_objects_v2(Bucket=self.place.bucket)
        return [each["Key"] for each in listed.get("Contents", [])]

    def configure(self) -> None:
        """Log in, keep files and backups in S3, make the collection."""
        login = self.json("POST", "collections/_superusers/auth-with-password", _OWNER)
        self.token = login["token"]
        end = self.place.endpoint
        s3 = {
            "enabled": True,
            "bucket": self.place.bucket,
            "region": end.region,
            "endpoint": end.url,
            "accessKey": end.access_key,
            "secret": end.secret_key,
            "forcePathStyle": True,
        }
        self.json("PATCH", "settings", {"s3": s3, "backups": {"s3": s3}})
        file = {"name": "file", "type": "file", "maxSize": 50 * MIB, "thumbs": ["50x50"]}
        collection = {"name": "docs", "type": "base", "viewRule": "", "fields": [file]}
        self.json("POST", "collections", collection)


@contextmanager
def _serving(place: Place) -> Iterator[_PocketBase]:
    data = ["--dir", str(place.folder / "pocketbase")]
    settings = environment(place)
    owner = ["superuser", "upsert", _OWNER["identity"], _OWNER["password"]]
    run([place.program, *owner, *data], environment=settings, folder=place.folder).succeeded()
    port = free_port()
    command: list[str | Path] = [place.program, "serve", "--http", f"127.0.0.1:{port}", *data]
    with running(command, environment=settings, folder=place.folder) as log:
        server = _PocketBase(place=place, url=f"http://127.0.0.1:{port}")
        answers(f"{server.url}/api/health", log)
        server.configure()
        yield server


def _is_tested(server: _PocketBase) -> None:
    for files in ("storage", "backups"):
        server.json("POST", "settings/test/s3", {"filesystem": files})


def _keeps_files(server: _PocketBase) -> None:
    small, large = content(70_000), content(20 * MIB)
    for data in (small, large):
        assert sha256(server.ask("GET", server.upload("a.bin", data))[1]) == sha256(data)
    path = server.upload("a file.bin", large)
    status, piece = server.ask("GET", path, Range="bytes=9000000-9000099")
    assert (status, piece) == (206, large[9_000_000:9_000_100])


def _removes_files(server: _PocketBase) -> None:
    record = server.upload("a.bin", b"a").split("/")[2]
    assert any(record in key for key in server.stored())
    server.json("DELETE", f"collections/docs/records/{record}")
    assert not any(f"{record}/a_" in key for key in server.stored())


def _makes_thumbnails(server: _PocketBase) -> None:
    path = server.upload("picture.png", _picture())
    shown = server.ask("GET", f"{path}?thumb=50x50")[1]
    assert shown.startswith(b"\x89PNG")
    assert int.from_bytes(shown[16:20]) == int.from_bytes(shown[20:24]) == 50
    assert sum("thumbs_" in key for key in server.stored()) == 1


def _picture() -> bytes:
    """A PNG of 300 by 200."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 300, 200, 8, 2, 0, 0, 0)
    lines = (b"\0" + b"\x10\x20\xf0" * 300) * 200
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _backs_up(server: _PocketBase) -> None:
    server.json("POST", "backups", {"name": "one.zip"})
    (backup,) = server.json("GET", "backups")
    with client(server.place.endpoint) as s3:
        stored = s3.get_object(Bucket=server.place.bucket, Key="one.zip")["Body"].read()
    assert (backup["key"], backup["size"]) == ("one.zip", len(stored))
    assert zipfile.ZipFile(io.BytesIO(stored)).testzip() is None
    server.json("DELETE", "backups/one.zip")
    assert "one.zip" not in server.stored()


_CASES: dict[str, Callable[[_PocketBase], None]] = {
    "its own test of the settings": _is_tested,
    "files up and down, ranges": _keeps_files,
    "files of deleted records": _removes_files,
    "thumbnails": _makes_thumbnails,
    "backups": _backs_up,
}


def _case(do: Callable[[_PocketBase], None]) -> Callable[[Place], None]:
    def run_case(place: Place) -> None:
        with _serving(place) as server:
            do(server)

    return run_case


SUITE = Suite(
    name="pocketbase",
    version=f"{_PACKAGE} {_VERSION}",
    build=lambda folder: go_install(_PACKAGE, _VERSION, folder),
    cases=[Case(name=name, run=_case(do)) for name, do in _CASES.items()],
)
