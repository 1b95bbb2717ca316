"""WebDAV servers of others, each a process of the test on loopback with a folder of its own."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

INSTALL = "deploy/packages/install-clients.sh"
USERNAME, PASSWORD, REALM = "ann", 'p"w: é', "files"
_START_S = 30.0
_NOBODY = "nobody"
_ROOT = Path(__file__).parents[3]
_WATCHED = Path(__file__).with_name("watched.py")

_APACHE = """
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
ServerName 127.0.0.1
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authn_file_module {modules}/mod_authn_file.so
LoadModule auth_digest_module {modules}/mod_auth_digest.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule dav_module {modules}/mod_dav.so
LoadModule dav_fs_module {modules}/mod_dav_fs.so
DavLockDB {folder}/locks
DocumentRoot {root}
<Directory {root}>
    Dav On
    AllowOverride {override}
    {access}
</Directory>
"""

_APACHE_DIGEST = """AuthType Digest
    AuthName {realm}
    AuthDigestNonceLifetime {lifetime}
    AuthUserFile {folder}/users
    Require valid-user"""

_NGINX = """
load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
daemon off;
master_process off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            root {root};
            dav_methods PUT DELETE MKCOL COPY MOVE;
            dav_ext_methods PROPFIND OPTIONS;
        }}
    }}
}}
"""

_LIGHTTPD = """
server.modules = ( "mod_webdav" )
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{root}"
server.errorlog = "{folder}/error.log"
server.upload-dirs = ( "{folder}" )
mimetype.assign = ( "" => "application/octet-stream" )
webdav.activate = "enable"
webdav.sqlite-db-name = "{folder}/properties.db"
"""

_SABRE = """<?php
require 'Sabre/autoload.php';
date_default_timezone_set('UTC');
$server = new Sabre\\DAV\\Server(new Sabre\\DAV\\FS\\Directory(getenv('DAV_ROOT')));
$server->setBaseUri('/');
$server->exec();
"""


class Process:
    """A server's processes: a group that ends with ours, and can be ended and begun again."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        port: int,
        environment: Mapping[str, str],
        user: str | None,
    ) -> None:
        self._command = [sys.executable, str(_WATCHED), user or "", *command]
        self._folder = folder
        self._port = port
        self._environment = {**os.environ, **environment}
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it answers."""
        # Of one that was killed: its number may be somebody's by now.
        (self._folder / "pid").unlink(missing_ok=True)
        with (self._folder / "output").open("a") as output:
            self._running = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=self._environment,
                start_new_session=True,
            )
        _wait(self._running, self._folder, self._port)

    def kill(self) -> None:
        """All of it, at once; nobody listens any more when this returns."""
        if self._running is not None:
            os.killpg(self._running.pid, signal.SIGKILL)
            self._end()
            with contextlib.suppress(OSError):
                while True:
                    socket.create_connection(("127.0.0.1", self._port), 1).close()
                    time.sleep(0.01)

    def stop(self) -> None:
        """As it is asked to, by whoever watches it."""
        if self._running is not None:
            assert self._running.stdin is not None
            self._running.stdin.close()
            self._end()

    def _end(self) -> None:
        assert self._running is not None
        assert self._running.stdin is not None
        self._running.stdin.close()
        self._running.wait(20)
        self._running = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that runs. ``root``: the folder it serves; ``url``: where, without a final ``/``.

    ``settings``: what a storage needs besides, for a server that asks who it is.
    """

    url: str
    root: Path
    process: Process
    settings: Mapping[str, object] = field(default_factory=dict)


Start = Callable[[], AbstractContextManager[Running]]


@contextlib.contextmanager
def apache(*, digest_s: int | None = None, override: str = "None") -> Iterator[Running]:
    """mod_dav; with Digest, and nonces that live so many seconds, if ``digest_s`` is given.

    ``override``: what files named ``.htaccess`` may set.
    """
    with _place() as folder:
        (folder / "users").write_text(f"{USERNAME}:{REALM}:{_digest_secret()}\n")
        access = "Require all granted"
        if digest_s is not None:
            access = _APACHE_DIGEST.format(folder=folder, realm=REALM, lifetime=digest_s)
        port = _free_port()
        (folder / "apache.conf").write_text(
            _APACHE.format(
                folder=folder,
                root=folder / "root",
                port=port,
                access=access,
                override=override,
                modules="/usr/lib/apache2/modules",
            )
        )
        command = [_program("apache2"), "-DFOREGROUND", "-f", str(folder / "apache.conf")]
        with _running(command, folder, port, user=_unprivileged(folder)) as running:
            yield running


@contextlib.contextmanager
def nginx() -> Iterator[Running]:
    """With dav-ext."""
    with _place() as folder:
        port = _free_port()
        config = folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, root=folder / "root", port=port))
        command = [_program("nginx"), "-e", str(folder / "error.log"), "-c", str(config)]
        with _running(command, folder, port) as running:
            yield running


