"""The server, asked over HTTP, in the words of the model."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import md5
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from tests.live.client import Answer, Client, quoted
from tests.model.told import EVERYTHING, NO_CONDITIONS, NOTHING_SENT, Conditions, Sent, Told, Wish
from tests.model.values import checksum_of

_NOT_TOLD = frozenset(
    {
        "accept-ranges",
        "connection",
        "date",
        "last-modified",
        "server",
        "transfer-encoding",
        "x-amz-id-2",
        "x-amz-request-id",
    }
)
_DATES = {"past": "Mon, 01 Jan 2001 00:00:00 GMT", "future": "Fri, 01 Jan 2100 00:00:00 GMT"}
_XML = {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
_FORMS = {"v1": "", "v2": "list-type=2&", "versions": "versions&"}
_AFTER = {"v1": "marker", "v2": "start-after", "versions": "key-marker"}


class Live:
    """Each method is the model's of that name."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._uploads: dict[int, tuple[str, str | None]] = {}
        """Id and algorithm, by the model's number."""
        self._parts: dict[str, str | None] = {}
        """Checksums of parts by their ETag."""

    # Buckets

    def create_bucket(self, bucket: str) -> Told:
        return _plain(self._ask("PUT", bucket))

    def head_bucket(self, bucket: str) -> Told:
        return _plain(self._ask("HEAD", bucket))

    def delete_bucket(self, bucket: str) -> Told:
        return _plain(self._ask("DELETE", bucket))

    def list_buckets(self, prefix: str) -> Told:
        answer = self._client.request("GET", "/", f"prefix={prefix}")
        return Told(answer.status, facts={"buckets": answer.texts("Buckets/Bucket/Name")})

    # Objects

    def put(
        self,
        bucket: str,
        key: str,
        body: bytes,
        sent: Sent = NOTHING_SENT,
        conditions: Conditions = NO_CONDITIONS,
        *,
        wrong: str | None = None,
    ) -> Told:
        headers = _headers_of(sent) | self._conditions(conditions)
        other = body + b"!" if wrong else body
        if sent.algorithm is not None or wrong == "checksum":
            algorithm = sent.algorithm or "CRC32"
            headers[f"x-amz-checksum-{algorithm.lower()}"] = checksum_of(algorithm, other)
        if wrong == "md5":
            headers["content-md5"] = b64encode(md5(other).digest()).decode()
        answer = self._ask("PUT", bucket, key, headers=headers, body=body)
        return _refused(answer) or Told(200, facts=_told_headers(answer, but=("content-length",)))

    def get(
        self,
        bucket: str,
        key: str,
        conditions: Conditions = NO_CONDITIONS,
        *,
        method: str = "GET",
        span: str | None = None,
        part: int | None = None,
        checksum: bool = False,
    ) -> Told:
        headers = self._conditions(conditions, at=(bucket, key))
        if span is not None:
            headers["range"] = span
        if checksum:
            headers["x-amz-checksum-mode"] = "ENABLED"
        query = "" if part is None else f"partNumber={part}"
        answer = self._ask(method, bucket, key, query, headers=headers)
        refused = _refused(answer)
        if refused is not None:
            return refused
        facts = _told_headers(answer)
        return Told(answer.status, facts=facts | ({"body": answer.body} if method == "GET" else {}))

    def head(self, *args: Any, **more: Any) -> Told:
        return self.get(*args, method="HEAD", **more)

    def delete(self, bucket: str, key: str, conditions: Conditions = NO_CONDITIONS) -> Told:
        return _plain(self._ask("DELETE", bucket, key, headers=self._conditions(conditions)))

    def delete_several(
        self, bucket: str, wanted: Sequence[tuple[str, str | None]], *, quiet: bool
    ) -> Told:
        listed = "".join(
            f"<Object><Key>{escape(key, _XML)}</Key>"
            + (f"<ETag>{etag}</ETag>" if etag else "")
            + "</Object>"
            for key, etag in wanted
        )
        document = f"<Delete><Quiet>{str(quiet).lower()}</Quiet>{listed}</Delete>"
        answer = self._ask("POST", bucket, "", "delete", body=document.encode())
        return _refused(answer) or Told(
            200,
            facts={
                "deleted": answer.texts("Deleted/Key"),
                "errors": [
                    *zip(answer.texts("Error/Key"), answer.texts("Error/Code"), strict=True)
                ],
            },
        )

    def copy(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        sent: Sent | None = None,
        *,
        replaces_tags: bool = False,
        source_conditions: Conditions = NO_CONDITIONS,
        conditions: Conditions = NO_CONDITIONS,
    ) -> Told:
        headers = {"x-amz-copy-source": _source(source)} | self._conditions(conditions)
        headers |= self._conditions(source_conditions, "x-amz-copy-source-", at=source)
        if sent is not None:
            headers |= _headers_of(sent) | {"x-amz-metadata-directive": "REPLACE"}
            if sent.algorithm is not None:
                headers["x-amz-checksum-algorithm"] = sent.algorithm
        if replaces_tags:
            headers["x-amz-tagging-directive"] = "REPLACE"
        return _made(self._ask("PUT", *target, headers=headers))

    def attributes(self, bucket: str, key: str) -> Told:
        wanted = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"
        answer = self._ask(
            "GET", bucket, key, "attributes", headers={"x-amz-object-attributes": wanted}
        )
        return _refused(answer) or Told(
            200,
            facts={
                "etag": answer.text("ETag"),
                "size": answer.text("ObjectSize"),
                "storage class": answer.text("StorageClass"),
                "checksum": _checksum(answer.xml().find("Checksum")),
                "checksum type": answer.text("Checksum/ChecksumType"),
                "parts": answer.text("ObjectParts/PartsCount"),
            },
        )

    # Tags

    def put_tags(self, bucket: str, key: str, tags: tuple[tuple[str, str], ...]) -> Told:
        listed = "".join(f"<Tag><Key>{k}</Key><Value>{v}</Value></Tag>" for k, v in tags)
        document = f"<Tagging><TagSet>{listed}</TagSet></Tagging>".encode()
        return _plain(self._ask("PUT", bucket, key, "tagging", body=document))

    def get_tags(self, bucket: str, key: str) -> Told:
        answer = self._ask("GET", bucket, key, "tagging")
        names, values = "TagSet/Tag/Key", "TagSet/Tag/Value"
        return _refused(answer) or Told(
            200, facts={"tags": [*zip(answer.texts(names), answer.texts(values), strict=True)]}
        )

    def delete_tags(self, bucket: str, key: str) -> Told:
        return _plain(self._ask("DELETE", bucket, key, "tagging"))

    # Listings

    def list(self, bucket: str, form: str, wish: Wish = EVERYTHING) -> Told:
        told, _ = self._page(bucket, form, wish, _wished(wish, _AFTER[form]))
        return told

    def walk(self, bucket: str, form: str, wish: Wish) -> Told:
        """As clients do it: version 2 by token, else by the marker told, or by the last key."""
        objects: list[Any] = []
        prefixes: list[str] = []
        query = _wished(wish, _AFTER[form])
        while True:
            told, token = self._page(bucket, form, wish, query)
            if told.status != 200:
                return told
            objects += told.facts["objects"]
            prefixes += told.facts["prefixes"]
            if not told.facts["more"]:
                return Told(200, facts={"objects": objects, "prefixes": prefixes})
            if token is not None:
                query = _wished(replace(wish, after=""), "") + f"&continuation-token={token}"
            else:
                after = told.facts["next"] or told.facts["objects"][-1][0]
                query = _wished(replace(wish, after=after), _AFTER[form])

    def _page(self, bucket: str, form: str, wish: Wish, query: str) -> tuple[Told, str | None]:
        answer = self._ask("GET", bucket, "", _FORMS[form] + query)
        refused = _refused(answer)
        if refused is not None:
            return refused, None
        name = unquote if wish.encoded else str
        root = answer.xml()
        facts: dict[str, Any] = {
            "objects": [_listed(each, name) for each in root.iterfind(_listed_in(form))],
            "prefixes": [name(text) for text in answer.texts("CommonPrefixes/Prefix")],
            "more": answer.text("IsTruncated") == "true",
            "limit": answer.text("MaxKeys"),
            "prefix": name(answer.text("Prefix") or ""),
            "delimiter": _named(answer, "Delimiter", name),
        }
        token = answer.text("NextContinuationToken")
        if form == "v2":
            facts |= {"count": answer.text("KeyCount"), "goes on": token is not None}
        else:
            marker = "NextMarker" if form == "v1" else "NextKeyMarker"
            facts["next"] = _named(answer, marker, name)
        return Told(200, facts=facts), token

    # Multipart uploads

    def begin(self, bucket: str, key: str, sent: Sent = NOTHING_SENT) -> Told:
        headers = _headers_of(sent)
        if sent.algorithm is not None:
            headers["x-amz-checksum-algorithm"] = sent.algorithm
        answer = self._ask("POST", bucket, key, "uploads", headers=headers)
        refused = _refused(answer)
        if refused is not None:
            return refused
        self._uploads[len(self._uploads) + 1] = answer.text("UploadId") or "", sent.algorithm
        return Told(200, facts={"algorithm": answer.headers.get("x-amz-checksum-algorithm")})

    def put_part(self, bucket: str, key: str, upload: int, number: int, body: bytes) -> Told:
        id, algorithm = self._upload(upload)
        headers = {}
        if algorithm is not None:
            headers[f"x-amz-checksum-{algorithm.lower()}"] = checksum_of(algorithm, body)
        query = f"partNumber={number}&uploadId={id}"
        answer = self._ask("PUT", bucket, key, query, headers=headers, body=body)
        refused = _refused(answer)
        if refused is not None:
            return refused
        checksum = answer.headers.get(f"x-amz-checksum-{(algorithm or '').lower()}")
        return self._told_part(answer.headers["etag"], checksum)

    def copy_part(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        upload: int,
        number: int,
        span: tuple[int, int] | None,
    ) -> Told:
        id, _ = self._upload(upload)
        headers = {"x-amz-copy-source": _source(source)}
        if span is not None:
            headers["x-amz-copy-source-range"] = f"bytes={span[0]}-{span[1]}"
        query = f"partNumber={number}&uploadId={id}"
        answer = self._ask("PUT", *target, query, headers=headers)
        refused = _refused(answer)
        if refused is not None:
            return refused
        return self._told_part(answer.text("ETag") or "", _checksum(answer.xml()))

    def _told_part(self, etag: str, checksum: str | None) -> Told:
        self._parts[etag.strip('"')] = checksum
        return Told(200, facts={"etag": etag, "checksum": checksum})

    def list_parts(
        self, bucket: str, key: str, upload: int, *, after: int = 0, limit: int | None = None
    ) -> Told:
        id, _ = self._upload(upload)
        query = f"uploadId={id}&part-number-marker={after}"
        query += "" if limit is None else f"&max-parts={limit}"
        answer = self._ask("GET", bucket, key, query)
        return _refused(answer) or Told(
            200,
            facts={
                "parts": [
                    (
                        part.findtext("PartNumber"),
                        part.findtext("ETag"),
                        part.findtext("Size"),
                        _checksum(part),
                    )
                    for part in answer.xml().iterfind("Part")
                ],
                "more": answer.text("IsTruncated") == "true",
                "next": answer.text("NextPartNumberMarker"),
            },
        )

    def list_uploads(self, bucket: str, wish: Wish = EVERYTHING, *, after_id: int = 0) -> Told:
        query = "uploads&" + _wished(wish, "key-marker", limit="max-uploads")
        if after_id:
            query += f"&upload-id-marker={self._upload(after_id)[0]}"
        answer = self._ask("GET", bucket, "", query)
        refused = _refused(answer)
        if refused is not None:
            return refused
        name = unquote if wish.encoded else str
        numbers = {id: number for number, (id, _) in self._uploads.items()}
        keys, ids = answer.texts("Upload/Key"), answer.texts("Upload/UploadId")
        return Told(
            200,
            facts={
                "uploads": [(name(key), numbers[id]) for key, id in zip(keys, ids, strict=True)],
                "prefixes": [name(text) for text in answer.texts("CommonPrefixes/Prefix")],
                "more": answer.text("IsTruncated") == "true",
                "next": _named(answer, "NextKeyMarker", name),
                "next id": numbers.get(answer.text("NextUploadIdMarker") or ""),
            },
        )

    def complete(
        self,
        bucket: str,
        key: str,
        upload: int,
        parts: Sequence[tuple[int, str]],
        conditions: Conditions = NO_CONDITIONS,
    ) -> Told:
        id, algorithm = self._upload(upload)
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{etag}&quot;</ETag>"
            + (
                f"<Checksum{algorithm}>{self._parts.get(etag)}</Checksum{algorithm}>"
                if algorithm
                else ""
            )
            + "</Part>"
            for number, etag in parts
        )
        document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        headers = self._conditions(conditions)
        return _made(
            self._ask("POST", bucket, key, f"uploadId={id}", headers=headers, body=document)
        )

    def abort(self, bucket: str, key: str, upload: int) -> Told:
        return _plain(self._ask("DELETE", bucket, key, f"uploadId={self._upload(upload)[0]}"))

    def _upload(self, number: int) -> tuple[str, str | None]:
        return self._uploads.get(number, ("0" * 32, None))

    # How

    def _ask(
        self,
        method: str,
        bucket: str,
        key: str = "",
        query: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        path = f"/{bucket}/{quoted(key)}" if key else f"/{bucket}"
        return self._client.request(method, path, query, headers=headers, body=body)

    def _conditions(
        self, conditions: Conditions, before: str = "", *, at: tuple[str, str] | None = None
    ) -> dict[str, str]:
        """As headers. ``at``: the object whose date is meant by ``exact``."""
        return {before + name: value for name, value in self._given(conditions, at)}

    def _given(
        self, conditions: Conditions, at: tuple[str, str] | None
    ) -> Iterator[tuple[str, str]]:
        if conditions.if_match is not None:
            yield "if-match", _etag(conditions.if_match)
        if conditions.if_none_match is not None:
            yield "if-none-match", _etag(conditions.if_none_match)
        dates = dict(_DATES)
        if at is not None and "exact" in (conditions.modified_since, conditions.unmodified_since):
            dates["exact"] = self._ask("HEAD", *at).headers.get("last-modified", _DATES["past"])
        if conditions.modified_since is not None:
            yield "if-modified-since", dates[conditions.modified_since]
        if conditions.unmodified_since is not None:
            yield "if-unmodified-since", dates[conditions.unmodified_since]


def _etag(etag: str) -> str:
    return etag if etag == "*" else f'"{etag}"'


def _source(source: tuple[str, str]) -> str:
    return f"/{source[0]}/{quoted(source[1])}"


def _headers_of(sent: Sent) -> dict[str, str]:
    headers = dict(sent.headers)
    headers |= {f"x-amz-meta-{name}": value for name, value in sent.metadata.items()}
    if sent.tags:
        headers["x-amz-tagging"] = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sent.tags
        )
    if sent.storage_class is not None:
        headers["x-amz-storage-class"] = sent.storage_class
    return headers


