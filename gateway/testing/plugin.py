"""The pytest plugin of S3front: its fixtures. Imported by pytest alone, and light until one is used."""

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gateway.testing.front import S3Front


@pytest.fixture(scope="session")
def s3front_server() -> Iterator["S3Front"]:
    """An S3 server for the whole session, in this process and in memory. Never emptied by itself."""
    from gateway.testing.front import S3Front  # noqa: PLC0415 - a second, if nobody needs it

    with S3Front() as front:
        yield front


@pytest.fixture
def s3front(s3front_server: "S3Front") -> Iterator["S3Front"]:
    """An S3 server that holds nothing yet: no bucket, no fault, no recorded request."""
    s3front_server.reset()
    yield s3front_server
    s3front_server.faults.clear()


@pytest.fixture
def s3front_environment(s3front: "S3Front", monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The same server where AWS SDKs look for one: in the environment, while the test runs."""
    variables = s3front.environment()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    if "boto3" in sys.modules:
        # Its default session keeps the credentials that it found first.
        monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    return variables
