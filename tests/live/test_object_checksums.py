"""The ten checksums: stored, verified, answered."""

import pytest

from gateway.s3.checksums import DIGEST_SIZES, checksum_of, composite
from sigv4.payload import UNSIGNED_PAYLOAD
from tests.live.client import Client
from tests.live.server import Live

BODY = b"What is checked on the way in is told on the way out."
ALGORITHMS = list(DIGEST_SIZES)
PART = 5 * 1024**2


def _header(algorithm: str) -> str:
    return f"x-amz-checksum-{algorithm.lower()}"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_is_verified_kept_and_told(client: Client, bucket: str, algorithm: str) -> None:
    value = checksum_of(algorithm, BODY)
    answer = client.request("PUT", f"/{bucket}/key", headers={_header(algorithm): value}, body=BODY)
    assert answer.status == 200
    assert answer.headers[_header(algorithm)] == value
    got = client.get(bucket, "key", x_amz_checksum_mode="ENABLED")
    assert got.headers[_header(algorithm)] == value
    assert got.headers["x-amz-checksum-type"] == "FULL_OBJECT"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_checksum_of_other_bytes_is_a_bad_digest(
    live: Live, client: Client, bucket: str, algorithm: str
) -> None:
    wrong = checksum_of(algorithm, b"other")
    answer = client.request("PUT", f"/{bucket}/key", headers={_header(algorithm): wrong}, body=BODY)
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert algorithm in (answer.text("Message") or "")
    assert (live.files(bucket), live.staged()) == ([], [])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_value_that_is_no_checksum_is_refused(
    client: Client, bucket: str, algorithm: str
) -> None:
    answer = client.request(
        "PUT", f"/{bucket}/key", headers={_header(algorithm): "bm8="}, body=BODY
    )
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert _header(algorithm) in (answer.text("Message") or "")


