"""The commands as people call them."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner, Result

from gateway.access.credentials import Credentials, Kept
from gateway.cli.banner import banner
from gateway.cli.main import COMMANDS, main
from gateway.server.start import Started
from gateway.settings.address import Address
from gateway.settings.model import Settings, named

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("S3FRONT_", "MINIO_")):
            monkeypatch.delenv(name)


def call(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environ)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = call(name, "--help")
    assert result.exit_code == 0
    assert f"Usage: main {name}" in result.output
    assert COMMANDS[name].help in call("--help").output


def test_help_teaches_by_examples() -> None:
    assert "s3front serve ./photos " in call("--help").output
    serve = call("serve", "--help").output
    assert "S3FRONT_BUCKETS=raw,site s3front serve ./data" in serve
    for flag in (
        "--address", "--workers", "--domain", "--public-url", "--trusted-proxies", "--region",
        "--durability", "--log-format", "--tls-cert", "--tls-key",
    ):  # fmt: skip
        assert flag in serve


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys; from gateway.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'asyncio', 'httptools', 'structlog', 'prometheus_client', 'apsw'}\n"
        "sys.exit(','.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_version_is_told() -> None:
    assert call("--version").output.startswith("s3front ")
    assert call("version").output == call("--version").output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    result = call("completion", shell)
    assert result.exit_code == 0
    assert "_S3FRONT_COMPLETE" in result.output


@pytest.mark.parametrize(
    "command", [["serve"], ["server"], ["config", "check"], ["config", "show"]]
)
def test_wrong_settings_exit_2_and_name_key_and_fix(command: list[str]) -> None:
    result = call(*command, "./data", "--workers", "x", S3FRONT_REGION="!")
    assert result.exit_code == 2
    assert "--workers: input should be a valid integer" in result.stderr
    assert "S3FRONT_REGION: '!' is no region. Use lower-case letters" in result.stderr
    assert not Path("data").exists()


def test_config_check_reads_the_certificate(tmp_path: Path) -> None:
    result = call("config", "check", "data", "--tls-cert", "gone.pem", "--tls-key", "gone.pem")
    assert result.exit_code == 2
    assert f"{tmp_path}/gone.pem cannot be read" in result.stderr


def test_config_check_refuses_what_a_start_would_and_names_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "s3front.toml").write_text(
        "default_storage = 'nas'\n[storages.nas]\ntype = 'webdav'\nendpoint = 'http://nas.lan/dav'\n"
        "username = 'me'\npassword = 'unseen'\n"
        "[storages.disk]\ntype = 'local'\nroot = 'data'\ndurability = 'some'\n"
    )
    result = call("config", "check")
    assert result.exit_code == 2
    assert "storages.nas: endpoint is http" in result.stderr
    assert "storages.disk: durability is" in result.stderr
    assert "catalog: it is not set, and the default storage 'nas'" in result.stderr
    assert "unseen" not in result.output
    assert not (tmp_path / "data").exists()


def test_config_show_hides_secrets_alone(tmp_path: Path) -> None:
    (tmp_path / "s3front.toml").write_text(
        "[storages.nas]\ntype = 'webdav'\nendpoint = 'https://nas.lan'\ntoken = 'unseen'\n"
        "allow_private = true\n"
    )
    lines = call("config", "show").output.splitlines()
    assert 'token = "(hidden)"' in lines
    assert "allow_private = true" in lines


def test_config_check_warns_about_unknown_names() -> None:
    result = call("config", "check", "data", S3FRONT_WORKER="3")
    assert result.exit_code == 0
    assert result.stdout == "The settings can be used.\n"
    assert "S3FRONT_WORKER is no setting and is ignored; did you mean S3FRONT_WORKERS?" in (
        result.stderr
    )


def test_config_show_tells_each_value_and_its_origin_but_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "s3front.toml"
    file.write_text("region = 'eu-west-1'\n[storages.disk]\ntype = 'local'\nroot = '/srv'\n")
    result = call(
        "config", "show", "--workers", "2", "--domain", "a.test", "--domain", "b.test",
        MINIO_ROOT_USER="admin", S3FRONT_ROOT_SECRET_KEY="very-secret", S3FRONT_BUCKETS="raw,site",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "very-secret" not in result.output
    lines = result.output.splitlines()
    assert "# MinIO's names are understood: MINIO_ROOT_USER as S3FRONT_ROOT_ACCESS_KEY" in lines
    assert 'region = "eu-west-1"  # region in s3front.toml' in lines
    assert "workers = 2  # --workers" in lines
    assert 'domains = ["a.test", "b.test"]  # --domain' in lines
    assert 'buckets = ["raw", "site"]  # S3FRONT_BUCKETS' in lines
    assert 'root_secret_key = "(hidden)"  # S3FRONT_ROOT_SECRET_KEY' in lines
    assert 'root = "/srv"' in lines


def test_config_show_lists_settings_that_are_not_set_too() -> None:
    text = call("config", "show").output
    for name in set(Settings.model_fields) - {"storages"}:
        assert f"\n{name} = " in f"\n{text}" or f"\n# {name} is not set\n" in text


@pytest.mark.parametrize("name", ["serve", "server"])
def test_help_tells_each_setting_with_its_variable_and_its_default(name: str) -> None:
    text = " ".join(call(name, "--help").output.split())
    for field in Settings.model_fields:
        if named(field).flag is not None:
            assert f"{named(field).flag} " in text
            assert f"[{named(field).env}" in text
    assert "[S3FRONT_ADDRESS; default: 127.0.0.1:9000]" in text


def test_a_storage_that_cannot_be_used_exits_3(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "serve", "file", "--address", "127.0.0.1:0"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert f"{tmp_path}/file is not a directory. Name a directory" in done.stderr
    assert "Traceback" not in done.stderr


class Ready(BaseHTTPRequestHandler):
    """Answers as a server would."""

    status: ClassVar[int] = 200
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"said\n")

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Ready)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (500, 1)])
def test_healthcheck_exits_by_readiness(
    port: int, status: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ready, "status", status)
    monkeypatch.setattr(Ready, "asked", [])
    by_flag = call("healthcheck", "--address", f"127.0.0.1:{port}")
    by_environment = call("healthcheck", S3FRONT_ADDRESS=f"0.0.0.0:{port}")
    assert by_flag.exit_code == by_environment.exit_code == code
    assert Ready.asked == ["/-/ready", "/-/ready"]
    assert "said" in (by_flag.stdout if code == 0 else by_flag.stderr)


def test_healthcheck_exits_1_if_nobody_answers_or_the_settings_are_wrong() -> None:
    with socket.socket() as silent:  # bound, so that no one else gets the port, but not listening
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        nobody = call("healthcheck", "--address", address, "--timeout", "0.5")
    assert nobody.exit_code == 1
    assert "does not answer" in nobody.stderr
    assert "Is the server running there, without TLS?" in nobody.stderr
    assert call("healthcheck", S3FRONT_WORKERS="x").exit_code == 1


def started(
    kept: Kept | None,
    *,
    given: tuple[str, str] = ("S3FRONT_ROOT_ACCESS_KEY", "S3FRONT_ROOT_SECRET_KEY"),
    metrics: str = "127.0.0.1",
) -> Started:
    return Started(
        address=Address(host="", port=9000),
        tls=False,
        region="us-east-1",
        storages={"disk": "/srv"},
        credentials=Credentials(root_access_key="AKIA", root_secret_key="very-secret"),
        kept=kept,
        given=given,
        metrics=Address(host=metrics, port=9100),
    )


def kept(tmp_path: Path, *, generated: bool) -> Kept:
    return Kept(
        credentials=Credentials(root_access_key="AKIA", root_secret_key="very-secret"),
        file=tmp_path / "my keys",
        generated=generated,
    )


def test_the_banner_shows_generated_keys_and_a_line_to_paste(tmp_path: Path) -> None:
    text = banner(started(kept(tmp_path, generated=True)), "1.0")
    assert "export AWS_ACCESS_KEY_ID=AKIA" in text
    assert "export AWS_SECRET_ACCESS_KEY=very-secret" in text
    assert "aws --endpoint-url http://127.0.0.1:9000 s3 ls" in text
    assert "http://127.0.0.1:9100/metrics" in text


@pytest.mark.parametrize(
    ("origin", "reference"),
    [
        ("S3FRONT_ROOT_SECRET_KEY", '"$S3FRONT_ROOT_SECRET_KEY"'),
        ("S3FRONT_ROOT_SECRET_KEY_FILE", '"$(cat "$S3FRONT_ROOT_SECRET_KEY_FILE")"'),
        ("MINIO_ROOT_PASSWORD", '"$MINIO_ROOT_PASSWORD"'),
        ("MINIO_ROOT_PASSWORD_FILE", '"$(cat "$MINIO_ROOT_PASSWORD_FILE")"'),
        ("root_secret_key in s3front.toml", "..."),
    ],
)
def test_the_line_to_paste_takes_given_keys_from_where_they_are(
    origin: str, reference: str
) -> None:
    text = banner(started(None, given=("MINIO_ROOT_USER", origin)), "1.0")
    assert 'export AWS_ACCESS_KEY_ID="$MINIO_ROOT_USER"\n' in text
    assert f"export AWS_SECRET_ACCESS_KEY={reference}\n" in text


def test_the_metrics_of_all_interfaces_are_told_by_an_address_that_can_be_asked() -> None:
    assert "http://127.0.0.1:9100/metrics" in banner(started(None, metrics=""), "1.0")


def test_the_banner_never_shows_a_secret_it_did_not_generate(tmp_path: Path) -> None:
    assert "very-secret" not in banner(started(None), "1.0")
    later = banner(started(kept(tmp_path, generated=False)), "1.0")
    assert "very-secret" not in later
    assert f"export AWS_SHARED_CREDENTIALS_FILE='{tmp_path}/my keys'" in later
