"""All real clients again, with the bytes on each storage behind a network."""

import os
import subprocess
import sys

import pytest

from tests.clients.endpoint import ROOT, STORAGES

_SECONDS = 3600
_KINDS = list(STORAGES)


@pytest.mark.soak
@pytest.mark.timeout(_SECONDS)
@pytest.mark.parametrize("storage", _KINDS)
def test_what_clients_do_is_the_same_there(storage: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/clients"],
        env={**os.environ, "S3FRONT_TEST_STORAGE": storage},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]


@pytest.mark.timeout(300)
def test_uploads_in_parts_work_there() -> None:
    """The short form: one client, one test, one of them."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            "tests/clients/test_boto3_multipart.py",
        ],
        env={**os.environ, "S3FRONT_TEST_STORAGE": "webdav-wsgidav"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
