"""The program that ``moto_server`` starts: moto on a free port of loopback, until its input ends."""

import io
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3 import models
from moto.s3.exceptions import NoSuchUpload
from moto.s3.models import FakeKey, S3Backend
from werkzeug.serving import WSGIRequestHandler, make_server


class _OneAtATime:
    """moto stores what arrived of a body that broke off, and its threads disturb each other."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size)
        if len(body) != size:
            start_response("400 Bad Request", [])
            return []
        environ["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            return list(self._app(environ, start_response))


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:
        pass


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


def _mend() -> None:
    """Small parts for whoever wants them. And what moto answers with an internal error, a service
    answers with NoSuchUpload."""
    vars(models)["S3_UPLOAD_PART_MIN_SIZE"] = 1000
    for name in ("upload_part", "upload_part_copy", "complete_multipart_upload"):
        setattr(S3Backend, name, _refusing_unknown_uploads(getattr(S3Backend, name)))


def _refusing_unknown_uploads(act: Callable[..., FakeKey]) -> Callable[..., FakeKey]:
    def acted(backend: S3Backend, bucket: str, upload: str, *others: Any, **named: Any) -> FakeKey:
        if upload not in backend.get_bucket(bucket).multiparts:
            raise NoSuchUpload(upload_id=upload)
        return act(backend, bucket, upload, *others, **named)

    return acted


def main() -> None:
    """Print the port, then serve."""
    _mend()
    server = make_server(
        "127.0.0.1",
        0,
        _OneAtATime(DomainDispatcherApplication(create_backend_app)),
        threaded=True,
        request_handler=_Quiet,
    )
    print(server.server_port, flush=True)
    threading.Thread(target=_end_with_input, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
