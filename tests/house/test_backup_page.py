"""The commands of docs/backup.md do what the page says."""

import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.live.server import running

PAGE = Path(__file__).parents[2] / "docs" / "backup.md"


def commands() -> list[str]:
    """The lines of all shell examples, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_every_command_of_the_page_works_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("S3FRONT_", "MINIO_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    with running(tmp_path / "data", durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "a//key", b"content", x_amz_meta_m="1")
    lines = commands()
    verbs = [shlex.split(line)[:2] for line in lines]
    assert verbs == [["s3front", verb] for verb in ("rebuild", "backup", "restore")]
    for line in lines:
        arguments = line.replace("/mnt/", f"{tmp_path}/")
        if "restore" in line:
            (tmp_path / "data").rename(tmp_path / "lost")
        result = CliRunner().invoke(main, shlex.split(arguments)[1:])
        assert result.exit_code == 0, (line, result.output)
        assert "1 objects" in result.stdout
    with running(tmp_path / "data", durability="relaxed") as live:
        got = live.client.get("bucket", "a//key")
        assert (got.body, got.headers["x-amz-meta-m"]) == (b"content", "1")


def test_the_options_that_the_page_names_exist() -> None:
    helps = {
        name: CliRunner().invoke(main, [name, "--help"]).output
        for name in ("rebuild", "backup", "restore")
    }
    named = set(re.findall(r"`(--[a-z-]+)", PAGE.read_text()))
    assert {"--from", "--accept-missing", "--verify", "--no-keys", "--storage"} <= named
    for option in named:
        assert any(option in text for text in helps.values()), option
