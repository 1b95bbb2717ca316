"""What hostile clients put where: strategies."""

from typing import Final

from hypothesis import strategies as st

from gateway.operations import OPERATIONS
from gateway.s3.fields import ALGORITHMS

SELECTORS: Final = sorted({name for row in OPERATIONS for name in row.query})
_PARAMETERS: Final = (
    "prefix", "delimiter", "marker", "max-keys", "start-after", "continuation-token",
    "encoding-type", "fetch-owner", "key-marker", "version-id-marker", "upload-id-marker",
    "max-uploads", "max-parts", "part-number-marker", "versionId", "partNumber", "uploadId",
    "response-content-type", "response-content-disposition", "response-cache-control",
    "response-expires", "x-id", "x-amz-acl", "x-amz-tagging", "x-amz-meta-a", "X-Amz-Signature",
    "x-amz-copy-source", "X-Amz-Security-Token", "allow-unordered", "bucket-region",
)  # fmt: skip
_HEADERS: Final = (
    "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "content-md5",
    "content-type", "content-encoding", "content-disposition", "cache-control", "expires",
    "x-amz-acl", "x-amz-tagging", "x-amz-tagging-directive", "x-amz-metadata-directive",
    "x-amz-copy-source", "x-amz-copy-source-range", "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-modified-since", "x-amz-storage-class", "x-amz-meta-a", "x-amz-meta-b-c",
    "x-amz-website-redirect-location", "x-amz-expected-bucket-owner", "x-amz-checksum-algorithm",
    "x-amz-sdk-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type", "x-amz-trailer",
    "x-amz-decoded-content-length", "x-amz-mp-object-size", "x-amz-object-attributes",
    "x-amz-max-parts", "x-amz-part-number-marker", "x-amz-request-payer", "x-amz-mfa",
    "x-amz-server-side-encryption", "x-amz-grant-read", "x-amz-object-lock-mode",
    "x-amz-bucket-object-lock-enabled", "x-amz-write-offset-bytes", "expect", "cookie", "origin",
    "x-forwarded-for", "x-forwarded-host", "transfer-encoding", "content-length",
    *(f"x-amz-checksum-{name.lower()}" for name in ALGORITHMS),
)  # fmt: skip

NASTY: Final = (
    "", " ", "0", "-0", "-1", "1", "5", "10000", "10001", "9" * 30, "1e9", "+1", "0x10", "٣", "NaN",
    "null", "None", "true", "TRUE", "*", '"', '""', '"*"', 'W/"x"', '"d41d8cd98f00b204e9800998ecf8427e"',
    "/", "//", ".", "..", "../..", "%", "%2", "%zz", "%00", "%2F", "%252F", "\\", "a/b", "bytes=0-0",
    "bytes=-1", "bytes=5-", "bytes=9-1", "bytes=0-0,2-3", "bytes=" + "9" * 400 + "-", "bytes=--",
    "bytes 0-1", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Foo 9999 99:99:99 GMT", "AAAAAA==",
    "d41d8cd98f00b204e9800998ecf8427e", "1B2M2Y8AsgTpgAmy7PhCfg==", "a=b", "a=b&a=c", "&&=&=",
    "COPY", "REPLACE", "COMPOSITE", "FULL_OBJECT", "ENABLED", "CRC32", "SHA256", "MD5", "crc64nvme",
    "private", "public-read", "STANDARD", "GLACIER", "url", "aws-chunked", "aws-chunked,gzip",
    "/fuzz/key", "fuzz/key?versionId=null", "arn:aws:s3:::a/b", "http://x", "/redirect", "é", "日本",
    "=?UTF-8?B?w6k=?=", "=?UTF-8?Q?=00?=", "\ufffe", "\U0001f4a9", "a" * 1025, "a" * 4096, "\udcff",
    "ETag,Checksum,ObjectSize", "2", "x-amz-checksum-crc32", "x-amz-checksum-crc32,x-amz-meta-a",
)  # fmt: skip

_TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=12
) | st.sampled_from(NASTY)
values = _TEXT
"""Of headers and parameters, decoded."""

_SAFE = st.sampled_from(
    ["a", "key", "/", "//", ".", "..", "%2F", "%2f", "%00", "%0A", "%0D%0A", "%25", "%FF", "%C3%A9",
     "%", "%g", "+", "%2B", ";", "~", "@", "(", "é", "\\", "%5C", "%E2%80%AE", " ", "%20", ".s3front",
     "?", "#", "*", "a" * 200, "%61" * 400, "\udcff", "&", "="]
)  # fmt: skip
paths = (
    st.lists(_SAFE, max_size=6)
    .map("".join)
    .map(lambda text: text.replace("?", "").replace("\n", ""))
)
"""Raw, without the leading slash."""


def _encoded(text: str) -> st.SearchStrategy[str]:
    raw = text.encode("utf-8", "surrogateescape")
    escaped = "".join(f"%{byte:02X}" for byte in raw)
    plain = "".join(
        character
        if character.isalnum() or character in "-_.~/%"
        else "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
        for character in text
    )
    return st.sampled_from([escaped, plain])


_ANY = _TEXT | st.text(max_size=12) | st.sampled_from(["a\r\nb", "a\nb: c", "\x00", "\x1b[2J"])
_META = _ANY.map(lambda text: f"x-amz-meta-{text}")
_names = st.sampled_from([*SELECTORS, *_PARAMETERS]) | _META | _ANY
_pair = st.tuples(_names.flatmap(_encoded), _ANY.flatmap(_encoded), st.booleans()).map(
    lambda pair: pair[0] if pair[2] else f"{pair[0]}={pair[1]}"
)
queries = st.lists(_pair, max_size=4).map("&".join)
"""Raw."""
headers = st.dictionaries(st.sampled_from(_HEADERS), values, max_size=4)
methods = st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"])
bodies = st.lists(
    st.binary(max_size=40)
    | st.sampled_from(
        [b"<Delete/>", b"<Delete><Object><Key>a</Key></Object></Delete>", b"<Tagging><TagSet/></Tagging>",
         b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>",
         b"5\r\n12345\r\n0\r\n\r\n", b"<CreateBucketConfiguration/>"]
    ),
    max_size=2,
)  # fmt: skip
kept_parameters = st.lists(
    st.tuples(_META.flatmap(_encoded), _ANY.flatmap(_encoded)).map("=".join), max_size=2
).map("&".join)
"""Metadata as a presigned URL brings it."""
kept_headers = st.dictionaries(
    st.sampled_from(
        ["content-type", "cache-control", "content-disposition", "content-language", "expires",
         "content-encoding", "x-amz-meta-a", "x-amz-website-redirect-location", "x-amz-tagging"]
    ),
    values,
    max_size=2,
)  # fmt: skip
