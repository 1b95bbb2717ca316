"""docs/applications.md names the suites that there are, and versions that their pins have."""

import re
from pathlib import Path

import pytest

from conformance.__main__ import SUITES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/applications.md").read_text()
PINS = ROOT / "conformance/suites/python"
_CLIENTS = {"mc", "go"}
"""Clients of S3, told in tests/clients/README.md."""


def test_every_suite_of_an_application_is_on_the_page_and_no_other() -> None:
    assert (
        set(re.findall(r"\| suite `(\w+)` \|", PAGE)) == {each.name for each in SUITES} - _CLIENTS
    )


_BUILT = {
    "CNCF Distribution": "registry",
    "PocketBase": "pocketbase",
    "Litestream": "litestream",
    "Hadoop": "hadoop",
    "Spark": "spark",
    "AWS SDK for Rust": "rust",
    "rust-s3": "rust_s3",
    "OpenTofu": "opentofu",
    "tusd": "tusd",
    "VictoriaMetrics": "victoriametrics",
    "rclone": "rclone",
    "Go Cloud Development Kit": "go_cdk",
}
"""Programs that a suite builds: their name on the page ▶ the suite."""


@pytest.mark.parametrize("word", ["Django", "DVC", "MLflow", "Delta Lake", *_BUILT])
def test_versions_on_the_page_are_those_that_are_installed(word: str) -> None:
    row = re.search(rf"^\| \[{word}\][^|]*\| (\S+)[^|]*\|", PAGE, re.MULTILINE)
    assert row is not None, word
    assert re.search(rf"(?:[ v]|==){re.escape(row[1])}(?:\.|$|\n)", _pinned(word)), row[1]


def _pinned(word: str) -> str:
    """The line that pins what the page calls ``word``."""
    if word in _BUILT:
        return next(each.version for each in SUITES if each.name == _BUILT[word])
    package, file = {
        "Django": ("Django", "django"),
        "DVC": ("dvc", "dvc"),
        "MLflow": ("mlflow-skinny", "mlflow"),
        "Delta Lake": ("deltalake", "libraries"),
    }[word]
    lines = (PINS / f"{file}.txt").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{package}=="))
