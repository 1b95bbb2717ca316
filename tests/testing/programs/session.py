"""What a program of aiobotocore does. Run by aiobotocore's own Python; arguments as JSON."""

import asyncio
import json
import sys

from aiobotocore.session import get_session  # type: ignore[import-not-found]  # another venv
from botocore.exceptions import ClientError, FlexibleChecksumError


async def main(arguments: dict[str, str]) -> dict[str, object]:
    """With ``client_arguments()``, as a coroutine test would use them."""
    found: dict[str, object] = {}
    name = {"Bucket": "photos", "Key": "cat.jpg"}
    async with get_session().create_client("s3", **arguments) as s3:
        await s3.put_object(**name, Body=b"a cat")
        try:
            got = await s3.get_object(**name)
            await got["Body"].read()
        except FlexibleChecksumError as error:
            found["corrupt"] = type(error).__name__
        got = await s3.get_object(**name)
        found["body"] = (await got["Body"].read()).decode()
        try:
            await s3.list_objects_v2(Bucket="photos")
        except ClientError as error:
            found["code"] = error.response["Error"]["Code"]
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
