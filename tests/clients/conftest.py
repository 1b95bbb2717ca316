"""One server per test process, one bucket per test."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.boto import client, emptied
from tests.clients.endpoint import Endpoint, configured, served

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """Where S3 is served: what S3FRONT_TEST_ENDPOINT names, else a fresh S3front, its bytes where
    S3FRONT_TEST_STORAGE says."""
    other = configured(os.environ)
    if other is not None:
        yield other
        return
    place = tmp_path_factory.mktemp("server")
    storage = os.environ.get("S3FRONT_TEST_STORAGE", "")
    with served(place / "data", place / "log", storage=storage) as endpoint:
        yield endpoint


@pytest.fixture
def s3(endpoint: Endpoint) -> Iterator["S3Client"]:
    """A boto3 client with its defaults, path style."""
    with client(endpoint) as s3:
        yield s3


@pytest.fixture
def bucket(endpoint: Endpoint) -> Iterator[str]:
    """A new bucket, emptied and deleted at the end."""
    name = f"clients-{uuid.uuid4().hex[:20]}"
    with client(endpoint) as s3:
        s3.create_bucket(Bucket=name)
        yield name
        emptied(s3, name)
        s3.delete_bucket(Bucket=name)


@pytest.fixture
def unused_name(endpoint: Endpoint) -> Iterator[str]:
    """A name no bucket has; a bucket of that name is removed at the end."""
    name = f"clients-{uuid.uuid4().hex[:20]}"
    yield name
    with client(endpoint) as s3:
        if name in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
            emptied(s3, name)
            s3.delete_bucket(Bucket=name)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty HOME for a client."""
    place = tmp_path / "home"
    place.mkdir()
    return place


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An empty working directory for a client."""
    place = tmp_path / "work"
    place.mkdir()
    return place


@pytest.fixture
def only_s3front(endpoint: Endpoint) -> None:
    """Skip elsewhere: the test is about what S3front refuses and others may do."""
    if not endpoint.is_s3front:
        pytest.skip("about S3front's own answers")
