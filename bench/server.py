"""The server that is measured: started and stopped by us, or one that runs."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from bench import accounting

START_S = 30.0
_STOP_S = 40.0
_POLL_S = 0.002
_REGION = "us-east-1"


class ServerError(Exception):
    """The server cannot be started, or is not one we may load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where to send, who we are there, and the process to look at (None: only clients look)."""

    host: str
    port: int
    access_key: str
    secret_key: str = field(repr=False)
    region: str = _REGION
    pid: int | None = None
    log: Path | None = None


def loopback(url: str) -> tuple[str, int]:
    """Address and port of an endpoint on this machine.

    Raises ServerError for any other: load is for one's own machine.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError as error:
        raise ServerError(f"{url!r} is no URL: {error}.") from None
    if parts.scheme != "http" or parts.path not in ("", "/") or parts.query or parts.username:
        raise ServerError(f"{url!r} is no endpoint; write http://127.0.0.1:PORT.")
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ServerError(f"{parts.hostname!r} is not this machine; load is sent to loopback only.")
    return host, port


def running(url: str, pid: int | None) -> Server:
    """A server that runs. Its owner's keys come from the environment, as S3front takes them.

    Raises ServerError.
    """
    host, port = loopback(url)
    names = ("S3FRONT_ROOT_ACCESS_KEY", "S3FRONT_ROOT_SECRET_KEY")
    access_key, secret_key = (os.environ.get(name, "") for name in names)
    if not access_key or not secret_key:
        raise ServerError(f"Set {' and '.join(names)} to the keys of the endpoint's owner.")
    if pid is not None and not accounting.tree(pid):
        raise ServerError(f"There is no process {pid}.")
    return Server(
        host=host,
        port=port,
        access_key=access_key,
        secret_key=secret_key,
        region=os.environ.get("S3FRONT_REGION", _REGION),
        pid=pid,
    )


@contextmanager
def served(options: Sequence[str], directory: Path | None = None) -> Iterator[Server]:
    """S3front on a new directory (below ``directory``), ready; stopped and removed at the end.

    ``options`` are passed to ``s3front serve``. Raises ServerError.
    """
    with ExitStack() as stack:
        name = stack.enter_context(
            tempfile.TemporaryDirectory(
                prefix="s3front-bench-", dir=directory, ignore_cleanup_errors=True
            )
        )
        place = Path(name)
        process, server = stack.enter_context(launched(place, options))
        wait_ready(process, server)
        yield server


@contextmanager
def launched(
    place: Path, options: Sequence[str]
) -> Iterator[tuple[subprocess.Popen[bytes], Server]]:
    """S3front with data and log in the directory ``place``; it is stopped at the end.

    It may not be ready yet. Raises ServerError.
    """
    port = free_port()
    access_key = f"BENCH{secrets.token_hex(8).upper()}"
    secret_key = secrets.token_urlsafe(30)
    command = [str(_program()), "serve", str(place / "data"), "--address", f"127.0.0.1:{port}"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("S3FRONT_")},
        "S3FRONT_ROOT_ACCESS_KEY": access_key,
        "S3FRONT_ROOT_SECRET_KEY": secret_key,
    }
    log = place / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [*command, *options],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,  # Ctrl-C is for us; the server is stopped by its pid.
        )
    try:
        yield (
            process,
            Server(
                host="127.0.0.1",
                port=port,
                access_key=access_key,
                secret_key=secret_key,
                pid=process.pid,
                log=log,
            ),
        )
    finally:
        stop(process)


def wait_until(process: subprocess.Popen[bytes], server: Server, there: Callable[[], bool]) -> None:
    """Return when ``there`` says so. Raises ServerError, with the end of the server's log."""
    deadline = time.monotonic() + START_S
    while not there():
        status = process.poll()
        if status is not None:
            raise ServerError(f"The server ended with status {status}.\n{end_of_log(server)}")
        if time.monotonic() > deadline:
            text = f"The server was not ready within {START_S:.0f} s."
            raise ServerError(f"{text}\n{end_of_log(server)}")
        time.sleep(_POLL_S)


def wait_ready(process: subprocess.Popen[bytes], server: Server) -> None:
    """Return when ``/-/ready`` is answered 200. Raises ServerError."""
    wait_until(process, server, lambda: _is_ready(server))


def _is_ready(server: Server) -> bool:
    connection = HTTPConnection(server.host, server.port, timeout=5)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def end_of_log(server: Server) -> str:
    """The last lines the server wrote; empty if that is not known."""
    if server.log is None:
        return ""
    try:
        return server.log.read_text(errors="replace")[-2000:]
    except OSError:
        return ""


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it with SIGTERM, and with all its children if that does not help in 40 seconds."""
    if process.poll() is not None:
        return
    family = accounting.tree(process.pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        print(f"bench: the server did not end on SIGTERM within {_STOP_S:.0f} s", file=sys.stderr)
        for pid in reversed(family):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def _program() -> Path:
    program = Path(sys.executable).with_name("s3front")
    if not program.exists():
        raise ServerError(f"{program} is missing; `make setup` installs it.")
    return program


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
