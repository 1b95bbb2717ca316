"""The AWS SDK for Go, version 2: our own small program in go_sdk/."""

from collections.abc import Callable
from pathlib import Path

from conformance.building import go_build
from conformance.outcome import Case, Place, Suite
from tests.clients.programs import run

_SOURCE = Path(__file__).resolve().parent / "go_sdk"
_CASES = {
    "objects": "put, get, head, copy, attributes, any key",
    "listing": "list in pages, delete many",
    "checksums": "every checksum, a wrong one",
    "trailers": "framed bodies keep their encoding",
    "multipart": "transfer manager, a stream of unknown length",
    "presigned": "presigned PUT and GET without the SDK",
    "conditions": "conditional writes",
    "hosts": "virtual hosts",
    "refusals": "the names of refusals",
    "configuration": "configuration reads, versioning refused",
}


def _case(name: str) -> Callable[[Place], None]:
    def run_case(place: Place) -> None:
        home = place.folder / "home"
        home.mkdir()
        environment = {
            **place.endpoint.environment(home),
            "S3_ENDPOINT": place.endpoint.url,
            "S3_DOMAIN": place.endpoint.domain or "",
        }
        words: list[str | Path] = [place.program, name, place.bucket]
        run(words, environment=environment, folder=place.folder, timeout_s=90).succeeded()

    return run_case


def _version() -> str:
    lines = (_SOURCE / "go.mod").read_text().splitlines()
    return next(line.strip() for line in lines if "aws-sdk-go-v2/service/s3 " in line)


SUITE = Suite(
    name="go",
    version=_version(),
    build=lambda folder: go_build(_SOURCE, folder),
    cases=[Case(name=words, run=_case(name)) for name, words in _CASES.items()],
)
