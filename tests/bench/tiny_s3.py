"""Just enough of S3 to be loaded: one bucket's objects in memory, nothing verified."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit


class TinyS3(ThreadingHTTPServer):
    """Serves on a free port of 127.0.0.1; with ``broken`` every GET of an object is 503."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *, broken: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.broken = broken
        self.buckets: set[str] = set()
        self.objects: dict[str, bytes] = {}
        self.deleted = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: TinyS3

    def do_PUT(self) -> None:
        bucket, key, _ = self._target()
        if key:
            self.server.objects[key] = self._body()
        else:
            self.server.buckets.add(bucket)
        self._answer(200)

    def do_GET(self) -> None:
        bucket, key, query = self._target()
        if bucket and not key:
            self._list(query)
        elif self.server.broken:
            self._answer(503, b"<Error><Code>SlowDown</Code></Error>")
        else:
            found = self.server.objects.get(key)
            self._answer(200 if found is not None else 404, found or b"")

    def do_HEAD(self) -> None:
        found = self.server.objects.get(self._target()[1])
        self._answer(200 if found is not None else 404, found or b"", send=False)

    def do_DELETE(self) -> None:
        bucket, key, _ = self._target()
        if key:
            self.server.deleted += self.server.objects.pop(key, None) is not None
        else:
            self.server.buckets.remove(bucket)
        self._answer(204)

    def do_POST(self) -> None:
        for key in re.findall(r"<Key>([^<]*)</Key>", self._body().decode()):
            del self.server.objects[key]
        self._answer(200, b"<DeleteResult/>")

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _list(self, query: dict[str, list[str]]) -> None:
        prefix = query.get("prefix", [""])[0]
        after = query.get("start-after", [""])[0]
        keys = sorted(k for k in list(self.server.objects) if k.startswith(prefix) and k > after)
        listed = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys[:1000])
        self._answer(200, f"<ListBucketResult>{listed}</ListBucketResult>".encode())

    def _target(self) -> tuple[str, str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path[1:]).partition("/")
        return bucket, key, parse_qs(parts.query)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def _answer(self, status: int, body: bytes = b"", *, send: bool = True) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if send:
            self.wfile.write(body)


@contextmanager
def tiny_s3(*, broken: bool = False) -> Iterator[TinyS3]:
    """A tiny S3 that runs while the context lasts."""
    with TinyS3(broken=broken) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
