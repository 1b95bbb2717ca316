import configparser
import re
import shlex
import subprocess
from pathlib import Path

from click.testing import CliRunner

from gateway.cli.main import main
from gateway.server.storages import refusals
from gateway.settings.loader import load
from tests.house.readme_tables import README, with_tables

ROOT = README.parent


def test_the_generated_tables_of_the_readme_are_those_of_the_code() -> None:
    text = README.read_text()
    assert with_tables(text) == text, "run: make docs"


def test_every_local_link_of_the_docs_leads_somewhere() -> None:
    for page in (README, *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_make_target_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"\bmake ([a-z-]+)", README.read_text())) - {"sure"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_configuration_file_of_the_readme_can_be_used(tmp_path: Path) -> None:
    example = re.search(r"<!-- example: toml -->\n```toml\n(.*?)```", README.read_text(), re.DOTALL)
    assert example is not None
    file = tmp_path / "s3front.toml"
    file.write_text(example[1])
    settings = load(flags={}, environ={}, file=file).settings
    assert [(one.name, one.storage) for one in settings.buckets] == [("thumbnails", "scratch")]
    assert settings.home == "disk"


def test_each_configuration_file_of_the_docs_can_be_used(tmp_path: Path) -> None:
    """What is on a page after its first one may leave the catalog out."""
    file = tmp_path / "s3front.toml"
    for page in (README, *(ROOT / "docs").glob("*.md")):
        blocks = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
        catalog = "".join(re.findall(r"(?m)^catalog .*\n", "".join(blocks[:1])))
        for number, block in enumerate(blocks):
            text = catalog + block if number and "\ncatalog " not in f"\n{block}" else block
            file.write_text(re.sub(r'"file:[^"]*"', '"a-secret"', text))
            settings = load(flags={}, environ={}, file=file).settings
            assert list(refusals(settings)) == [], f"{page.name}: {block}"


def test_the_unit_of_systemd_starts_a_server_and_ends_on_wrong_settings(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "restarting.md").read_text()
    written = re.search(r"```ini\n(.*?)```", page, re.DOTALL)
    assert written is not None
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string(written[1])
    service = unit["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert program.endswith("/bin/s3front")
    assert words[-1] == "/etc/s3front.toml"
    result = CliRunner().invoke(main, [*words[:-1], str(tmp_path / "none.toml")])
    assert "none.toml: it cannot be read" in result.stderr
    assert result.exit_code == int(service["RestartPreventExitStatus"])


def test_ci_runs_the_test_command_of_the_readme_and_nothing_else() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    commands = [
        line
        for line in script.splitlines()
        if line and not line.startswith("#") and not line.startswith(("set ", "cd "))
    ]
    assert commands == ["exec make test"]


def test_no_registry_address_is_pinned() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    for name in tracked:
        if Path(name).name in {"package-lock.json", "go.sum", "go.mod", "constraints.txt"}:
            text = (ROOT / name).read_text()
            assert '"resolved"' not in text, name
            assert "registry." not in text, name
