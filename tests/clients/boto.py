"""boto3 clients for the tests."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.clients.endpoint import Endpoint

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@contextmanager
def client(endpoint: Endpoint, **options: Any) -> Iterator["S3Client"]:
    """A client, closed at the end.

    ``options``: access_key, secret_key, url, region, addressing_style, verify (a file of
    certificates), or Config's. Asks once, and signature version 4 unless told otherwise: boto3 presigns with
    version 2 by itself.
    """
    access_key = options.pop("access_key", endpoint.access_key)
    secret_key = options.pop("secret_key", endpoint.secret_key)
    url = options.pop("url", endpoint.url)
    region = options.pop("region", endpoint.region)
    verify = options.pop("verify", None)
    retries = options.pop("retries", {"total_max_attempts": 1})
    style = options.pop("addressing_style", "path")
    behaviour: Any = {"addressing_style": style, **options.pop("s3", {})}
    config = Config(
        s3=behaviour,
        signature_version=options.pop("signature_version", "s3v4"),
        retries=retries,
        connect_timeout=5,
        read_timeout=30,
        **options,
    )
    s3 = boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        verify=verify,
        config=config,
    )
    try:
        yield s3
    finally:
        s3.close()


@contextmanager
def refused(code: str, status: int) -> Iterator[None]:
    """AssertionError unless a call inside is refused with this code and status."""
    with pytest.raises(ClientError) as caught:
        yield
    answer = caught.value.response
    got = (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"])
    assert got == (code, status), answer


def emptied(s3: "S3Client", bucket: str) -> None:
    """Abort all uploads and delete all objects of a bucket."""
    for uploads in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in uploads.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for each in page.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=each["Key"])


@contextmanager
def sub_domains_of_localhost() -> Iterator[None]:
    """Resolve ``*.localhost`` to 127.0.0.1 (RFC 6761, section 6.3), as glibc alone does not."""
    resolve = socket.getaddrinfo

    def resolving(host: Any, *arguments: Any, **options: Any) -> Any:
        is_local = isinstance(host, str) and host.endswith(".localhost")
        return resolve("127.0.0.1" if is_local else host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolving)
        yield
