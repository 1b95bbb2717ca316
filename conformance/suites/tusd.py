"""tusd: uploads that go on after they were cut off, asked by HTTP as tus-js-client and Uppy ask it."""

import base64
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

from conformance.background import answers, free_port, running
from conformance.building import go_install
from conformance.outcome import Case, Place, Suite
from conformance.scripted import environment
from tests.clients.bodies import MIB, content, sha256
from tests.clients.boto import client

_PACKAGE = "github.com/tus/tusd/v2/cmd/tusd"
_VERSION = "v2.9.1"
_PREFIX = "some/where/"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tusd:
    """A server whose uploads are in the case's bucket."""

    place: Place
    url: str

    def ask(
        self, method: str, url: str, body: bytes | None = None, **headers: str
    ) -> tuple[bytes, Message]:
        """The answer's body and headers; HTTPError if it is an error."""
        request = urllib.request.Request(
            url,
            method=method,
            data=body,
            headers={
                "Tus-Resumable": "1.0.0",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read(), answer.headers

    def created(self, **headers: str) -> str:
        """The URL of a new upload."""
        location = self.ask("POST", self.url, b"", **headers)[1]["Location"]
        return str(location)

    def sent(self, upload: str, offset: int, piece: bytes, **headers: str) -> int:
        """Send a piece; the offset after it."""
        _, told = self.ask(
            "PATCH",
            upload,
            piece,
            Upload_Offset=str(offset),
            Content_Type="application/offset+octet-stream",
            **headers,
        )
        return int(told["Upload-Offset"])

    def offset(self, upload: str) -> int:
        """How far an upload has come."""
        return int(self.ask("HEAD", upload)[1]["Upload-Offset"])

    def uploaded(self, data: bytes, *, step: int, **headers: str) -> str:
        """The URL of a new upload of ``data``, ``step`` bytes a request."""
        upload = self.created(Upload_Length=str(len(data)), **headers)
        for start in range(0, len(data), step):
            self.sent(upload, start, data[start : start + step])
        return upload

    def stored(self) -> list[str]:
        """The keys of the bucket."""
        with client(self.place.endpoint) as s3:
            listed = s3.list_objects_v2(Bucket=self.place.bucket)
        return [each["Key"] for each in listed.get("Contents", [])]

    def unfinished(self) -> int:
        """The uploads in parts that the bucket has."""
        with client(self.place.endpoint) as s3:
            return len(s3.list_multipart_uploads(Bucket=self.place.bucket).get("Uploads", []))


@contextmanager
def _serving(place: Place) -> Iterator[_Tusd]:
    port = free_port()
    command: list[str | Path] = [
        place.program,
        *("-host", "127.0.0.1", "-port", str(port)),
        *("-s3-bucket", place.bucket, "-s3-endpoint", place.endpoint.url),
        *("-s3-object-prefix", _PREFIX, "-s3-part-size", str(5 * MIB)),
    ]
    with running(command, environment=environment(place), folder=place.folder) as log:
        url = f"http://127.0.0.1:{port}/files/"
        answers(url, log)
        yield _Tusd(place=place, url=url)


def _uploads(tusd: _Tusd) -> None:
    for size, step in ((0, 1), (10, 3), (13 * MIB, 13 * MIB), (17 * MIB + 5, 6 * MIB)):
        data = content(size)
        upload = tusd.uploaded(data, step=step)
        assert tusd.offset(upload) == size
        assert sha256(tusd.ask("GET", upload)[0]) == sha256(data)
    assert tusd.unfinished() == 0


def _keeps_what_is_told_of_files(tusd: _Tusd) -> None:
    told = {"filename": "Menü 日本.txt", "filetype": "text/plain"}
    encoded = ",".join(
        f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in told.items()
    )
    upload = tusd.uploaded(b"words", step=5, Upload_Metadata=encoded)
    assert sorted(tusd.ask("HEAD", upload)[1]["Upload-Metadata"].split(",")) == encoded.split(",")
    body, shown = tusd.ask("GET", upload)
    assert (body, shown["Content-Type"]) == (b"words", "text/plain")
    with client(tusd.place.endpoint) as s3:
        (key,) = (key for key in tusd.stored() if not key.endswith(".info"))
        head = s3.head_object(Bucket=tusd.place.bucket, Key=key)
    assert head["Metadata"] == {"filename": "Men? ??.txt", "filetype": "text/plain"}


def _goes_on(place: Place) -> None:
    """Pieces that are shorter than a part, with a new process for each."""
    data = content(14 * MIB)
    pieces = [data[: 7 * MIB], data[7 * MIB : 7 * MIB + 100], data[7 * MIB + 100 :]]
    path = ""
    offset = 0
    for piece in pieces:
        with _serving(place) as tusd:
            path = path or tusd.created(Upload_Length=str(len(data))).rpartition("/")[2]
            upload = tusd.url + path
            assert tusd.offset(upload) == offset
            offset = tusd.sent(upload, offset, piece)
    with _serving(place) as tusd:
        assert sha256(tusd.ask("GET", tusd.url + path)[0]) == sha256(data)
        assert not any(key.endswith(".part") for key in tusd.stored())


def _learns_the_length_later(tusd: _Tusd) -> None:
    data = content(11 * MIB)
    upload = tusd.created(Upload_Defer_Length="1")
    tusd.sent(upload, 0, data[: 6 * MIB])
    tusd.sent(upload, 6 * MIB, data[6 * MIB :], Upload_Length=str(len(data)))
    assert sha256(tusd.ask("GET", upload)[0]) == sha256(data)


def _concatenates(tusd: _Tusd) -> None:
    for sizes in ((6 * MIB, 5 * MIB, 100), (10, 20, 30)):
        pieces = [content(size, number) for number, size in enumerate(sizes)]
        partial = [
            tusd.uploaded(piece, step=5 * MIB, Upload_Concat="partial").rpartition("/files/")[2]
            for piece in pieces
        ]
        whole = tusd.created(
            Upload_Concat="final;" + " ".join(f"/files/{each}" for each in partial)
        )
        assert sha256(tusd.ask("GET", whole)[0]) == sha256(b"".join(pieces))


def _terminates(tusd: _Tusd) -> None:
    done = tusd.uploaded(b"done", step=4)
    begun = tusd.created(Upload_Length=str(20 * MIB))
    tusd.sent(begun, 0, content(7 * MIB))
    assert len(tusd.stored()) == 4
    for upload in (done, begun):
        tusd.ask("DELETE", upload)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            tusd.offset(upload)
    assert (tusd.stored(), tusd.unfinished()) == ([], 0)


_CASES: dict[str, Callable[[_Tusd], None]] = {
    "uploads in one request and in several": _uploads,
    "names and types of files": _keeps_what_is_told_of_files,
    "a length that is told later": _learns_the_length_later,
    "concatenation": _concatenates,
    "termination": _terminates,
}


def _case(do: Callable[[_Tusd], None]) -> Callable[[Place], None]:
    def run_case(place: Place) -> None:
        with _serving(place) as tusd:
            do(tusd)

    return run_case


SUITE = Suite(
    name="tusd",
    version=f"{_PACKAGE} {_VERSION}",
    build=lambda folder: go_install(_PACKAGE, _VERSION, folder),
    cases=[
        *(Case(name=name, run=_case(do)) for name, do in _CASES.items()),
        Case(name="an upload goes on after each restart", run=_goes_on),
    ],
)
