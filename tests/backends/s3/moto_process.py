"""The program that ``moto_server`` starts: moto on a free port of loopback, until its input ends.

A line of input, ``stop`` or ``start``, ends all that listens and every connection, or begins it again on the
same port: what a service is seen to do that starts again, for moto itself would forget all.
"""

import contextlib
import io
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3 import models
from moto.s3.exceptions import NoSuchUpload
from moto.s3.models import FakeKey, S3Backend
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler


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


class _Service:
    """What listens, and its connections."""

    def __init__(self) -> None:
        self._app = _OneAtATime(DomainDispatcherApplication(create_backend_app))
        self._server: _Listening | None = None
        self.port = 0

    def start(self) -> None:
        self._server = _Listening("127.0.0.1", self.port, self._app, _Quiet)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.cut()


class _Listening(ThreadedWSGIServer):
    """Knows its connections."""

    def __init__(self, *given: Any) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(*given)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def close_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().close_request(request)

    def cut(self) -> None:
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


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
    """Print the port, then serve; print each line of input when it is done."""
    _mend()
    service = _Service()
    service.start()
    print(service.port, flush=True)
    for line in sys.stdin:
        service.stop() if line == "stop\n" else service.start()
        print(line, end="", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
