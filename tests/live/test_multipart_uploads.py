"""Multipart uploads, from start to end."""

import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5

import pytest

from backends.errors import Unavailable
from backends.local.reading import LocalContent
from gateway.catalog.records import Bucket, Upload
from gateway.s3.checksums import checksum_of
from tests.live.client import Client
from tests.live.server import Live

PART = 5 * 1024**2


def part(number: int, size: int = PART) -> bytes:
    return bytes([number % 256]) * size


def etag_of(parts: list[bytes]) -> str:
    digest = md5(b"".join(md5(each).digest() for each in parts)).hexdigest()
    return f'"{digest}-{len(parts)}"'


def test_a_whole_upload(live: Live, client: Client, bucket: str) -> None:
    parts = [part(1), part(2), part(3, 100)]
    done = client.upload(bucket, "a/big", parts, content_type="text/plain", x_amz_meta_a="1")
    assert done.status == 200
    assert done.xml().tag == "CompleteMultipartUploadResult"
    assert (done.text("Bucket"), done.text("Key")) == (bucket, "a/big")
    assert done.text("ETag") == etag_of(parts)
    assert done.text("Location") == f"http://{client.host}/{bucket}/a/big"
    got = client.get(bucket, "a/big")
    assert got.body == b"".join(parts)
    assert got.headers["etag"] == etag_of(parts)
    assert got.headers["content-type"] == "text/plain"
    assert got.headers["x-amz-meta-a"] == "1"
    assert (live.files(bucket), live.staged()) == (["a/big"], [])


