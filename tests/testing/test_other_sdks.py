"""The same server through SDKs that are not boto3, in processes of their own."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from gateway.testing import S3Front
from tests.clients.programs import CLIENTS, program, run

pytestmark = pytest.mark.timeout(120)
PROGRAMS = Path(__file__).parent / "programs"


def test_aiobotocore(s3front: S3Front, tmp_path: Path) -> None:
    s3front.create_bucket("photos")
    s3front.faults.fail("PutObject", code="SlowDown")
    s3front.faults.wrong_checksum("GetObject")
    s3front.faults.fail("ListObjectsV2", code="AccessDenied")
    arguments = json.dumps(s3front.client_arguments())
    done = run(
        [program("aiobotocore"), PROGRAMS / "session.py", arguments],
        environment={"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"},
        folder=tmp_path,
    )
    assert done.succeeded().json() == {
        "corrupt": "FlexibleChecksumError",
        "body": "a cat",
        "code": "AccessDenied",
    }
    assert [one.status for one in s3front.requests.of("PutObject")] == [503, 200]


def test_the_sdk_for_javascript_beside_dev(tmp_path: Path) -> None:
    program("javascript")
    node = shutil.which("node")
    assert node, "node is not installed; Node.js 20 or newer is needed"
    serve: list[str | Path] = [
        Path(sys.executable).with_name("s3front"),
        "dev",
        "--bucket",
        "photos",
        "--",
    ]
    done = run(
        [*serve, node, PROGRAMS / "session.mjs"],
        environment={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "S3_PACKAGES": str(CLIENTS / "javascript"),
        },
        folder=tmp_path,
        timeout_s=90,
    )
    assert done.succeeded().json() == {
        "armed": 201,
        "corrupt": True,
        "cut": "ECONNRESET",
        "body": "a cat",
        "requests": [
            ["PutObject", 503, "fail"],
            ["PutObject", 503, "fail"],
            ["PutObject", 200, ""],
            ["GetObject", 200, "wrong_checksum"],
            ["GetObject", 200, "cut"],
            ["GetObject", 200, ""],
        ],
        "reset": 200,
        "left": 0,
    }


@pytest.mark.parametrize("name", ["aws-debian", "awscli"])
def test_the_aws_command_line(name: str, s3front: S3Front, tmp_path: Path) -> None:
    s3front.create_bucket("photos")
    s3front.faults.cut("PutObject")
    (tmp_path / "cat.jpg").write_bytes(b"a cat")
    arguments: list[str | Path] = [program(name), "s3", "cp", "cat.jpg", "s3://photos/cat.jpg"]
    if name == "aws-debian":
        # Of 2.9: it does not read AWS_ENDPOINT_URL_S3 yet.
        arguments[1:1] = ["--endpoint-url", s3front.endpoint_url]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **s3front.environment()}
    run(arguments, environment=environment, folder=tmp_path).succeeded()
    assert [one.faults for one in s3front.requests.of("PutObject")] == [("cut",), ()]
