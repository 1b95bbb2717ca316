"""``s3front storage``."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backends import registry
from backends.trying import Finding, Grade
from gateway.cli.main import main

SECRET = "this-is-secret"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("S3FRONT_", "MINIO_")):
            monkeypatch.delenv(name)
    (tmp_path / "no directory").touch()
    written = tmp_path / "s3front.toml"
    written.write_text(
        f"""
        default_storage = "disk"
        [storages.disk]
        type = "local"
        root = "{tmp_path}/disk"
        [storages.broken]
        type = "local"
        root = "{tmp_path}/no directory"
        [storages.cloud]
        type = "s3"
        endpoint = "https://s3.example.com"
        bucket = "photos"
        prefix = "team"
        access_key = "AKID"
        secret_key = "{SECRET}"
        """
    )
    return written


def call(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["storage", *arguments, "-c", str(file)])


def test_the_list_tells_where_each_is_and_no_secret(file: Path) -> None:
    listed = call(file, "list")
    assert listed.exit_code == 0
    assert f"* disk  local  {file.parent}/disk\n" in listed.output
    assert "cloud  s3  https://s3.example.com, bucket photos, prefix team" in listed.output
    assert SECRET not in listed.output


def test_what_works_exits_well(file: Path) -> None:
    tried = call(file, "test", "disk")
    assert (tried.exit_code, "WRONG" in tried.output) == (0, False)
    assert "ok    read a range of it" in tried.output


def test_of_a_mirror_the_members_are_tried_each_once(file: Path) -> None:
    places = f'catalog = "{file.parent}/catalog.db"\ndefault_storage = "safe"'
    mirror = '[storages.safe]\ntype = "mirror"\nstorages = ["disk", "broken"]\n'
    file.write_text(file.read_text().replace('default_storage = "disk"', places) + mirror)
    tried = call(file, "test", "safe", "disk")
    assert tried.exit_code == 3
    told = [line.partition(":")[0] for line in tried.output.splitlines() if line[0] != " "]
    assert told == ["safe", "disk", "broken"]


def test_what_does_not_exits_with_3(file: Path) -> None:
    tried = call(file, "test", "disk", "broken")
    assert tried.exit_code == 3
    assert "WRONG open it: " in tried.output
    assert "ok    delete it" in tried.output, "the other is tried as well"


def test_a_name_that_is_not_there_exits_with_2(file: Path) -> None:
    tried = call(file, "test", "clod")
    assert tried.exit_code == 2
    assert "no storage 'clod'; the settings have: disk, broken, cloud" in tried.output


def test_json_has_one_finding_a_line(file: Path) -> None:
    tried = call(file, "test", "disk", "--json")
    lines = [json.loads(line) for line in tried.output.splitlines()]
    assert {line["storage"] for line in lines} == {"disk"}
    assert {"grade": "good", "tried": "write", "text": "", "storage": "disk"} in lines


def test_a_missing_permission_shows_the_least_policy(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def probe(_type: str, settings: Mapping[str, object], *, anew: bool) -> Sequence[Finding]:
        assert anew
        assert settings["secret_key"] == SECRET
        text = "AccessDenied: no permission; allow it (s3:PutObject)"
        return [Finding(grade=Grade.WRONG, tried="write", text=text)]

    monkeypatch.setattr(registry, "probe", probe)
    tried = call(file, "test", "cloud")
    assert tried.exit_code == 3
    policy = json.loads(tried.output[tried.output.index("{") :])
    assert policy["Statement"][1]["Resource"] == ["arn:aws:s3:::photos/team/*"]
    assert SECRET not in tried.output