def test_checksums_are_told_only_if_asked_for(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    assert not [name for name in client.get(bucket, "key").headers if "checksum" in name]


def test_an_object_without_a_checksum_of_its_own_gets_crc64nvme(
    client: Client, bucket: str
) -> None:
    client.put(bucket, "key", BODY)
    told = client.get(bucket, "key", x_amz_checksum_mode="ENABLED").headers
    assert told["x-amz-checksum-crc64nvme"] == checksum_of("CRC64NVME", BODY)
    assert told["x-amz-checksum-type"] == "FULL_OBJECT"


def test_a_head_tells_the_checksum_too(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    # As the C++ SDK spells it.
    answer = client.request("HEAD", f"/{bucket}/key", headers={"x-amz-checksum-mode": "enabled"})
    assert answer.headers["x-amz-checksum-crc64nvme"] == checksum_of("CRC64NVME", BODY)


def test_a_range_has_no_checksum_of_the_whole(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    answer = client.get(bucket, "key", range="bytes=1-3", x_amz_checksum_mode="ENABLED")
    assert answer.status == 206
    assert not [name for name in answer.headers if "checksum" in name]


def test_two_checksums_at_once_are_refused(client: Client, bucket: str) -> None:
    headers = {_header(each): checksum_of(each, BODY) for each in ("CRC32", "SHA256")}
    answer = client.request("PUT", f"/{bucket}/key", headers=headers, body=BODY)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_an_sdk_algorithm_without_its_checksum_is_refused(client: Client, bucket: str) -> None:
    answer = client.put(bucket, "key", BODY, x_amz_sdk_checksum_algorithm="CRC32")
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_object_attributes_tell_size_etag_class_and_checksum(client: Client, bucket: str) -> None:
    value = checksum_of("SHA256", BODY)
    put = client.put(bucket, "key", BODY, x_amz_checksum_sha256=value)
    wanted = "ETag,Checksum,ObjectSize,StorageClass,ObjectParts"
    answer = client.get(bucket, "key", "attributes", x_amz_object_attributes=wanted)
    assert answer.status == 200
    assert answer.text("ETag") == put.headers["etag"].strip('"')
    assert answer.text("Checksum/ChecksumSHA256") == value
    assert answer.text("Checksum/ChecksumType") == "FULL_OBJECT"
    assert answer.text("ObjectSize") == str(len(BODY))
    assert answer.text("StorageClass") == "STANDARD"
    assert answer.text("ObjectParts") is None


def test_object_attributes_tell_only_what_was_asked(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    answer = client.get(bucket, "key", "attributes", x_amz_object_attributes="ObjectSize")
    assert [element.tag for element in answer.xml()] == ["ObjectSize"]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256", "XXHASH128", "MD5"])
def test_a_multipart_object_has_the_composite_of_its_parts(
    client: Client, bucket: str, algorithm: str
) -> None:
    bodies = [b"a" * PART, b"tail"]
    upload = client.start_upload(bucket, "big", x_amz_checksum_algorithm=algorithm)
    values = [checksum_of(algorithm, body) for body in bodies]
    etags, more = [], {}
    for number, (body, value) in enumerate(zip(bodies, values, strict=True), start=1):
        named = {_header(algorithm): value}
        answer = client.put_part(bucket, "big", upload, number, body, **named)
        assert answer.headers[_header(algorithm)] == value
        etags.append((number, answer.headers["etag"]))
        more[number] = f"<Checksum{algorithm}>{value}</Checksum{algorithm}>"
    done = client.complete(bucket, "big", upload, etags, more=more)
    assert done.text(f"Checksum{algorithm}") == composite(algorithm, values)
    assert done.text("ChecksumType") == "COMPOSITE"
    told = client.get(bucket, "big", x_amz_checksum_mode="ENABLED").headers
    assert told[_header(algorithm)] == composite(algorithm, values)
    assert told["x-amz-checksum-type"] == "COMPOSITE"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_a_multipart_object_has_the_checksum_of_all_its_bytes(
    client: Client, bucket: str, algorithm: str
) -> None:
    bodies = [b"a" * PART, b"tail"]
    named = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": "FULL_OBJECT"}
    done = client.upload(bucket, "big", bodies, **named)
    value = checksum_of(algorithm, b"".join(bodies))
    assert done.text(f"Checksum{algorithm}") == value
    assert done.text("ChecksumType") == "FULL_OBJECT"
    told = client.get(bucket, "big", x_amz_checksum_mode="ENABLED").headers
    assert told[_header(algorithm)] == value


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_part_has_its_own_checksum(client: Client, bucket: str, method: str) -> None:
    bodies = [b"a" * PART, b"tail"]
    client.upload(bucket, "big", bodies)
    for number, body in enumerate(bodies, start=1):
        headers = {"x-amz-checksum-mode": "ENABLED"}
        answer = client.request(method, f"/{bucket}/big", f"partNumber={number}", headers=headers)
        assert answer.status == 206
        assert answer.headers["x-amz-checksum-crc64nvme"] == checksum_of("CRC64NVME", body)


def test_a_multipart_object_without_an_algorithm_has_crc64nvme(client: Client, bucket: str) -> None:
    bodies = [b"a" * PART, b"tail"]
    client.upload(bucket, "big", bodies)
    told = client.get(bucket, "big", x_amz_checksum_mode="ENABLED").headers
    assert told["x-amz-checksum-crc64nvme"] == checksum_of("CRC64NVME", b"".join(bodies))


def test_a_whole_checksum_that_does_not_fit_leaves_the_upload_open(
    client: Client, bucket: str
) -> None:
    upload = client.start_upload(
        bucket, "big", x_amz_checksum_algorithm="CRC32", x_amz_checksum_type="FULL_OBJECT"
    )
    etag = client.put_part(bucket, "big", upload, 1, BODY).headers["etag"]
    wrong = checksum_of("CRC32", b"other")
    refused = client.complete(
        bucket, "big", upload, [(1, etag)],
        x_amz_checksum_crc32=wrong, x_amz_checksum_type="FULL_OBJECT",
    )  # fmt: skip
    assert (refused.status, refused.code) == (400, "BadDigest")
    right = checksum_of("CRC32", BODY)
    done = client.complete(
        bucket, "big", upload, [(1, etag)],
        x_amz_checksum_crc32=right, x_amz_checksum_type="FULL_OBJECT",
    )  # fmt: skip
    assert done.status == 200


def test_a_whole_checksum_of_another_algorithm_is_refused_and_not_passed_over(
    client: Client, bucket: str
) -> None:
    upload = client.start_upload(bucket, "big")
    etag = client.put_part(bucket, "big", upload, 1, BODY).headers["etag"]
    wrong = checksum_of("CRC32", b"other")
    answer = client.complete(bucket, "big", upload, [(1, etag)], x_amz_checksum_crc32=wrong)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert client.get(bucket, "big").code == "NoSuchKey"


def test_a_part_of_another_algorithm_than_its_upload_is_refused(
    client: Client, bucket: str
) -> None:
    upload = client.start_upload(bucket, "big", x_amz_checksum_algorithm="SHA256")
    value = checksum_of("CRC32", BODY)
    answer = client.put_part(bucket, "big", upload, 1, BODY, x_amz_checksum_crc32=value)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert "sha256" in (answer.text("Message") or "")


def test_a_part_whose_checksum_does_not_fit_is_refused(
    live: Live, client: Client, bucket: str
) -> None:
    upload = client.start_upload(bucket, "big", x_amz_checksum_algorithm="SHA256")
    value = checksum_of("SHA256", b"other")
    answer = client.put_part(bucket, "big", upload, 1, BODY, x_amz_checksum_sha256=value)
    assert (answer.status, answer.code) == (400, "BadDigest")
    client.request("DELETE", f"/{bucket}/big", f"uploadId={upload}")
    assert live.staged(upload) == []


@pytest.mark.parametrize("algorithm", ["SHA256", "XXHASH3"])
def test_a_type_that_an_algorithm_cannot_have_is_refused(
    client: Client, bucket: str, algorithm: str
) -> None:
    headers = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": "FULL_OBJECT"}
    answer = client.request("POST", f"/{bucket}/big", "uploads", headers=headers)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_object_attributes_list_the_parts_in_pages(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big", x_amz_checksum_algorithm="SHA256")
    bodies = {1: b"a" * PART, 3: b"b" * PART, 7: b"c"}
    etags, more = [], {}
    for number, body in bodies.items():
        value = checksum_of("SHA256", body)
        answer = client.put_part(bucket, "big", upload, number, body, x_amz_checksum_sha256=value)
        etags.append((number, answer.headers["etag"]))
        more[number] = f"<ChecksumSHA256>{value}</ChecksumSHA256>"
    client.complete(bucket, "big", upload, etags, more=more)
    first = client.get(
        bucket, "big", "attributes", x_amz_object_attributes="ObjectParts", x_amz_max_parts="2"
    )
    assert first.texts("ObjectParts/Part/PartNumber") == ["1", "3"]
    assert first.text("ObjectParts/PartsCount") == "3"
    assert first.text("ObjectParts/IsTruncated") == "true"
    marker = first.text("ObjectParts/NextPartNumberMarker") or ""
    second = client.get(
        bucket, "big", "attributes",
        x_amz_object_attributes="ObjectParts", x_amz_part_number_marker=marker,
    )  # fmt: skip
    assert second.texts("ObjectParts/Part/PartNumber") == ["7"]
    assert second.texts("ObjectParts/Part/Size") == ["1"]
    assert second.text("ObjectParts/Part/ChecksumSHA256") == checksum_of("SHA256", b"c")
    assert second.text("ObjectParts/IsTruncated") == "false"


def test_a_checksum_and_an_unsigned_body_go_together(client: Client, bucket: str) -> None:
    headers = {"x-amz-checksum-crc32": checksum_of("CRC32", b"other")}
    answer = client.request(
        "PUT", f"/{bucket}/key", headers=headers, body=BODY, payload_hash=UNSIGNED_PAYLOAD
    )
    assert answer.code == "BadDigest"
