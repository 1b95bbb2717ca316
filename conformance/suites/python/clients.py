"""Clients of S3 itself: MinIO's for Python, aioboto3."""

import asyncio
import io
from collections.abc import Callable

import aioboto3  # type: ignore[import-not-found]  # another venv
from minio import Minio  # type: ignore[import-not-found]  # another venv
from minio.commonconfig import (  # type: ignore[import-not-found]  # another venv
    ComposeSource,
    CopySource,
    Tags,
)
from minio.deleteobjects import DeleteObject  # type: ignore[import-not-found]  # another venv
from minio.error import S3Error  # type: ignore[import-not-found]  # another venv

from conformance.suites.python.asked import (
    ACCESS_KEY,
    ENDPOINT,
    MIB,
    SECRET_KEY,
    content,
    fetched,
    main,
)


def minio(bucket: str) -> None:
    server = Minio(
        endpoint=ENDPOINT.partition("://")[2],
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        secure=ENDPOINT.startswith("https://"),
    )
    data = content(12 * MIB)

    def put(name: str, length: int) -> None:
        server.put_object(
            bucket_name=bucket,
            object_name=name,
            data=io.BytesIO(data),
            length=length,
            part_size=5 * MIB,
        )

    def read(name: str) -> bytes:
        answer = server.get_object(bucket_name=bucket, object_name=name)
        body: bytes = answer.read()
        answer.release_conn()
        return body

    put("known", len(data))
    put("unknown", -1)
    server.copy_object(
        bucket_name=bucket,
        object_name="copy é",
        source=CopySource(bucket_name=bucket, object_name="known"),
    )
    server.compose_object(
        bucket_name=bucket,
        object_name="composed",
        sources=[
            ComposeSource(bucket_name=bucket, object_name=name) for name in ("known", "copy é")
        ],
    )
    listed = server.list_objects(bucket_name=bucket, recursive=True)
    assert {each.object_name: each.size for each in listed} == {
        "known": len(data),
        "unknown": len(data),
        "copy é": len(data),
        "composed": 2 * len(data),
    }
    assert read("unknown") == data
    assert read("composed") == data + data
    assert fetched(server.presigned_get_object(bucket_name=bucket, object_name="copy é")) == data
    tags = Tags.new_object_tags()
    tags["k"] = "v"
    server.set_object_tags(bucket_name=bucket, object_name="known", tags=tags)
    assert dict(server.get_object_tags(bucket_name=bucket, object_name="known")) == {"k": "v"}
    doomed = [DeleteObject(name) for name in ("known", "unknown", "copy é", "composed")]
    assert list(server.remove_objects(bucket_name=bucket, delete_object_list=doomed)) == []
    assert (
        _code_of(lambda: server.stat_object(bucket_name=bucket, object_name="known")) == "NoSuchKey"
    )


def _code_of(do: Callable[[], object]) -> str:
    """The code of the refusal; "" if there is none."""
    try:
        do()
    except S3Error as error:
        return str(error.code)
    return ""


def asynchronous(bucket: str) -> None:
    asyncio.run(_asynchronous(bucket))


async def _asynchronous(bucket: str) -> None:
    data = content(20 * MIB)
    session = aioboto3.Session()
    async with session.client("s3", endpoint_url=ENDPOINT) as client:
        await client.upload_fileobj(io.BytesIO(data), bucket, "a/large")
        target = io.BytesIO()
        await client.download_fileobj(bucket, "a/large", target)
        assert target.getvalue() == data
    async with session.resource("s3", endpoint_url=ENDPOINT) as resource:
        objects = (await resource.Bucket(bucket)).objects
        assert [each.key async for each in objects.filter(Prefix="a/")] == ["a/large"]


if __name__ == "__main__":
    main({"minio": minio, "aioboto3": asynchronous})
