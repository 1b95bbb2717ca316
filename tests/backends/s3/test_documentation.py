"""The page on S3 storages tells what the code does."""

import json
import re
import tomllib
from pathlib import Path

from backends.registry import S3_MAY, S3_NEEDS, construct
from backends.s3.probing import minimum_policy
from backends.s3.profiles import PROFILES
from backends.s3.settings import read_settings
from gateway.settings.model import Settings

PAGE = (Path(__file__).parents[3] / "docs/storages.md").read_text()
EXAMPLES = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]


def test_every_example_is_a_storage() -> None:
    assert len(EXAMPLES) == 6
    for example in EXAMPLES:
        settings = Settings(**example, default_storage=next(iter(example["storages"])))
        for name in example["storages"]:
            assert settings.storages[name].type == "s3"
            construct("s3", settings.storages[name].options)


def test_every_setting_is_told() -> None:
    named = set(re.findall(r"`([a-z_]+)`", PAGE.partition("## Services")[0]))
    assert set(S3_NEEDS) | set(S3_MAY) <= named


def test_the_table_of_services_is_that_of_the_profiles() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| .*? \| (host|path) \| (yes|no) \| (yes|no) \|", PAGE, re.MULTILINE
    )
    yes_or_no = {True: "yes", False: "no"}
    assert rows == [
        (
            name,
            "path" if profile.path_style else "host",
            yes_or_no[profile.creates],
            yes_or_no[profile.copies_if],
        )
        for name, profile in PROFILES.items()
    ]


def test_the_policy_is_the_one_that_is_needed() -> None:
    told = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert told is not None
    given = {"endpoint": "s3.amazonaws.com", "access_key": "k", "secret_key": "s"}
    settings = read_settings({**given, "bucket": "my-bytes", "prefix": "s3front"})
    assert json.loads(told[1]) == minimum_policy(settings)
