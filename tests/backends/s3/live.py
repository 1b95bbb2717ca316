"""Any S3 that whoever runs the tests has: ``S3FRONT_TEST_S3`` names a TOML file of its settings."""

import os
import secrets
import tomllib
from pathlib import Path

from backends.interface import Storage
from backends.registry import construct

SETTINGS = os.environ.get("S3FRONT_TEST_S3")


def live_storage() -> Storage:
    """A storage, not yet open, below a prefix of its own in the bucket, which is left there."""
    return construct("s3", {**_settings(), "prefix": f"s3front-tests/{secrets.token_hex(8)}"})


def live_profile() -> object:
    """What its settings say of the service."""
    return _settings().get("profile")


def _settings() -> dict[str, object]:
    assert SETTINGS is not None
    return tomllib.loads(Path(SETTINGS).read_text())
