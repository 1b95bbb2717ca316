"""What an asyncio program does with S3, all at once. Run by aiobotocore's own Python.

Arguments: the bucket. Standard input: a first part of 5 MiB or more. Prints JSON.
"""

import asyncio
import hashlib
import json
import sys
from typing import Any

import aiohttp
from aiobotocore.session import get_session  # type: ignore[import-not-found]  # another venv
from botocore.config import Config
from botocore.exceptions import ClientError


async def main(bucket: str, part: bytes) -> dict[str, Any]:
    """Everything; the answers by name."""
    config = Config(
        s3={"addressing_style": "path"},
        signature_version="s3v4",
        retries={"total_max_attempts": 1},
    )
    async with get_session().create_client("s3", config=config) as s3:
        found: dict[str, Any] = await many(s3, bucket)
        found["multipart"] = await multipart(s3, bucket, part)
        try:
            await s3.get_object(Bucket=bucket, Key="absent")
        except ClientError as error:
            found["missing"] = error.response["Error"]["Code"]
        url = await s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "big"})
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            found["presigned"] = answer.status
        keys = [{"Key": key} for key in [*found["keys"], "big"]]
        await s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
        found["left"] = (await s3.list_objects_v2(Bucket=bucket))["KeyCount"]
    return found


async def many(s3: Any, bucket: str) -> dict[str, Any]:
    """Twenty objects written and read at once."""
    await asyncio.gather(
        *(
            s3.put_object(Bucket=bucket, Key=f"many/{number:02}", Body=f"body {number}".encode())
            for number in range(20)
        )
    )
    keys: list[str] = []
    async for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 7}
    ):
        keys += [each["Key"] for each in page["Contents"]]

    async def read(key: str) -> str:
        answer = await s3.get_object(Bucket=bucket, Key=key)
        async with answer["Body"] as body:
            return str((await body.read()).decode())

    return {"keys": keys, "bodies": list(await asyncio.gather(*map(read, keys)))}


async def multipart(s3: Any, bucket: str, part: bytes) -> str:
    """Two parts at once; SHA-256 of the object."""
    where = {"Bucket": bucket, "Key": "big"}
    upload = (await s3.create_multipart_upload(**where))["UploadId"]
    answers = await asyncio.gather(
        *(
            s3.upload_part(**where, UploadId=upload, PartNumber=number, Body=data)
            for number, data in enumerate((part, b"end"), 1)
        )
    )
    parts = [
        {"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC32": answer["ChecksumCRC32"]}
        for number, answer in enumerate(answers, 1)
    ]
    await s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    answer = await s3.get_object(**where)
    async with answer["Body"] as body:
        return hashlib.sha256(await body.read()).hexdigest()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.stdin.buffer.read()))))
