"""Each fault as an SDK meets it: boto3, unmodified."""

import http.client
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    FlexibleChecksumError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from gateway.testing import S3Front
from tests.testing.boto import client

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

BODY = bytes(range(256)) * 2
LARGE = bytes(range(256)) * 4096


def test_the_second_call_fails_and_the_sdk_tries_again(s3: "S3Client", s3front: S3Front) -> None:
    s3.put_object(Bucket="photos", Key="a", Body=BODY)
    fault = s3front.faults.fail("GetObject", nth=2, code="SlowDown")
    for _ in range(3):
        assert s3.get_object(Bucket="photos", Key="a")["Body"].read() == BODY
    assert (fault.seen, fault.fired) == (4, 1)
    asked = s3front.requests.of("GetObject")
    assert [(one.status, one.error_code) for one in asked] == [
        (200, None), (503, "SlowDown"), (200, None), (200, None),
    ]  # fmt: skip
    assert [one.faults for one in asked] == [(), ("fail",), (), ()]


def test_a_fault_that_stays_uses_up_all_attempts(s3: "S3Client", s3front: S3Front) -> None:
    with (
        s3front.faults.fail("PutObject", code="ServiceUnavailable", times=None) as fault,
        pytest.raises(ClientError) as caught,
    ):
        s3.put_object(Bucket="photos", Key="a", Body=BODY)
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert fault.fired == 3
    # It was not done, and after the block it may be.
    assert s3.list_objects_v2(Bucket="photos")["KeyCount"] == 0
    s3.put_object(Bucket="photos", Key="a", Body=BODY)


def test_an_error_may_be_worded(s3: "S3Client", s3front: S3Front) -> None:
    s3front.faults.fail("HeadBucket", code="AccessDenied")
    s3front.faults.fail("ListBuckets", code="AccessDenied", message="Not today.")
    with pytest.raises(ClientError) as caught:
        s3.list_buckets()
    assert caught.value.response["Error"]["Message"] == "Not today."
    with pytest.raises(ClientError) as caught:
        s3.head_bucket(Bucket="photos")
    assert caught.value.response["Error"]["Code"] == "403"


def test_bucket_and_key_choose_the_request(s3: "S3Client", s3front: S3Front) -> None:
    s3front.create_bucket("other")
    s3front.faults.fail("PutObject", code="AccessDenied", bucket="pho*", key="*.jpg")
    s3.put_object(Bucket="photos", Key="a.txt", Body=BODY)
    s3.put_object(Bucket="other", Key="a.jpg", Body=BODY)
    with pytest.raises(ClientError):
        s3.put_object(Bucket="photos", Key="2026/a.jpg", Body=BODY)


def test_a_late_answer_meets_the_clients_timeout(s3front: S3Front) -> None:
    s3front.create_bucket("photos")
    s3front.faults.delay("PutObject", 600)
    once = {"total_max_attempts": 1}
    with (
        client(s3front.client_arguments(), read_timeout=0.3, retries=once) as hasty,
        pytest.raises(ReadTimeoutError),
    ):
        hasty.put_object(Bucket="photos", Key="a", Body=BODY)
    # What the client cannot know: it was done.
    with client(s3front.client_arguments()) as patient:
        assert patient.get_object(Bucket="photos", Key="a")["Body"].read() == BODY


@pytest.mark.parametrize("after", [0, 1, 100, len(BODY) - 1])
def test_a_body_breaks_off_after_so_many_bytes(
    after: int, s3: "S3Client", s3front: S3Front
) -> None:
    s3.put_object(Bucket="photos", Key="a", Body=BODY)
    s3front.faults.cut("GetObject", after_bytes=after)
    body = s3.get_object(Bucket="photos", Key="a")["Body"]
    with pytest.raises(ResponseStreamingError) as caught:
        body.read()
    assert f"IncompleteRead({after} bytes read, {len(BODY) - after} more" in str(caught.value)
    assert s3.get_object(Bucket="photos", Key="a")["Body"].read() == BODY


def test_a_large_body_breaks_off_at_the_byte(s3front: S3Front, s3: "S3Client") -> None:
    s3.put_object(Bucket="photos", Key="a", Body=LARGE)
    s3front.faults.cut("GetObject", after_bytes=700_001)
    url = s3.generate_presigned_url("get_object", {"Bucket": "photos", "Key": "a"})
    connection = http.client.HTTPConnection("127.0.0.1", s3front.port, timeout=30)
    connection.request("GET", url.removeprefix(s3front.endpoint_url))
    answer = connection.getresponse()
    assert answer.headers["Content-Length"] == str(len(LARGE))
    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    connection.close()
    assert caught.value.partial == LARGE[:700_001]


def test_a_document_breaks_off_too(s3: "S3Client", s3front: S3Front) -> None:
    with s3front.faults.cut("ListBuckets", after_bytes=50, times=None) as fault:
        # Half a document is to botocore what an error of the server is: it tries again.
        with pytest.raises(ClientError, match="reached max retries"):
            s3.list_buckets()
        assert fault.fired == 3
    assert s3.list_buckets()["Buckets"][0]["Name"] == "photos"


