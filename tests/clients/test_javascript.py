"""The AWS SDK for JavaScript: @aws-sdk/client-s3, lib-storage and s3-request-presigner."""

import base64
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.bodies import MIB
from tests.clients.checksums import checksum
from tests.clients.endpoint import Endpoint
from tests.clients.programs import CLIENTS, program, run

pytestmark = pytest.mark.timeout(120)
CASES = Path(__file__).parent / "javascript/cases.mjs"
Case = Callable[[str], Any]


@pytest.fixture
def case(endpoint: Endpoint, bucket: str, home: Path, work: Path) -> Case:
    """Runs one case of cases.mjs in the bucket; what it printed."""
    program("javascript")
    node = shutil.which("node")
    assert node, "node is not installed; Node.js 20 or newer is needed"
    environment = {
        **endpoint.environment(home),
        "S3_ENDPOINT": endpoint.url,
        "S3_DOMAIN": endpoint.domain or "",
        "S3_PACKAGES": str(CLIENTS / "javascript"),
    }

    def run_case(name: str) -> Any:
        words: list[str | Path] = [node, CASES, name, bucket]
        return run(words, environment=environment, folder=work, timeout_s=90).succeeded().json()

    return run_case


def test_objects_are_put_read_copied_and_deleted(case: Case) -> None:
    assert case("objects") == {
        "same": True,
        "range": True,
        "etag": True,
        "type": "text/plain",
        "metadata": {"a": "1"},
        "length": 200_000,
        "tags": [{"Key": "t", "Value": "1"}],
        "size": 200_000,
        "gone": {"code": "NoSuchKey", "status": 404},
        "absent": {"code": "NotFound", "status": 404},
    }


def test_objects_are_listed_and_deleted(case: Case) -> None:
    assert case("listing") == {
        "paged": ["a", "a/b", "a/c/d", "b&<>", "z+é"],
        "prefixes": ["a/"],
        "top": ["a", "b&<>", "z+é"],
        "listed": True,
        "deleted": ["a", "a/b", "a/c/d", "b&<>", "z+é"],
        "left": 0,
    }


def test_every_checksum_it_computes_is_kept(case: Case) -> None:
    answer = case("checksums")
    data = base64.b64decode(answer["data"])
    assert list(answer["found"]) == ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]
    for algorithm, found in answer["found"].items():
        right = checksum(algorithm, data)
        assert found == {"answered": right, "kept": right, "same": True}, algorithm
    assert answer["wrong"] == {"code": "BadDigest", "status": 400}


def test_streams_carry_their_checksum_in_a_trailer(case: Case) -> None:
    answer = case("streams")
    assert list(answer) == ["CRC32", "CRC32C", "CRC64NVME", "SHA256"]
    for algorithm, found in answer.items():
        assert found == {
            "trailer": f"x-amz-checksum-{algorithm.lower()}",
            "framing": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "encoding": "gzip" if algorithm == "SHA256" else None,
            "length": 700_000,
            "same": True,
        }, algorithm


def test_streams_of_unknown_length_are_uploaded_in_parts(case: Case) -> None:
    assert case("multipart") == {
        "parts": True,
        "etag": True,
        "type": "video/mp4",
        "same": True,
        "small": True,
        "partLength": 5 * MIB,
        "abort": "AbortError",
        "keys": ["big", "small"],
    }


def test_presigned_urls_work_without_it(case: Case) -> None:
    assert case("presigned") == {
        "written": 200,
        "etag": True,
        "read": 200,
        "text": "from a browser",
        "changed": 403,
        "bare": 403,
    }


def test_conditions_are_kept(case: Case) -> None:
    answer = case("conditions")
    assert answer["again"] == answer["other"] == {"code": "PreconditionFailed", "status": 412}
    assert answer["same"] is True
    assert answer["unchanged"]["status"] == 304


def test_buckets_are_reached_by_host_name(case: Case, endpoint: Endpoint) -> None:
    if endpoint.domain is None:
        pytest.skip("S3FRONT_TEST_DOMAIN names no domain for virtual hosts")
    assert case("hosts") == {"host": True, "text": "hosted"}


def test_refusals_have_their_names(case: Case) -> None:
    assert case("refusals") == {
        "secret": {"code": "SignatureDoesNotMatch", "status": 403},
        "access": {"code": "InvalidAccessKeyId", "status": 403},
        "bucket": {"code": "NoSuchBucket", "status": 404},
    }
