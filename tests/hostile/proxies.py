"""nginx and HAProxy in front of a server, each listening on a socket in a folder of the test."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.datagrams import Datagrams

INSTALL = "deploy/packages/install-clients.sh"
_START_S = 20.0
_NOWHERE = {"-", "<NOSRV>"}
_NEVER = {"-", "-1"}

_NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    log_format told '$upstream_addr $upstream_header_time';
    access_log {folder}/told.log told;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    client_header_timeout 400ms;
    client_body_timeout 400ms;
    keepalive_timeout 60ms;
    upstream s3front {{ server 127.0.0.1:{port}; keepalive 4; }}
    server {{
        listen unix:{folder}/front;
        underscores_in_headers on;
        location / {{
            proxy_pass http://s3front;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_request_buffering {buffering};
            proxy_next_upstream off;
        }}
    }}
}}
"""

_HAPROXY = """
global
    log {folder}/log.socket format raw local0
    stats socket {folder}/stats
defaults
    mode http
    log global
    log-format "%s %Tr"
    timeout connect 5s
    timeout client 400ms
    timeout server 5s
    timeout http-request 400ms
    timeout http-keep-alive 60ms
frontend front
    bind unix@{folder}/front
    default_backend s3front
backend s3front
    http-reuse always
    server one 127.0.0.1:{port}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """One that runs. ``front``: where clients connect. ``told``: the lines of its log so far, each
    the server a request was given to and when that answered, or words for none and never."""

    front: Path
    told: Callable[[], list[str]]

    def count(self) -> "Count":
        """The requests so far."""
        lines = [line.split() for line in self.told()]
        return Count(
            all=len(lines),
            sent=sum(server not in _NOWHERE for server, _ in lines),
            answered=sum(time not in _NEVER for _, time in lines),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Requests a proxy read, gave to the server (or was about to when it gave up), and had an
    answer to from there."""

    all: int
    sent: int
    answered: int

    def __sub__(self, other: "Count") -> "Count":
        return Count(
            all=self.all - other.all,
            sent=self.sent - other.sent,
            answered=self.answered - other.answered,
        )


@contextlib.contextmanager
def nginx(folder: Path, port: int, *, buffering: str) -> Iterator[Proxy]:
    """nginx, sending bodies on as they come (``off``) or once they are whole (``on``)."""
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, port=port, buffering=buffering))
    log = folder / "told.log"

    def told() -> list[str]:
        return log.read_text().splitlines() if log.exists() else []

    command = [_program("nginx"), "-e", str(folder / "error.log"), "-c", str(config)]
    with _running(command, folder):
        yield Proxy(front=folder / "front", told=told)


@contextlib.contextmanager
def haproxy(folder: Path, port: int) -> Iterator[Proxy]:
    """HAProxy, sharing its connections to the server between clients."""
    config = folder / "haproxy.conf"
    config.write_text(_HAPROXY.format(folder=folder, port=port))
    command = [_program("haproxy"), "-db", "-f", str(config)]
    with Datagrams(folder / "log.socket") as lines, _running(command, folder):
        yield Proxy(front=folder / "front", told=lines.read)


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert found is not None, f"{name} is missing: {INSTALL} installs it"
    return found


@contextlib.contextmanager
def _running(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "output").open("w+") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        try:
            end = time.monotonic() + _START_S
            while not (folder / "front").exists():
                assert process.poll() is None, (folder / "output").read_text()
                assert time.monotonic() < end, (folder / "output").read_text()
                time.sleep(0.01)
            yield
        finally:
            process.terminate()
            process.wait(20)
