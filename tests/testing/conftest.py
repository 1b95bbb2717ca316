"""The fixtures are those that installing S3front gives to everybody."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from gateway.testing import S3Front
from tests.testing.boto import client

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@pytest.fixture(scope="session")
def its_client(s3front_server: S3Front) -> Iterator["S3Client"]:
    """boto3 on the server of the session."""
    with client(s3front_server.client_arguments()) as s3:
        yield s3


@pytest.fixture
def s3(s3front: S3Front, its_client: "S3Client", monkeypatch: pytest.MonkeyPatch) -> "S3Client":
    """The same, with the bucket ``photos``; it retries without waiting."""
    s3front.create_bucket("photos")
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    return its_client
