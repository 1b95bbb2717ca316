"""Everything a bucket can hold, and every question that can be asked of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from gateway.s3.checksums import DIGEST_SIZES, checksum_of
from tests.live.client import Client

PART = 5 * 1024**2
BUCKET, OTHER, EMPTY = "mixture", "second", "hollow"
KEYS = (
    "plain", "a", "a/b", "a//b", "deep/er/still/key", "dir/", "../up", "..", ".", "x/./y", "/lead",
    "日本/ü̈ё", "new\nline", "sp ace+&?#%25", "n" * 300, ("k" * 63 + "/") * 16, "\U0001f680",
    ".s3front/o/xx/mine",
)  # fmt: skip

LONG = "l" * 200 + "/" + "o" * 200 + "/" + "ng" * 100
RETAGGED, RESTATED = "retagged", "restated"
"""Keys whose facts were changed after their bytes were written."""

Answers = Mapping[str, tuple[int, tuple[tuple[str, str], ...], bytes]]

_OF_ONE_ANSWER = re.compile(rb"<(RequestId|HostId)>[^<]*</\1>")
_ATTRIBUTES = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What was stored, besides what the keys say: an open upload and a completed one."""

    keys: tuple[str, ...]
    open_upload: str
    completed: tuple[str, str, tuple[tuple[int, str], ...]]
    """Key, id and parts."""


def fill(client: Client) -> Mixture:
    """Store the mixture in new buckets."""
    for bucket in (BUCKET, OTHER, EMPTY):
        client.make_bucket(bucket)
    for number, key in enumerate(KEYS):
        assert client.put(BUCKET, key, f"{number} {key}".encode()).status == 200, key
    keys = [*KEYS, *_described(client), *_changed(client)]
    completed = _uploaded(client)
    upload = client.start_upload(BUCKET, "open", x_amz_meta_u="1", x_amz_tagging="u=1")
    client.put_part(BUCKET, "open", upload, 1, b"p" * PART)
    client.put_part(BUCKET, "open", upload, 2, b"old")
    client.put_part(BUCKET, "open", upload, 2, b"new")
    return Mixture(
        keys=(*keys, "multi-default", "multi-composite", "multi-full", "multi-few", "gone"),
        open_upload=upload,
        completed=completed,
    )


def _described(client: Client) -> list[str]:
    client.put(
        BUCKET, "described", b"body", content_type="text/x-odd; charset=utf-8",
        cache_control="max-age=7", content_disposition='attachment; filename="ü.txt"',
        content_encoding="br", content_language="de", expires="Thu, 01 Dec 2044 16:00:00 GMT",
        x_amz_meta_one="1", x_amz_meta_long="v" * 1500, x_amz_tagging="t=1&u=%C3%BC",
        x_amz_storage_class="REDUCED_REDUNDANCY",
        x_amz_website_redirect_location="/elsewhere",
    )  # fmt: skip
    client.put(BUCKET, "zero", b"")
    # More than ext4 holds in an attribute: described beside the file.
    client.put(
        BUCKET, LONG, b"long", x_amz_meta_long="v" * 1900, cache_control="c" * 2000
    )  # fmt: skip
    keys = ["described", "zero", LONG]
    for algorithm in DIGEST_SIZES:
        header = f"x_amz_checksum_{algorithm.lower()}"
        key = f"sums/{algorithm}"
        answer = client.put(BUCKET, key, b"summed", **{header: checksum_of(algorithm, b"summed")})
        assert answer.status == 200, answer.body
        keys.append(key)
    return keys


def _changed(client: Client) -> list[str]:
    client.put(BUCKET, "overwritten", b"first", x_amz_meta_a="first")
    client.put(BUCKET, "overwritten", b"second", x_amz_meta_a="second")
    client.put(BUCKET, "..", b"shadowed and written again")
    client.put(BUCKET, "gone", b"gone")
    client.put(BUCKET, "x//gone", b"gone")
    client.delete(BUCKET, "gone")
    client.delete(BUCKET, "x//gone")
    source = f"/{BUCKET}/described"
    for bucket, key in ((BUCKET, "copied"), (OTHER, "copied/over")):
        answer = client.request("PUT", f"/{bucket}/{key}", headers={"x-amz-copy-source": source})
        assert answer.status == 200, answer.body
    for key in (RETAGGED, RESTATED):
        client.put(BUCKET, key, b"facts change", x_amz_meta_m="old", x_amz_tagging="old=1")
    tagging = b"<Tagging><TagSet><Tag><Key>new</Key><Value>2</Value></Tag></TagSet></Tagging>"
    assert client.request("PUT", f"/{BUCKET}/{RETAGGED}", "tagging", body=tagging).status == 200
    headers = {
        "x-amz-copy-source": f"/{BUCKET}/{RESTATED}",
        "x-amz-metadata-directive": "REPLACE",
        "x-amz-meta-m": "new",
    }
    assert client.request("PUT", f"/{BUCKET}/{RESTATED}", headers=headers).status == 200
    return ["overwritten", "copied", RETAGGED, RESTATED]


