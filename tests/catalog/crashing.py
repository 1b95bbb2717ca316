"""A process that dies in one verb of its storage: ``python crashing.py ROOT WORK POINT``."""

import asyncio
import dataclasses
import os
import sys
from pathlib import Path

from gateway.catalog.placing import part_file
from gateway.catalog.records import Bucket, Part, Version
from gateway.catalog.sqlite import SqliteCatalog
from tests.catalog.files import Files
from tests.catalog.versions import new_upload, new_version


def version_of(
    files: Files, bucket: Bucket, key: str, data: str, *, natural: bool = True
) -> Version:
    version = new_version(
        bucket, key, size=len(data), staged=f"put-{data}", etag=data, natural=natural
    )
    fingerprint = files.stage(f"put-{data}", data)
    return dataclasses.replace(
        version, location=dataclasses.replace(version.location, fingerprint=fingerprint)
    )


async def main(root: Path, work: str, point: str) -> None:
    files = Files(root)
    catalog = SqliteCatalog(root / "catalog.db", placings={"disk": files}, durable=True)
    await catalog.open()
    if point == "":
        bucket = await catalog.create_bucket("b", region="", storage="disk", now_ns=1)
        await catalog.publish(bucket, version_of(files, bucket, "k", "old"))
        await catalog.publish(bucket, version_of(files, bucket, "s", "shadow", natural=False))
        await catalog.aclose()
        return
    bucket = await catalog.bucket("b")
    files.crash = point
    if work == "put":
        await catalog.publish(bucket, version_of(files, bucket, "k", "new"))
    elif work == "put new":
        await catalog.publish(bucket, version_of(files, bucket, "n", "new"))
    elif work == "move":
        await catalog.publish(bucket, version_of(files, bucket, "s", "new"))
    elif work == "remove":
        await catalog.remove(bucket, "k")
    elif work == "delete bucket":
        for key in ("k", "s"):
            files.crash = ""
            await catalog.remove(bucket, key)
        upload = new_upload(bucket, "u")
        await catalog.start_upload(upload)
        files.stage(part_file(upload.id, 1, "x"), "part")
        await catalog.put_part(
            upload.id, Part(number=1, attempt="x", size=4, etag="e", modified_ns=1)
        )
        files.crash = point
        await catalog.delete_bucket("b")
    elif work == "complete":
        upload = new_upload(bucket, "u")
        await catalog.start_upload(upload)
        await catalog.begin_complete(upload.id)
        os._exit(9)
    raise SystemExit("it did not die")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