def _told_headers(answer: Answer, *, but: Sequence[str] = ()) -> dict[str, Any]:
    return {
        name: value
        for name, value in answer.headers.items()
        if name not in _NOT_TOLD and name not in but
    }


def _refused(answer: Answer) -> Told | None:
    """What an answer that is no success tells; None for a success."""
    if answer.status < 300:
        return None
    told = ("etag",) if answer.status == 304 else ("content-range",)
    facts = {name: answer.headers[name] for name in told if name in answer.headers}
    return Told(answer.status, answer.code, facts)


def _plain(answer: Answer) -> Told:
    """An answer whose status says all."""
    return _refused(answer) or Told(answer.status)


def _made(answer: Answer) -> Told:
    """An answer that tells of a new object in its document."""
    return _refused(answer) or Told(
        answer.status,
        facts={
            "etag": answer.text("ETag"),
            "checksum": _checksum(answer.xml()),
            "checksum type": answer.text("ChecksumType"),
        },
    )


def _checksum(element: ET.Element | None) -> str | None:
    """The one checksum of an element."""
    for child in element if element is not None else ():
        if child.tag.startswith("Checksum") and child.tag not in {
            "ChecksumType",
            "ChecksumAlgorithm",
        }:
            return child.text
    return None


def _wished(wish: Wish, after: str, *, limit: str = "max-keys") -> str:
    given = {"prefix": wish.prefix, "delimiter": wish.delimiter}
    if wish.after:
        given[after] = wish.after
    if wish.limit is not None:
        given[limit] = str(wish.limit)
    if wish.encoded:
        given["encoding-type"] = "url"
    return "&".join(f"{name}={quote(value.encode(), safe='')}" for name, value in given.items())


def _listed_in(form: str) -> str:
    return "Version" if form == "versions" else "Contents"


def _listed(element: ET.Element, name: Any) -> tuple[str | None, ...]:
    told = ("ETag", "Size", "StorageClass", "ChecksumAlgorithm", "ChecksumType")
    return name(element.findtext("Key")), *(element.findtext(each) for each in told)


def _named(answer: Answer, element: str, name: Any) -> str | None:
    text = answer.text(element)
    return None if text is None else name(text)