def _uploaded(client: Client) -> tuple[str, str, tuple[tuple[int, str], ...]]:
    parts = [b"1" * PART, b"2" * PART, b"3"]
    assert client.upload(BUCKET, "multi-default", parts, x_amz_meta_m="1").status == 200
    for key, type in (("multi-composite", "COMPOSITE"), ("multi-full", "FULL_OBJECT")):
        algorithm = "SHA256" if type == "COMPOSITE" else "CRC32C"
        upload = client.start_upload(
            BUCKET, key, x_amz_checksum_algorithm=algorithm, x_amz_checksum_type=type
        )
        numbers, more = [], {}
        for number, part in zip((2, 5, 9), parts, strict=True):
            value = checksum_of(algorithm, part)
            header = f"x_amz_checksum_{algorithm.lower()}"
            answer = client.put_part(BUCKET, key, upload, number, part, **{header: value})
            numbers.append((number, answer.headers["etag"]))
            more[number] = f"<Checksum{algorithm}>{value}</Checksum{algorithm}>"
        assert client.complete(BUCKET, key, upload, numbers, more=more).status == 200
    upload = client.start_upload(BUCKET, "multi-few", x_amz_tagging="m=1")
    etag = client.put_part(BUCKET, "multi-few", upload, 1, b"only").headers["etag"]
    assert client.complete(BUCKET, "multi-few", upload, [(1, etag)]).status == 200
    return "multi-few", upload, ((1, etag),)


def ask(client: Client, mixture: Mixture) -> Answers:
    """Every question, named, with its answer but for what each answer has of its own."""
    answers: dict[str, tuple[int, tuple[tuple[str, str], ...], bytes]] = {}

    def note(
        name: str, method: str, path: str, query: str = "", body: bytes = b"", **named: str
    ) -> None:
        headers = {name.replace("_", "-"): value for name, value in named.items()}
        answer = client.request(method, path, query, headers=headers, body=body)
        own = {"date", "x-amz-request-id", "x-amz-id-2"}
        answers[name] = (
            answer.status,
            tuple(sorted((n, v) for n, v in answer.headers.items() if n not in own)),
            _OF_ONE_ANSWER.sub(b"", answer.body),
        )

    note("buckets", "GET", "/")
    for bucket in (BUCKET, OTHER, EMPTY):
        note(f"head bucket {bucket}", "HEAD", f"/{bucket}")
        for query in (
            "list-type=2&fetch-owner=true", "list-type=2&delimiter=%2F&max-keys=5",
            "max-keys=7&prefix=a", "delimiter=%2F", "versions=&max-keys=1000", "versions&prefix=s",
        ):  # fmt: skip
            note(f"list {bucket} {query}", "GET", f"/{bucket}", query)
    for key in mixture.keys:
        _ask_of_one(note, BUCKET, key)
    _ask_of_one(note, OTHER, "copied/over")
    note("uploads", "GET", f"/{BUCKET}", "uploads")
    note("parts", "GET", f"/{BUCKET}/open", f"uploadId={mixture.open_upload}")
    key, upload, parts = mixture.completed
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        for number, etag in parts
    )
    body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    # Its answer holds the address that was asked, and servers of tests have a port each.
    note("complete again", "POST", f"/{BUCKET}/{key}", f"uploadId={upload}", body)
    status, headers, answer = answers["complete again"]
    answers["complete again"] = (status, headers, re.sub(rb":\d+/", b"/", answer))
    return answers


def _ask_of_one(note: "Note", bucket: str, key: str) -> None:
    path = f"/{bucket}/{quote(key, safe='/~')}"
    note(f"head {key}", "HEAD", path, x_amz_checksum_mode="ENABLED")
    note(f"get {key}", "GET", path, x_amz_checksum_mode="ENABLED")
    note(f"range {key}", "GET", path, range="bytes=1-3")
    note(f"suffix {key}", "GET", path, range="bytes=-2")
    for number in (1, 2, 3, 4):
        note(
            f"part {number} {key}", "GET", path, f"partNumber={number}",
            x_amz_checksum_mode="ENABLED",
        )  # fmt: skip
    note(f"attributes {key}", "GET", path, "attributes", x_amz_object_attributes=_ATTRIBUTES)
    note(f"tags {key}", "GET", path, "tagging")
    note(f"if-match {key}", "GET", path, if_match='"no such"')
    note(f"if-modified {key}", "GET", path, if_modified_since="Thu, 01 Dec 2044 16:00:00 GMT")
    note(f"if-unmodified {key}", "HEAD", path, if_unmodified_since="Thu, 01 Dec 2011 16:00:00 GMT")


class Note(Protocol):
    """The type of ``note`` above."""

    def __call__(
        self, name: str, method: str, path: str, query: str = "", body: bytes = b"", **named: str
    ) -> None: ...


def differences(before: Answers, after: Answers) -> set[str]:
    """Names of the questions that are answered otherwise."""
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}