@contextlib.contextmanager
def lighttpd() -> Iterator[Running]:
    """mod_webdav, with properties in SQLite."""
    with _place() as folder:
        port = _free_port()
        config = folder / "lighttpd.conf"
        config.write_text(_LIGHTTPD.format(folder=folder, root=folder / "root", port=port))
        with _running([_program("lighttpd"), "-D", "-f", str(config)], folder, port) as running:
            yield running


@contextlib.contextmanager
def sabre() -> Iterator[Running]:
    """sabre/dav of ownCloud's age, under PHP's own server."""
    with _place() as folder:
        port = _free_port()
        (folder / "server.php").write_text(_SABRE)
        command = [_program("php"), "-d", "display_errors=0", "-d", "memory_limit=64M"]
        command += ["-S", f"127.0.0.1:{port}", str(folder / "server.php")]
        environment = {"DAV_ROOT": str(folder / "root"), "PHP_CLI_SERVER_WORKERS": "4"}
        with _running(command, folder, port, environment) as running:
            yield running


@contextlib.contextmanager
def wsgidav(*, schemes: str = "") -> Iterator[Running]:
    """WsgiDAV; with the ``schemes`` "basic", "digest" or "both" if any is named."""
    with _place() as folder:
        port = _free_port()
        users = {USERNAME: {"password": PASSWORD}} if schemes else True
        config = {
            "host": "127.0.0.1",
            "port": port,
            "server": "cheroot",
            "provider_mapping": {"/": str(folder / "root")},
            "http_authenticator": {
                "accept_basic": schemes != "digest",
                "accept_digest": schemes != "basic",
                "default_to_digest": schemes != "basic",
            },
            "simple_dc": {"user_mapping": {"*": users}},
            "property_manager": True,
            "lock_storage": True,
        }
        (folder / "wsgidav.json").write_text(json.dumps(config))
        command = [sys.executable, "-m", "wsgidav.server.server_cli"]
        command += ["--config", str(folder / "wsgidav.json")]
        with _running(command, folder, port) as running:
            yield running


@contextlib.contextmanager
def rclone() -> Iterator[Running]:
    """rclone serve webdav, of a folder."""
    with _place() as folder:
        port = _free_port()
        command = [_program("rclone"), "serve", "webdav", "--config", str(folder / "none")]
        command += ["--addr", f"127.0.0.1:{port}", str(folder / "root")]
        with _running(command, folder, port) as running:
            yield running


@contextlib.contextmanager
def nextcloud() -> Iterator[Running]:
    """An emulator of ours, from Nextcloud's documents and source: there is none to install.

    ``url`` is that of the files of its one user.
    """
    with _place() as folder:
        port = _free_port()
        command = [sys.executable, "-m", "tests.backends.webdav.nextcloud", str(port), str(folder)]
        environment = {"PYTHONPATH": str(_ROOT), "DAV_USER": USERNAME, "DAV_PASSWORD": PASSWORD}
        with _running(command, folder, port, environment) as running:
            yield Running(
                url=f"{running.url}/remote.php/dav/files/{quote(USERNAME)}",
                root=running.root,
                process=running.process,
                settings={"username": USERNAME, "password": PASSWORD},
            )


SERVERS: Mapping[str, Start] = {
    "apache": apache,
    "nginx": nginx,
    "lighttpd": lighttpd,
    "sabre": sabre,
    "wsgidav": wsgidav,
    "rclone": rclone,
    "nextcloud": nextcloud,
}


@contextlib.contextmanager
def _place() -> Iterator[Path]:
    """A folder for one server."""
    with tempfile.TemporaryDirectory(prefix="s3front-webdav-") as name:
        folder = Path(name)
        (folder / "root").mkdir()
        yield folder


@contextlib.contextmanager
def _running(
    command: list[str],
    folder: Path,
    port: int,
    environment: Mapping[str, str] | None = None,
    *,
    user: str | None = None,
) -> Iterator[Running]:
    process = Process(command, folder, port, environment or {}, user)
    try:
        process.start()
        yield Running(url=f"http://127.0.0.1:{port}", root=folder / "root", process=process)
    finally:
        process.stop()


def _unprivileged(folder: Path) -> str | None:
    """Whom Apache runs as, which does not serve as root; the folder becomes theirs."""
    if os.geteuid() != 0:
        return None
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, _NOBODY)
    return _NOBODY


def _wait(process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    end = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, (folder / "output").read_text()
        assert time.monotonic() < end, (folder / "output").read_text()
        time.sleep(0.01)


def _digest_secret() -> str:
    return hashlib.md5(f"{USERNAME}:{REALM}:{PASSWORD}".encode()).hexdigest()


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert found is not None, f"{name} is missing: {INSTALL} installs it"
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
