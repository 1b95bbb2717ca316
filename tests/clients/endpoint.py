"""The endpoint that the clients talk to: S3front in a process of its own, or any other."""

import json
import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.backends.s3.moto_server import moto_settings
from tests.backends.webdav.servers import SERVERS

ROOT = Path(__file__).resolve().parents[2]
ACCESS_KEY = "AKIDCLIENTTESTS00001"
SECRET_KEY = "clients/tests+secret/0123456789/abcdefgh"
_START_S = 30.0
_STOP_S = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where S3 is served, path style, and the keys that own everything there."""

    url: str
    access_key: str
    secret_key: str
    region: str
    domain: str | None
    """``host:port`` under which buckets are sub-domains; None if there is none."""
    is_s3front: bool

    @property
    def host(self) -> str:
        """``host[:port]`` of ``url``."""
        return self.url.partition("://")[2]

    def environment(self, home: Path) -> dict[str, str]:
        """The environment of a client: nothing of the user's configuration reaches it."""
        inherited = {name: os.environ[name] for name in ("PATH", "TZ") if name in os.environ}
        return {
            **inherited,
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(home / "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "aws-credentials"),
            "AWS_PAGER": "",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Files in PEM: a certificate that vouches for itself, and its key."""

    certificate: Path
    key: Path


def self_signed(folder: Path) -> Certificate:
    """A new one for 127.0.0.1, made by openssl, good for a day."""
    made = Certificate(certificate=folder / "certificate.pem", key=folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
         "-keyout", str(made.key), "-out", str(made.certificate)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return made


def configured(environ: Mapping[str, str]) -> Endpoint | None:
    """The endpoint that ``S3FRONT_TEST_ENDPOINT`` names, None if it names none.

    With it go ``S3FRONT_TEST_ACCESS_KEY``, ``S3FRONT_TEST_SECRET_KEY`` (KeyError without them),
    ``S3FRONT_TEST_REGION`` and ``S3FRONT_TEST_DOMAIN``.
    """
    url = environ.get("S3FRONT_TEST_ENDPOINT")
    if not url:
        return None
    return Endpoint(
        url=url.rstrip("/"),
        access_key=environ["S3FRONT_TEST_ACCESS_KEY"],
        secret_key=environ["S3FRONT_TEST_SECRET_KEY"],
        region=environ.get("S3FRONT_TEST_REGION", "us-east-1"),
        domain=environ.get("S3FRONT_TEST_DOMAIN"),
        is_s3front=False,
    )


@contextmanager
def served(
    folder: Path, log: Path, *, tls: Certificate | None = None, storage: str = ""
) -> Iterator[Endpoint]:
    """S3front on ``folder`` while the context lasts. With ``storage``, a name of ``STORAGES``, only its
    catalog is there, and the bytes are on such a storage.

    AssertionError, with the end of the log, if it does not get ready, does not stop on SIGTERM, or
    has logged a traceback: whatever the clients made of it, that is a defect.
    """
    with ExitStack() as beside:
        of_bytes = beside.enter_context(STORAGES[storage]()) if storage else {}
        yield from _served(folder, log, tls, of_bytes)


def _served(
    folder: Path, log: Path, tls: Certificate | None, of_bytes: Mapping[str, object]
) -> Iterator[Endpoint]:
    port = _free_port()
    command = [str(_program()), "serve", str(folder), "--address", f"127.0.0.1:{port}"]
    if of_bytes:
        command[2:3] = ["-c", str(_written(folder, of_bytes))]
    if tls is not None:
        command += ["--tls-cert", str(tls.certificate), "--tls-key", str(tls.key)]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("S3FRONT_")},
        "S3FRONT_ROOT_ACCESS_KEY": ACCESS_KEY,
        "S3FRONT_ROOT_SECRET_KEY": SECRET_KEY,
    }
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=written, stderr=written
        )
    try:
        scheme = "http" if tls is None else "https"
        _wait_ready(process, f"{scheme}://127.0.0.1:{port}", log, tls)
        yield Endpoint(
            url=f"{scheme}://127.0.0.1:{port}",
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            region="us-east-1",
            domain=f"localhost:{port}",
            is_s3front=True,
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(_STOP_S) == 0, f"SIGTERM did not end it well\n{_end_of(log)}"
        assert "Traceback" not in log.read_text(errors="replace"), _end_of(log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _written(folder: Path, of_bytes: Mapping[str, object]) -> Path:
    """A configuration that keeps the catalog in ``folder``, and the bytes elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f'catalog = "sqlite:///{folder}/catalog.db"', "[storages.elsewhere]"]
    # JSON's texts and booleans are TOML's too.
    lines += [f"{name} = {json.dumps(value)}" for name, value in of_bytes.items()]
    file = folder / "s3front.toml"
    file.write_text("\n".join(lines))
    return file


@contextmanager
def _on_s3() -> Iterator[Mapping[str, object]]:
    yield {"type": "s3", **moto_settings(prefix="some/prefix")}


@contextmanager
def _on_webdav(name: str) -> Iterator[Mapping[str, object]]:
    with SERVERS[name]() as server:
        yield {
            "type": "webdav",
            "endpoint": server.url,
            "prefix": "s3",
            "allow_private": True,
            **server.settings,
        }


STORAGES: Mapping[str, Callable[[], AbstractContextManager[Mapping[str, object]]]] = {
    "s3": _on_s3,
    **{f"webdav-{name}": partial(_on_webdav, name) for name in SERVERS},
}
"""Where the bytes may be, by name: the settings of such a storage, while it is there."""


def _program() -> Path:
    program = ROOT / ".venv/bin/s3front"
    assert program.exists(), f"{program} is missing; `make setup` installs it"
    return program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_ready(
    process: subprocess.Popen[bytes], url: str, log: Path, tls: Certificate | None
) -> None:
    trusted = ssl.create_default_context(cafile=tls.certificate) if tls is not None else None
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        status = process.poll()
        assert status is None, f"the server ended with status {status}\n{_end_of(log)}"
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=5, context=trusted) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"the server was not ready after {_START_S:.0f} s\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]
