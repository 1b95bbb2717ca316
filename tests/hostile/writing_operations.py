"""Every operation that writes and is built, each with something it could do."""

import itertools
from collections.abc import Callable, Mapping

from gateway.operations import OPERATIONS
from tests.hostile.signed_attempts import Asked
from tests.live.client import Client

WRITES = frozenset(
    row.name for row in OPERATIONS if row.serve is not None and row.method not in {"GET", "HEAD"}
)
"""By the table that routes requests."""

Prepared = Callable[[Client, str], Asked]
_numbers = itertools.count(1)


def _name() -> str:
    return f"name-{next(_numbers)}"


def _object(client: Client, bucket: str) -> str:
    name = _name()
    assert client.put(bucket, name, b"old", x_amz_tagging="a=b").status == 200
    return name


def _upload(client: Client, bucket: str) -> tuple[str, str]:
    name = _name()
    return name, client.start_upload(bucket, name)


def _create_bucket(_client: Client, _bucket: str) -> Asked:
    return Asked(method="PUT", path=f"/{_name()}")


def _delete_bucket(client: Client, _bucket: str) -> Asked:
    return Asked(method="DELETE", path=f"/{client.make_bucket(_name())}")


def _put_object(client: Client, bucket: str) -> Asked:
    return Asked(method="PUT", path=f"/{bucket}/{_object(client, bucket)}", body=b"new")


def _delete_object(client: Client, bucket: str) -> Asked:
    return Asked(method="DELETE", path=f"/{bucket}/{_object(client, bucket)}")


def _delete_objects(client: Client, bucket: str) -> Asked:
    name = _object(client, bucket)
    body = f"<Delete><Object><Key>{name}</Key></Object></Delete>".encode()
    return Asked(method="POST", path=f"/{bucket}", query="delete=", body=body)


def _copy_object(client: Client, bucket: str) -> Asked:
    source = {"x-amz-copy-source": f"/{bucket}/{_object(client, bucket)}"}
    return Asked(method="PUT", path=f"/{bucket}/{_name()}", headers=source)


def _create_upload(_client: Client, bucket: str) -> Asked:
    return Asked(method="POST", path=f"/{bucket}/{_name()}", query="uploads=")


def _upload_part(client: Client, bucket: str) -> Asked:
    name, upload = _upload(client, bucket)
    query = f"partNumber=1&uploadId={upload}"
    return Asked(method="PUT", path=f"/{bucket}/{name}", query=query, body=b"part")


def _upload_part_copy(client: Client, bucket: str) -> Asked:
    source = {"x-amz-copy-source": f"/{bucket}/{_object(client, bucket)}"}
    name, upload = _upload(client, bucket)
    query = f"partNumber=1&uploadId={upload}"
    return Asked(method="PUT", path=f"/{bucket}/{name}", query=query, headers=source)


def _complete_upload(client: Client, bucket: str) -> Asked:
    name, upload = _upload(client, bucket)
    etag = client.put_part(bucket, name, upload, 1, b"part").headers["etag"]
    part = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    return Asked(method="POST", path=f"/{bucket}/{name}", query=f"uploadId={upload}", body=body)


def _abort_upload(client: Client, bucket: str) -> Asked:
    name, upload = _upload(client, bucket)
    return Asked(method="DELETE", path=f"/{bucket}/{name}", query=f"uploadId={upload}")


def _put_tags(client: Client, bucket: str) -> Asked:
    body = b"<Tagging><TagSet><Tag><Key>c</Key><Value>d</Value></Tag></TagSet></Tagging>"
    name = _object(client, bucket)
    return Asked(method="PUT", path=f"/{bucket}/{name}", query="tagging=", body=body)


def _delete_tags(client: Client, bucket: str) -> Asked:
    return Asked(method="DELETE", path=f"/{bucket}/{_object(client, bucket)}", query="tagging=")


PREPARED: Mapping[str, Prepared] = {
    "AbortMultipartUpload": _abort_upload,
    "CompleteMultipartUpload": _complete_upload,
    "CopyObject": _copy_object,
    "CreateBucket": _create_bucket,
    "CreateMultipartUpload": _create_upload,
    "DeleteBucket": _delete_bucket,
    "DeleteObject": _delete_object,
    "DeleteObjectTagging": _delete_tags,
    "DeleteObjects": _delete_objects,
    "PutObject": _put_object,
    "PutObjectTagging": _put_tags,
    "UploadPart": _upload_part,
    "UploadPartCopy": _upload_part_copy,
}


def snapshot(client: Client, bucket: str) -> list[bytes]:
    """All that a client can see: buckets, objects with their ETags, tags, uploads and their parts."""
    listed = client.request("GET", f"/{bucket}", "list-type=2")
    uploads = client.request("GET", f"/{bucket}", "uploads=")
    seen = [client.request("GET", "/").body, listed.body, uploads.body]
    for key in listed.texts("Contents/Key"):
        seen.append(client.get(bucket, key).body)
        seen.append(client.request("GET", f"/{bucket}/{key}", "tagging=").body)
    for each in uploads.xml().findall("Upload"):
        path = f"/{bucket}/{each.findtext('Key')}"
        seen.append(client.request("GET", path, f"uploadId={each.findtext('UploadId')}").body)
    return seen
