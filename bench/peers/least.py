"""The least that a server in Python can do for a signed request: a yardstick that S3front is measured
against beside its peers.

    S3FRONT_ROOT_ACCESS_KEY=... S3FRONT_ROOT_SECRET_KEY=... python least.py PORT DIRECTORY

It proves the signature, looks the key up in SQLite, and opens, reads and answers; of an upload it
takes the SHA-256 and the MD5, renames a file to its place, and commits a row. Requests come in whole;
one is answered after the other, without a task. It is no S3 server: there are no conditions, ranges,
listings or errors but 403, 404 and 501, and nobody repairs what a crash has left.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime
from email.utils import formatdate
from hashlib import md5, sha256
from pathlib import Path
from time import time
from urllib.parse import unquote

import apsw
import httptools
import uvloop

from sigv4.canonical import Signable
from sigv4.mechanism import claim_of
from sigv4.refusal import Refusal
from sigv4.verify import verify

_TABLE = (
    "CREATE TABLE objects(key TEXT PRIMARY KEY, size INTEGER, etag TEXT, modified TEXT) "
    "WITHOUT ROWID"
)
_FOUND = "SELECT size, etag, modified FROM objects WHERE key = ?"
_PUT = "INSERT OR REPLACE INTO objects VALUES(?, ?, ?, ?)"
_NOTHING = b"HTTP/1.1 %b\r\ncontent-length: 0\r\n\r\n"
_OBJECT = (
    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\netag: {}\r\nlast-modified: {}\r\n"
    "content-type: binary/octet-stream\r\naccept-ranges: bytes\r\n\r\n"
)
_STORED = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\netag: {}\r\n\r\n"
_LISTED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\ncontent-length: 49\r\n\r\n"
    b"<ListAllMyBucketsResult></ListAllMyBucketsResult>"
)


class Store:
    """Files below a directory, and a table that tells of them."""

    def __init__(self, directory: Path) -> None:
        (directory / "staged").mkdir(parents=True, exist_ok=True)
        (directory / "objects").mkdir(exist_ok=True)
        self._root = os.open(directory / "objects", os.O_RDONLY | os.O_DIRECTORY)
        self._staged = os.open(directory / "staged", os.O_RDONLY | os.O_DIRECTORY)
        self._rows = apsw.Connection(os.fspath(directory / "rows.sqlite"))
        self._rows.execute("PRAGMA journal_mode = WAL")
        self._rows.execute("PRAGMA synchronous = NORMAL")
        self._rows.execute(_TABLE)
        self._count = 0

    def told(self, key: str) -> tuple[int, str, str] | None:
        """Size, ETag and date."""
        row: tuple[int, str, str] | None = self._rows.execute(_FOUND, (key,)).fetchone()
        return row

    def read(self, key: str, size: int) -> bytes:
        file = os.open(_name(key), os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._root)
        try:
            return os.read(file, size)
        finally:
            os.close(file)

    def put(self, key: str, body: bytes) -> str:
        """Its ETag."""
        etag = f'"{md5(body, usedforsecurity=False).hexdigest()}"'
        self._count += 1
        staged = str(self._count)
        file = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._staged)
        try:
            os.write(file, body)
        finally:
            os.close(file)
        os.rename(staged, _name(key), src_dir_fd=self._staged, dst_dir_fd=self._root)
        self._rows.execute(_PUT, (key, len(body), etag, formatdate(time(), usegmt=True)))
        return etag


def _name(key: str) -> str:
    # One folder: no key leads out of it.
    return key.replace("%", "%25").replace("/", "%2F")


class Least(asyncio.Protocol):
    """One connection."""

    def __init__(self, store: Store, access_key: str, secret: str) -> None:
        self._store = store
        self._access_key = access_key
        self._secret = secret
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("ascii").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("ascii")
        path, _, query = self._target.decode("ascii").partition("?")
        body = b"".join(self._body)
        signable = Signable(method=method, path=path, query=query, headers=self._headers)
        proved = self._proved(signable, body)
        answer = self._answer(method, unquote(path)[1:], query, body) if proved else _status("403")
        self._transport.write(answer)  # type: ignore[attr-defined]  # uvloop's, as asyncio's

    def _proved(self, signable: Signable, body: bytes) -> bool:
        try:
            claim = claim_of(signable)
            if claim is None or claim.access_key != self._access_key:
                return False
            verify(signable, claim, self._secret, now=datetime.now(UTC))
        except Refusal:
            return False
        return not body or sha256(body).hexdigest() == claim.payload_hash

    def _answer(self, method: str, key: str, query: str, body: bytes) -> bytes:
        if not key and method == "GET":
            return _LISTED
        if method == "PUT":
            stores = "/" in key
            return _STORED.format(self._store.put(key, body)).encode() if stores else _status("200")
        if method not in {"GET", "HEAD"} or query:
            return _status("501")
        row = self._store.told(key)
        if row is None:
            return _status("404")
        head = _OBJECT.format(*row).encode()
        return head if method == "HEAD" else head + self._store.read(key, row[0])


def _status(code: str) -> bytes:
    return _NOTHING % code.encode()


async def serve(port: int, directory: Path, access_key: str, secret: str) -> None:
    """Until the process is stopped."""
    store = Store(directory)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Least(store, access_key, secret), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(
        serve(
            int(sys.argv[1]),
            Path(sys.argv[2]),
            os.environ["S3FRONT_ROOT_ACCESS_KEY"],
            os.environ["S3FRONT_ROOT_SECRET_KEY"],
        )
    )
