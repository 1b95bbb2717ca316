"""The registry of container images (CNCF Distribution), asked by HTTP as docker and podman ask it."""

import hashlib
import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from conformance.background import answers, free_port, running
from conformance.building import go_install
from conformance.outcome import Case, Place, Suite
from conformance.scripted import environment
from tests.clients.bodies import MIB, content, sha256
from tests.clients.boto import client
from tests.clients.programs import run

_PACKAGE = "github.com/distribution/distribution/v3/cmd/registry"
_VERSION = "v3.1.2"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CONFIGURATION = b'{"architecture":"amd64","os":"linux"}'


def _digest(data: bytes) -> str:
    return f"sha256:{sha256(data)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Registry:
    """A registry whose files are in the case's bucket."""

    place: Place
    url: str

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[bytes, Message]:
        """The answer's body and headers; HTTPError if it is an error."""
        request = urllib.request.Request(
            path if path.startswith("http") else self.url + path,
            method=method,
            data=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read(), answer.headers

    def push(self, blob: bytes, *, pieces: int = 1) -> None:
        """Send a blob in so many requests."""
        _, told = self.ask("POST", "/v2/app/blobs/uploads/", b"")
        step = -(-len(blob) // pieces)
        for start in range(0, len(blob), step):
            piece = blob[start : start + step]
            _, told = self.ask(
                "PATCH",
                told["Location"],
                piece,
                Content_Type="application/octet-stream",
                Content_Range=f"{start}-{start + len(piece) - 1}",
            )
        place = told["Location"]
        self.ask("PUT", f"{place}{'&' if '?' in place else '?'}digest={_digest(blob)}", b"")

    def tag(self, name: str, *layers: bytes) -> bytes:
        """Push an image of these layers, which are there; its manifest."""
        self.push(_CONFIGURATION)
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _described("application/vnd.oci.image.config.v1+json", _CONFIGURATION),
                "layers": [_described(_LAYER, layer) for layer in layers],
            }
        ).encode()
        self.ask("PUT", f"/v2/app/manifests/{name}", manifest, Content_Type=_MANIFEST)
        return manifest

    def blob(self, data: bytes) -> bytes:
        """What is pulled by the digest of ``data``."""
        return self.ask("GET", f"/v2/app/blobs/{_digest(data)}")[0]


def _described(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(data), "size": len(data)}


def _settings(place: Place, port: int) -> Path:
    s3 = {
        "region": place.endpoint.region,
        "regionendpoint": place.endpoint.url,
        "bucket": place.bucket,
        "forcepathstyle": True,
        "secure": False,
        "accesskey": place.endpoint.access_key,
        "secretkey": place.endpoint.secret_key,
        "rootdirectory": "/registry",
    }
    settings = {
        "version": "0.1",
        "log": {"level": "warn"},
        "http": {"addr": f"127.0.0.1:{port}"},
        "storage": {"s3": s3, "delete": {"enabled": True}},
    }
    file = place.folder / "registry.yml"
    file.write_text(json.dumps(settings))  # JSON is YAML too
    return file


@contextmanager
def _serving(place: Place) -> Iterator[_Registry]:
    port = free_port()
    command: list[str | Path] = [place.program, "serve", _settings(place, port)]
    settings = {**environment(place), "OTEL_TRACES_EXPORTER": "none"}
    with running(command, environment=settings, folder=place.folder) as log:
        answers(f"http://127.0.0.1:{port}/v2/", log)
        yield _Registry(place=place, url=f"http://127.0.0.1:{port}")


def _pushes(registry: _Registry) -> None:
    layers = content(30 * MIB, 1), content(33 * MIB, 2)
    registry.push(layers[0])
    registry.push(layers[1], pieces=3)
    manifest = registry.tag("v1", *layers)
    assert registry.ask("GET", "/v2/app/manifests/v1", Accept=_MANIFEST)[0] == manifest
    for layer in layers:
        assert sha256(registry.blob(layer)) == sha256(layer)
    assert json.loads(registry.ask("GET", "/v2/_catalog")[0]) == {"repositories": ["app"]}
    assert json.loads(registry.ask("GET", "/v2/app/tags/list")[0])["tags"] == ["v1"]


def _redirects(registry: _Registry) -> None:
    layer = content(3 * MIB)
    registry.push(layer)
    request = urllib.request.Request(f"{registry.url}/v2/app/blobs/{_digest(layer)}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.url.startswith(registry.place.endpoint.url), answer.url
        assert hashlib.sha256(answer.read()).hexdigest() == sha256(layer)


def _deletes(registry: _Registry) -> None:
    layer = content(6 * MIB)
    registry.push(layer)
    manifest = registry.tag("v1", layer)
    registry.ask("DELETE", f"/v2/app/manifests/{_digest(manifest)}")
    run(
        [registry.place.program, "garbage-collect", registry.place.folder / "registry.yml"],
        environment=environment(registry.place),
        folder=registry.place.folder,
        timeout_s=60,
    ).succeeded()
    with client(registry.place.endpoint) as s3:
        listed = s3.list_objects_v2(Bucket=registry.place.bucket).get("Contents", [])
    kept = [each["Key"] for each in listed if each["Key"].endswith("/data")]
    assert kept == [], kept


_CASES: dict[str, Callable[[_Registry], None]] = {
    "push in one piece and in several, pull": _pushes,
    "pulls are redirected to S3": _redirects,
    "delete, garbage-collect": _deletes,
}


def _case(do: Callable[[_Registry], None]) -> Callable[[Place], None]:
    def run_case(place: Place) -> None:
        with _serving(place) as registry:
            do(registry)

    return run_case


SUITE = Suite(
    name="registry",
    version=f"{_PACKAGE} {_VERSION}",
    build=lambda folder: go_install(_PACKAGE, _VERSION, folder),
    cases=[Case(name=name, run=_case(do)) for name, do in _CASES.items()],
)
