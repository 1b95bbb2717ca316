"""moto as an S3 service: one process for a test session, begun when it is first needed."""

import http.client
import subprocess
import sys
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path

from backends.http.client import Timeouts
from backends.s3.settings import read_settings
from backends.s3.storage import S3Storage

_ROOT = Path(__file__).parents[3]
_numbers = count()


class Moto:
    """A process of moto, which ends with ours."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.backends.s3.moto_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def stop(self) -> None:
        """No connection is left, and none is taken; it forgets nothing."""
        self._do("stop")

    def start(self) -> None:
        """Take connections again."""
        self._do("start")

    def close(self) -> None:
        """End it."""
        self.process.communicate(timeout=20)

    def _do(self, what: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(what, file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == f"{what}\n"


@cache
def _started() -> Moto:
    return Moto()


def moto_settings(
    moto: Moto | None = None, /, *, public: bool = False, **others: object
) -> dict[str, object]:
    """Settings for a new bucket of its own, of the process of all tests if none is given. ``public``:
    anybody can read there, by its ``url``."""
    port = (moto or _started()).port
    bucket = f"bucket-{next(_numbers)}"
    connection = http.client.HTTPConnection("127.0.0.1", port)
    scope = "AWS4-HMAC-SHA256 Credential=key/20261126/us-east-1/s3/aws4_request, Signature=any"
    asked = {"Authorization": scope, "x-amz-acl": "public-read" if public else "private"}
    connection.request("PUT", f"/{bucket}", headers=asked)
    assert connection.getresponse().status == 200
    connection.close()
    endpoint = f"http://127.0.0.1:{port}"
    if public:
        others["url"] = f"{endpoint}/{bucket}"
    return {
        "endpoint": endpoint,
        "bucket": bucket,
        "access_key": "key",
        "secret_key": "secret",
        "allow_private": True,
        **others,
    }


def moto_storage(
    *, timeouts: Timeouts | None = None, public: bool = False, **others: object
) -> S3Storage:
    """A storage, not yet open, in a bucket of its own."""
    settings = read_settings(moto_settings(public=public, **others))
    profile = replace(settings.profile, creates=True)  # moto does, but compares no ETag in copying
    return S3Storage(replace(settings, profile=profile), timeouts=timeouts)