def test_a_connection_is_closed_without_an_answer(s3: "S3Client", s3front: S3Front) -> None:
    s3front.faults.cut("PutObject", times=None)
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket="photos", Key="a", Body=BODY)
    assert len(s3front.requests.of("PutObject")) == 3
    assert s3.get_object(Bucket="photos", Key="a")["Body"].read() == BODY


def test_no_answer_leads_to_another_try(s3: "S3Client", s3front: S3Front) -> None:
    s3front.faults.cut("PutObject")
    s3.put_object(Bucket="photos", Key="a", Body=BODY)
    assert [one.faults for one in s3front.requests.of("PutObject")] == [("cut",), ()]


def test_a_changed_bit_is_found_by_the_checksum(s3: "S3Client", s3front: S3Front) -> None:
    s3.put_object(Bucket="photos", Key="a", Body=BODY)
    s3front.faults.wrong_checksum("GetObject")
    with pytest.raises(FlexibleChecksumError):
        s3.get_object(Bucket="photos", Key="a")["Body"].read()
    assert s3.get_object(Bucket="photos", Key="a")["Body"].read() == BODY


def test_a_changed_bit_is_delivered_to_who_does_not_look(s3front: S3Front) -> None:
    s3front.create_bucket("photos")
    arguments = s3front.client_arguments()
    with client(arguments, response_checksum_validation="when_required") as trusting:
        etag = trusting.put_object(Bucket="photos", Key="a", Body=LARGE)["ETag"]
        s3front.faults.wrong_checksum("GetObject")
        got = trusting.get_object(Bucket="photos", Key="a")
        body = got["Body"].read()
        assert got["ETag"] == etag
    assert body[1:] == LARGE[1:]
    assert body[0] ^ LARGE[0] == 1


@pytest.mark.parametrize("operation", ["PutObject", "HeadObject"])
def test_headers_tell_another_checksum(operation: str, s3: "S3Client", s3front: S3Front) -> None:
    true = s3.put_object(Bucket="photos", Key="a", Body=BODY, ChecksumAlgorithm="SHA256")
    s3front.faults.wrong_checksum(operation)
    if operation == "PutObject":
        wrong = s3.put_object(Bucket="photos", Key="a", Body=BODY, ChecksumAlgorithm="SHA256")
        told = wrong["ETag"], wrong["ChecksumSHA256"]
    else:
        head = s3.head_object(Bucket="photos", Key="a", ChecksumMode="ENABLED")
        told = head["ETag"], head["ChecksumSHA256"]
        assert head["ChecksumType"] == "FULL_OBJECT"
    for one, other in zip(told, (true["ETag"], true["ChecksumSHA256"]), strict=True):
        assert one != other
        assert len(one) == len(other)
    kept = s3.head_object(Bucket="photos", Key="a", ChecksumMode="ENABLED")
    assert (kept["ETag"], kept["ChecksumSHA256"]) == (true["ETag"], true["ChecksumSHA256"])


def test_an_empty_object_has_a_wrong_checksum_too(s3: "S3Client", s3front: S3Front) -> None:
    s3.put_object(Bucket="photos", Key="a", Body=b"")
    s3front.faults.wrong_checksum()
    with pytest.raises(FlexibleChecksumError):
        s3.get_object(Bucket="photos", Key="a")["Body"].read()


def test_several_faults_happen_to_one_request(s3: "S3Client", s3front: S3Front) -> None:
    s3.put_object(Bucket="photos", Key="a", Body=BODY)
    s3front.faults.wrong_checksum()
    s3front.faults.cut("GetObject", after_bytes=3)
    url = s3.generate_presigned_url("get_object", {"Bucket": "photos", "Key": "a"})
    connection = http.client.HTTPConnection("127.0.0.1", s3front.port, timeout=30)
    connection.request("GET", url.removeprefix(s3front.endpoint_url))
    with pytest.raises(http.client.IncompleteRead) as caught:
        connection.getresponse().read()
    connection.close()
    assert caught.value.partial == b"\x01\x01\x02"


def test_signatures_are_checked(s3front: S3Front) -> None:
    s3front.create_bucket("photos")
    forged = {**s3front.client_arguments(), "aws_secret_access_key": "another" * 5}
    with client(forged) as stranger, pytest.raises(ClientError) as caught:
        stranger.put_object(Bucket="photos", Key="a", Body=BODY)
    assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
    unknown = {**s3front.client_arguments(), "aws_access_key_id": "SOMEBODY"}
    with client(unknown) as stranger, pytest.raises(ClientError) as caught:
        stranger.list_buckets()
    assert caught.value.response["Error"]["Code"] == "InvalidAccessKeyId"
    assert [one.error_code for one in s3front.requests] == [
        "SignatureDoesNotMatch", "InvalidAccessKeyId",
    ]  # fmt: skip