def test_parts_may_come_in_any_order(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    etags = {
        number: client.put_part(bucket, "big", upload, number, part(number)).headers["etag"]
        for number in (3, 1, 2)
    }
    assert client.complete(bucket, "big", upload, sorted(etags.items())).status == 200
    assert client.get(bucket, "big").body == part(1) + part(2) + part(3)


def test_numbers_may_have_gaps(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    etags = [
        (number, client.put_part(bucket, "big", upload, number, part(number)).headers["etag"])
        for number in (2, 7, 10_000)
    ]
    assert client.complete(bucket, "big", upload, etags).status == 200
    assert client.get(bucket, "big").body == part(2) + part(7) + part(10_000)


def test_a_part_sent_again_replaces_the_first(live: Live, client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    client.put_part(bucket, "big", upload, 1, part(9))
    client.put_part(bucket, "big", upload, 1, part(8))
    again = client.put_part(bucket, "big", upload, 1, part(7)).headers["etag"]
    second = client.put_part(bucket, "big", upload, 2, b"end").headers["etag"]
    assert len(live.staged(upload)) == 2
    assert client.complete(bucket, "big", upload, [(1, again), (2, second)]).status == 200
    assert client.get(bucket, "big").body == part(7) + b"end"
    assert live.staged(upload) == []


def test_parts_of_other_sizes_are_put_together(client: Client, bucket: str) -> None:
    parts = [part(1), part(2, PART + 1), part(3, PART + 77), part(4, 5)]
    assert client.upload(bucket, "big", parts).status == 200
    assert client.get(bucket, "big").body == b"".join(parts)


def test_completing_parts_that_lie_in_place_moves_their_one_file(
    live: Live, client: Client, bucket: str
) -> None:
    upload = client.start_upload(bucket, "big")
    etags = [
        (number, client.put_part(bucket, "big", upload, number, part(number)).headers["etag"])
        for number in (2, 1)
    ]
    (name,) = live.staged(upload)
    inode = (live.root / ".s3front" / "staged" / name).stat().st_ino
    client.complete(bucket, "big", upload, sorted(etags))
    assert (live.root / bucket / "big").stat().st_ino == inode


def test_completing_some_of_the_parts_copies_them(live: Live, client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    etags = [
        (number, client.put_part(bucket, "big", upload, number, part(number)).headers["etag"])
        for number in (1, 2, 3)
    ]
    (name,) = live.staged(upload)
    inode = (live.root / ".s3front" / "staged" / name).stat().st_ino
    assert client.complete(bucket, "big", upload, [etags[0], etags[2]]).status == 200
    assert client.get(bucket, "big").body == part(1) + part(3)
    assert (live.root / bucket / "big").stat().st_ino != inode
    assert live.staged() + live.staged(upload) == []


def test_a_completion_that_fails_at_last_leaves_all_parts(
    live: Live, client: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer comes between the look at the condition and the commit."""
    upload = client.start_upload(bucket, "big")
    etags = [
        (number, client.put_part(bucket, "big", upload, number, part(number)).headers["etag"])
        for number in (1, 2, 3)
    ]
    catalog = live.services.catalog
    begin = catalog.begin_complete

    async def overtaken(upload_id: str) -> bool:
        unfinished = await begin(upload_id)
        await live.loop.run_in_executor(None, client.put, bucket, "big", b"other")
        return unfinished

    with monkeypatch.context() as patch:
        patch.setattr(catalog, "begin_complete", overtaken)
        refused = client.complete(bucket, "big", upload, etags[:2], if_none_match="*")
    assert (refused.status, refused.code) == (412, "PreconditionFailed")
    assert client.get(bucket, "big").body == b"other"
    assert client.complete(bucket, "big", upload, etags).status == 200
    assert client.get(bucket, "big").body == part(1) + part(2) + part(3)
    assert live.staged() + live.staged(upload) == []


def test_a_part_that_is_too_small_and_not_the_last(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    small = client.put_part(bucket, "big", upload, 1, b"small").headers["etag"]
    last = client.put_part(bucket, "big", upload, 2, b"last").headers["etag"]
    answer = client.complete(bucket, "big", upload, [(1, small), (2, last)])
    assert (answer.status, answer.code) == (400, "EntityTooSmall")
    assert answer.text("MinSizeAllowed") == str(PART)
    assert (answer.text("PartNumber"), answer.text("ProposedSize")) == ("1", "5")
    assert client.complete(bucket, "big", upload, [(2, last)]).status == 200


@pytest.mark.parametrize(("number", "etag"), [(2, None), (1, '"0"')])
def test_a_part_that_was_not_uploaded_so(
    client: Client, bucket: str, number: int, etag: str | None
) -> None:
    upload = client.start_upload(bucket, "big")
    own = client.put_part(bucket, "big", upload, 1, b"x").headers["etag"]
    answer = client.complete(bucket, "big", upload, [(number, etag or own)])
    assert (answer.status, answer.code) == (400, "InvalidPart")
    assert answer.text("PartNumber") == str(number)
    assert client.complete(bucket, "big", upload, [(1, own)]).status == 200


@pytest.mark.parametrize("order", [[2, 1], [1, 1]])
def test_parts_that_are_not_in_order(client: Client, bucket: str, order: list[int]) -> None:
    upload = client.start_upload(bucket, "big")
    etags = {
        number: client.put_part(bucket, "big", upload, number, part(1)).headers["etag"]
        for number in (1, 2)
    }
    answer = client.complete(bucket, "big", upload, [(number, etags[number]) for number in order])
    assert (answer.status, answer.code) == (400, "InvalidPartOrder")


def test_completing_again_gives_the_same_answer(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    etag = client.put_part(bucket, "big", upload, 1, b"x").headers["etag"]
    first = client.complete(bucket, "big", upload, [(1, etag)])
    client.put(bucket, "big", b"newer")
    again = client.complete(bucket, "big", upload, [(1, etag)])
    assert (again.status, again.body) == (200, first.body)
    assert client.get(bucket, "big").body == b"newer"


def test_completing_again_with_other_parts_is_no_such_upload(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    etag = client.put_part(bucket, "big", upload, 1, b"x").headers["etag"]
    client.complete(bucket, "big", upload, [(1, etag)])
    answer = client.complete(bucket, "big", upload, [(2, etag)])
    assert (answer.status, answer.code) == (404, "NoSuchUpload")


def test_completing_at_once_makes_one_object(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    etags = [
        (number, client.put_part(bucket, "big", upload, number, part(number)).headers["etag"])
        for number in (1, 2)
    ]
    start = threading.Barrier(6)

    def complete(_: int) -> tuple[int, str | None]:
        start.wait()
        answer = client.complete(bucket, "big", upload, etags)
        return answer.status, answer.text("ETag")

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(complete, range(6)))
    whole = etag_of([part(1), part(2)])
    assert (200, whole) in outcomes
    # Who came while another was at it is told to try again, never that the upload is gone.
    assert set(outcomes) <= {(200, whole), (503, None)}
    assert client.complete(bucket, "big", upload, etags).text("ETag") == whole
    assert client.get(bucket, "big").body == part(1) + part(2)


@pytest.mark.parametrize("condition", ["", "*"])
def test_a_completion_overtaken_by_another_gives_its_answer(
    live: Live,
    client: Client,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    condition: str,
) -> None:
    """The other ends between this one's look at the upload and its look at object and parts."""
    upload = client.start_upload(bucket, "big")
    etags = [(1, client.put_part(bucket, "big", upload, 1, b"x").headers["etag"])]
    catalog = live.services.catalog
    look = catalog.upload

    async def overtaken(of: Bucket, key: str, upload_id: str) -> Upload:
        seen = await look(of, key, upload_id)
        monkeypatch.setattr(catalog, "upload", look)
        await live.loop.run_in_executor(None, client.complete, bucket, "big", upload, etags)
        return seen

    with monkeypatch.context() as patch:
        patch.setattr(catalog, "upload", overtaken)
        headers = {"if_none_match": condition} if condition else {}
        answer = client.complete(bucket, "big", upload, etags, more=None, **headers)
    assert answer.status == 200
    assert answer.text("ETag") == etag_of([b"x"])


def test_aborting_drops_all_files(live: Live, client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    client.put_part(bucket, "big", upload, 1, part(1))
    client.put_part(bucket, "big", upload, 1, part(2))
    client.put_part(bucket, "big", upload, 2, part(2, PART + 1))
    assert len(live.staged(upload)) == 3
    path = f"/{bucket}/big"
    assert client.request("DELETE", path, f"uploadId={upload}").status == 204
    assert live.staged(upload) == []
    assert client.request("DELETE", path, f"uploadId={upload}").code == "NoSuchUpload"
    assert client.put_part(bucket, "big", upload, 1, b"x").code == "NoSuchUpload"
    assert client.request("GET", path, f"uploadId={upload}").code == "NoSuchUpload"
    assert client.get(bucket, "big").code == "NoSuchKey"


@pytest.mark.parametrize("moment", ["begin_complete", "publish"])
def test_a_completion_whose_upload_is_aborted_meanwhile_leaves_nothing(
    live: Live, client: Client, bucket: str, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Aborted behind ``begin_complete``, before its parts are read; or before it is published."""
    upload = client.start_upload(bucket, "big")
    etags = [(1, client.put_part(bucket, "big", upload, 1, b"x").headers["etag"])]
    catalog = live.services.catalog
    real = getattr(catalog, moment)
    path = f"/{bucket}/big"

    async def abort() -> None:
        target = f"uploadId={upload}"
        await live.loop.run_in_executor(None, client.request, "DELETE", path, target)

    async def overtaken(*arguments: object, **named: object) -> object:
        if moment == "publish":
            await abort()
            return await real(*arguments, **named)
        unfinished = await real(*arguments, **named)
        await abort()
        return unfinished

    with monkeypatch.context() as patch:
        patch.setattr(catalog, moment, overtaken)
        answer = client.complete(bucket, "big", upload, etags)
    assert (answer.status, answer.code) == (404, "NoSuchUpload")
    assert client.get(bucket, "big").code == "NoSuchKey"
    assert live.staged(upload) == []


@pytest.mark.parametrize("attempt", ["in place", "a file of its own"])
def test_a_part_that_comes_too_late_leaves_nothing(
    live: Live, client: Client, bucket: str, monkeypatch: pytest.MonkeyPatch, attempt: str
) -> None:
    """The upload is aborted while the part's bytes arrive."""
    upload = client.start_upload(bucket, "big")
    if attempt != "in place":
        client.put_part(bucket, "big", upload, 1, b"first")
    catalog = live.services.catalog
    claim = catalog.claim_part

    async def overtaken(*arguments: object) -> object:
        claimed = await claim(*arguments)  # type: ignore[arg-type]  # handed on as they come
        target = f"uploadId={upload}"
        await live.loop.run_in_executor(None, client.request, "DELETE", f"/{bucket}/big", target)
        return claimed

    with monkeypatch.context() as patch:
        patch.setattr(catalog, "claim_part", overtaken)
        answer = client.put_part(bucket, "big", upload, 1, b"late")
    assert (answer.status, answer.code) == (404, "NoSuchUpload")
    assert live.staged(upload) == []


def test_deleting_a_bucket_aborts_its_uploads(live: Live, client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    client.put_part(bucket, "big", upload, 1, b"x")
    assert client.request("DELETE", f"/{bucket}").status == 204
    assert live.staged(upload) == []
    assert client.make_bucket(bucket) == bucket
    assert client.put_part(bucket, "big", upload, 1, b"x").code == "NoSuchUpload"


@pytest.mark.parametrize("number", ["0", "10001", "x", "-1", ""])
def test_a_part_number_that_is_none(client: Client, bucket: str, number: str) -> None:
    upload = client.start_upload(bucket, "big")
    query = f"partNumber={number}&uploadId={upload}"
    answer = client.request("PUT", f"/{bucket}/big", query, body=b"x")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_an_upload_belongs_to_its_key(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    assert client.put_part(bucket, "other", upload, 1, b"x").code == "NoSuchUpload"
    assert client.complete(bucket, "other", upload, [(1, "x")]).code == "NoSuchUpload"


def test_an_upload_is_no_object(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    client.put_part(bucket, "big", upload, 1, b"x")
    assert client.keys(bucket) == []
    assert client.get(bucket, "big").status == 404


def test_parts_are_listed_in_pages(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big", x_amz_storage_class="STANDARD_IA")
    for number in (5, 1, 3):
        client.put_part(bucket, "big", upload, number, b"x" * number)
    path, query = f"/{bucket}/big", f"uploadId={upload}"
    first = client.request("GET", path, f"{query}&max-parts=2")
    assert first.texts("Part/PartNumber") == ["1", "3"]
    assert first.texts("Part/Size") == ["1", "3"]
    assert first.text("Part/ETag") == f'"{md5(b"x").hexdigest()}"'
    assert (first.text("IsTruncated"), first.text("NextPartNumberMarker")) == ("true", "3")
    assert (first.text("MaxParts"), first.text("StorageClass")) == ("2", "STANDARD_IA")
    assert first.text("UploadId") == upload
    second = client.request("GET", path, f"{query}&part-number-marker=3")
    assert second.texts("Part/PartNumber") == ["5"]
    assert (second.text("IsTruncated"), second.text("PartNumberMarker")) == ("false", "3")


def test_uploads_are_listed_in_pages(client: Client, bucket: str) -> None:
    started = [(key, client.start_upload(bucket, key)) for key in ("a/1", "a/2", "b", "b", "c")]
    seen: list[tuple[str, str]] = []
    more = ""
    for _ in range(6):
        page = client.request("GET", f"/{bucket}", f"uploads&max-uploads=2{more}")
        ids = page.texts("Upload/UploadId")
        seen += zip(page.texts("Upload/Key"), ids, strict=True)
        if page.text("IsTruncated") == "false":
            break
        key, id = page.text("NextKeyMarker"), page.text("NextUploadIdMarker")
        more = f"&key-marker={key}&upload-id-marker={id}"
    assert seen == started


def test_an_id_to_go_on_from_needs_a_key_and_a_form(client: Client, bucket: str) -> None:
    ids = [client.start_upload(bucket, "key"), client.start_upload(bucket, "key")]
    page = client.request("GET", f"/{bucket}", f"uploads&upload-id-marker={ids[0]}")
    assert page.texts("Upload/UploadId") == ids
    assert page.text("UploadIdMarker") == ""
    for marker in ("invalid", ids[0].upper(), ids[0] + "0"):
        query = f"uploads&key-marker=key&upload-id-marker={marker}"
        answer = client.request("GET", f"/{bucket}", query)
        assert (answer.status, answer.code) == (400, "InvalidArgument")
        assert answer.text("Message") == "Invalid uploadId marker"
    client.request("DELETE", f"/{bucket}/key", f"uploadId={ids[0]}")
    query = f"uploads&key-marker=key&upload-id-marker={ids[0]}"
    assert client.request("GET", f"/{bucket}", query).status == 200


def test_uploads_are_rolled_up(client: Client, bucket: str) -> None:
    for key in ("a/1", "a/2", "b"):
        client.start_upload(bucket, key)
    page = client.request("GET", f"/{bucket}", "uploads&delimiter=/")
    assert page.texts("CommonPrefixes/Prefix") == ["a/"]
    assert page.texts("Upload/Key") == ["b"]
    page = client.request("GET", f"/{bucket}", "uploads&prefix=a/")
    assert page.texts("Upload/Key") == ["a/1", "a/2"]


def _copy_part(
    client: Client, bucket: str, upload: str, *, number: int, source: str, span: str | None = None
) -> tuple[int, str | None, str]:
    headers = {"x-amz-copy-source": source}
    if span is not None:
        headers["x-amz-copy-source-range"] = span
    query = f"partNumber={number}&uploadId={upload}"
    answer = client.request("PUT", f"/{bucket}/big", query, headers=headers)
    return answer.status, answer.code, answer.text("ETag") or ""


def test_a_part_whose_digests_are_known_is_copied_by_the_storage(
    client: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put(bucket, "source", part(1))
    client.put(bucket, "other", part(2), x_amz_checksum_sha256=checksum_of("SHA256", part(2)))
    client.upload(bucket, "parted", [part(1), part(2, 100)])
    upload = client.start_upload(bucket, "big")

    def refuse(_: LocalContent) -> AsyncIterator[bytes]:
        raise Unavailable("these bytes are not to be read")

    with monkeypatch.context() as patch:
        patch.setattr(LocalContent, "chunks", refuse)
        status, _, etag = _copy_part(client, bucket, upload, number=1, source=f"{bucket}/source")
        assert (status, etag) == (200, f'"{md5(part(1)).hexdigest()}"')
        # Their MD5, or the checksum of the upload, is not known of these.
        for source, span in (("source", "bytes=0-99"), ("other", None), ("parted", None)):
            asked = f"{bucket}/{source}"
            assert _copy_part(client, bucket, upload, number=2, source=asked, span=span)[0] == 503
    etags = [etag, _copy_part(client, bucket, upload, number=2, source=f"{bucket}/other")[2]]
    done = client.complete(bucket, "big", upload, list(enumerate(etags, start=1)))
    assert done.status == 200
    assert client.get(bucket, "big").body == part(1) + part(2)
    told = client.get(bucket, "big", x_amz_checksum_mode="ENABLED").headers
    assert told["x-amz-checksum-crc64nvme"] == checksum_of("CRC64NVME", part(1) + part(2))


def test_parts_are_copied_whole_and_by_range(client: Client, bucket: str) -> None:
    source = part(1) + part(2) + b"tail"
    client.put(bucket, "source", source)
    upload = client.start_upload(bucket, "big")
    spans = [(0, PART - 1), (PART - 1, 2 * PART + 2)]
    etags = []
    for number, (first, last) in enumerate(spans, start=1):
        status, _, etag = _copy_part(
            client,
            bucket,
            upload,
            number=number,
            source=f"/{bucket}/source",
            span=f"bytes={first}-{last}",
        )
        assert status == 200
        assert etag == f'"{md5(source[first : last + 1]).hexdigest()}"'
        etags.append((number, etag))
    status, _, etag = _copy_part(client, bucket, upload, number=3, source=f"/{bucket}/source")
    etags.append((3, etag))
    assert client.complete(bucket, "big", upload, etags).status == 200
    expected = source[:PART] + source[PART - 1 : 2 * PART + 3] + source
    assert client.get(bucket, "big").body == expected


@pytest.mark.parametrize("span", ["bytes=0-4", "bytes=4-5", "bytes=3-1", "bytes=0-", "0-1"])
def test_a_range_of_a_copied_part_must_lie_within_its_source(
    live: Live, client: Client, bucket: str, span: str
) -> None:
    client.put(bucket, "source", b"1234")
    upload = client.start_upload(bucket, "big")
    status, code, _ = _copy_part(
        client, bucket, upload, number=1, source=f"/{bucket}/source", span=span
    )
    assert (status, code) == (400, "InvalidArgument")
    assert live.staged(upload) == []


def test_a_copied_part_of_nothing(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    assert _copy_part(client, bucket, upload, number=1, source=f"/{bucket}/none")[1] == "NoSuchKey"
    assert (
        _copy_part(client, bucket, "0" * 32, number=1, source=f"/{bucket}/none")[1]
        == "NoSuchUpload"
    )


def test_a_stated_size_must_be_the_size(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    etag = client.put_part(bucket, "big", upload, 1, b"12345").headers["etag"]
    wrong = client.complete(bucket, "big", upload, [(1, etag)], x_amz_mp_object_size="6")
    assert (wrong.status, wrong.code) == (400, "InvalidRequest")
    right = client.complete(bucket, "big", upload, [(1, etag)], x_amz_mp_object_size="5")
    assert right.status == 200


@pytest.mark.parametrize("body", [b"", b"<CompleteMultipartUpload/>", b"<x/>", b"junk"])
def test_a_completion_without_parts(client: Client, bucket: str, body: bytes) -> None:
    upload = client.start_upload(bucket, "big")
    answer = client.request("POST", f"/{bucket}/big", f"uploadId={upload}", body=body)
    assert answer.status == 400
    assert answer.code in {"MalformedXML", "InvalidRequest"}


def test_more_than_ten_thousand_parts_are_refused(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    parts = [(number, "0" * 32) for number in range(1, 10_002)]
    answer = client.complete(bucket, "big", upload, parts)
    assert (answer.status, answer.code) == (400, "MalformedXML")
    answer = client.complete(bucket, "big", upload, parts[:-1])
    assert (answer.status, answer.code) == (400, "InvalidPart")
