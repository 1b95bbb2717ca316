"""Multipart uploads of a bucket, and copies, which may need them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

from backends.errors import NotFound, StorageError, Unavailable
from backends.interface import Fingerprint
from backends.s3.bucket import Bucket, Query
from backends.s3.documents import (
    MAX_DOCUMENT,
    MAX_PAGE,
    Pending,
    Said,
    complete_document,
    etag_in,
    read_pending,
    read_result,
    upload_id_in,
)
from backends.s3.refusals import OF_A_CREATION, Meaning, refusal, replaced

COPIED_A_SECOND = 16 * 1024 * 1024
"""Bytes that a service copies in a second at least."""
MOST_PAGES = 1_000
"""Of open uploads, in one listing."""
COMPLETE_S = 300.0
"""What putting parts together may take longer than other requests."""


async def begin(bucket: Bucket, key: str, headers: Mapping[str, str]) -> str:
    """The id of a new upload."""
    answer = await bucket.send("POST", key, query=[("uploads", "")], headers=headers)
    result = read_result(await answer.document(MAX_DOCUMENT), "InitiateMultipartUploadResult")
    if isinstance(result, Said):
        raise refusal(bucket.where(key), 500, {}, result)
    return upload_id_in(result)


async def copy_part(
    bucket: Bucket,
    source: str,
    key: str,
    part: Query,
    *,
    first: int,
    last: int,
    only_if: Fingerprint,
) -> str:
    """The ETag of a part: bytes ``first`` to ``last`` of ``source``."""
    headers = {"x-amz-copy-source-range": f"bytes={first}-{last}"}
    return await _copied(
        bucket,
        source,
        key,
        query=part,
        headers=headers,
        only_if=only_if,
        size=last + 1 - first,
        result="CopyPartResult",
    )


async def copy(
    bucket: Bucket, source: str, key: str, headers: Mapping[str, str], *, only_if: Fingerprint
) -> str:
    """The ETag of the copy."""
    return await _copied(
        bucket,
        source,
        key,
        query=(),
        headers=headers,
        only_if=only_if,
        size=only_if.size,
        result="CopyObjectResult",
    )


def part(upload: str, number: int) -> Query:
    """What names a part in a request."""
    return [("partNumber", str(number)), ("uploadId", upload)]


async def copy_in_parts(
    bucket: Bucket,
    source: str,
    key: str,
    headers: Mapping[str, str],
    *,
    only_if: Fingerprint,
    size_of_parts: int,
    check: Callable[[], Awaitable[None]],
    create: bool,
) -> str:
    """As ``copy``, of any size but none, and able to ``create``. Nothing is replaced if ``check``,
    asked when all is copied, raises. Unavailable if what was begun may stay at the service."""
    upload = await begin(bucket, key, headers)
    try:
        etags: list[tuple[int, str]] = []
        for first in range(0, only_if.size, size_of_parts):
            number = len(etags) + 1
            last = min(first + size_of_parts, only_if.size) - 1
            etag = await copy_part(
                bucket, source, key, part(upload, number), first=first, last=last, only_if=only_if
            )
            etags.append((number, etag))
        await check()
        return await complete(bucket, key, upload, etags, create=create)
    except BaseException as error:
        try:
            await abort(bucket, key, upload)
        except StorageError as left:
            if isinstance(error, StorageError):
                raise Unavailable(f"{error}; an upload may be left: {left}") from error
        raise


async def complete(
    bucket: Bucket, key: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool
) -> str:
    """The ETag of the whole. Exists if it was to ``create`` and something is there."""
    meaning: Meaning = OF_A_CREATION if create else {}
    answer = await bucket.send(
        "POST",
        key,
        query=[("uploadId", upload)],
        headers={"content-type": "application/xml"} | ({"if-none-match": "*"} if create else {}),
        body=complete_document(parts),
        meaning=meaning,
        extra_s=COMPLETE_S,
    )
    result = read_result(await answer.document(MAX_DOCUMENT), "CompleteMultipartUploadResult")
    if isinstance(result, Said):
        raise _late(bucket.where(key), result, meaning)
    return etag_in(result)


async def pending(bucket: Bucket, *, prefix: str, encoded: bool) -> AsyncGenerator[Pending, None]:
    """Every open upload whose key starts with ``prefix``. Unavailable if a page is not what was asked
    for."""
    query = [("uploads", ""), ("prefix", prefix)]
    if encoded:
        query.append(("encoding-type", "url"))
    after = ("", "")
    for _ in range(MOST_PAGES):
        markers = [("key-marker", after[0]), ("upload-id-marker", after[1])]
        answer = await bucket.send("GET", None, query=[*query, *(m for m in markers if m[1])])
        page = read_pending(await answer.document(MAX_PAGE))
        for upload in page.uploads:
            if not upload.key.startswith(prefix):
                raise Unavailable(f"{bucket.where(None)}: uploads of others were told")
            yield upload
        if page.after is None:
            return
        if page.after == after or not page.after[0]:
            break
        after = page.after
    raise Unavailable(f"{bucket.where(None)}: the listing of uploads goes round in circles")


async def abort(bucket: Bucket, key: str, upload: str) -> None:
    """Drop an upload; there being none is no error."""
    try:
        answer = await bucket.send("DELETE", key, query=[("uploadId", upload)])
    except NotFound:
        return
    await answer.aclose()


async def _copied(
    bucket: Bucket,
    source: str,
    key: str,
    *,
    query: Query,
    headers: Mapping[str, str],
    only_if: Fingerprint,
    size: int,
    result: str,
) -> str:
    meaning: Meaning = {412: lambda _where: replaced(bucket.where(source))}
    asked = {
        "x-amz-copy-source": bucket.source(source),
        "x-amz-copy-source-if-match": f'"{only_if.stamp}"',
    }
    answer = await bucket.send(
        "PUT",
        key,
        query=query,
        headers={**asked, **headers},
        meaning=meaning,
        extra_s=size / COPIED_A_SECOND,
    )
    read = read_result(await answer.document(MAX_DOCUMENT), result)
    if isinstance(read, Said):
        raise _late(bucket.where(key), read, meaning)
    return etag_in(read)


def _late(where: str, said: Said, meaning: Meaning) -> StorageError:
    """An error that came after 200, when the service had begun to work."""
    if said.code in {"PreconditionFailed", "ConditionalRequestConflict"}:
        meant = meaning.get(412)
        return Unavailable(f"{where}: {said.code}") if meant is None else meant(where)
    if said.code.startswith("NoSuch") and said.code != "NoSuchBucket":
        return NotFound(f"{where}: nothing is there")
    return refusal(where, 500, {}, said)
