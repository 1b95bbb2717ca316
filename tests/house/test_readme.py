import re
import subprocess
from pathlib import Path

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
