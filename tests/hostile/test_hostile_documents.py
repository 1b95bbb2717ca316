"""XML that is meant to read files, to reach the network, to grow, or to mean two things."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.inside import Asked, Inside, Told
from tests.live.server import Live

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
DELETE = "<Delete><Object><Key>key</Key></Object></Delete>"
DOCUMENTS = {
    "DeleteObjects": ("POST", "/xml", "delete=", DELETE),
    "CompleteMultipartUpload": (
        "POST", "/xml/key", "uploadId=0123456789abcdef0123456789abcdef",
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>",
    ),
    "CreateBucket": (
        "PUT", "/xml-new", "",
        "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>",
    ),
    "PutObjectTagging": (
        "PUT", "/xml/key", "tagging=",
        "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    ),
}  # fmt: skip

Spoil = Callable[[str], bytes]


def _before(text: str) -> Spoil:
    return lambda document: (text + document).encode()


def _inside(text: str) -> Spoil:
    return lambda document: document.replace(">", ">" + text, 1).encode()


_LAUGHS = "".join(f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 12))
SPOILT: Mapping[str, Spoil] = {
    "a document type": _before("<!DOCTYPE x>"),
    "a document type in small letters": _before("<!doctype x>"),
    "a document type behind a comment": _before("<!-- --><!DOCTYPE x [<!ELEMENT x ANY>]>"),
    "an external document type": _before('<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'),
    "an external entity": _before('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
    "a parameter entity": _before('<!DOCTYPE x [<!ENTITY % e SYSTEM "file:///etc/passwd"> %e;]>'),
    "billion laughs": _before(f'<!DOCTYPE x [<!ENTITY l0 "lol">{_LAUGHS}]>'),
    "an entity nobody declared": _inside("&nothing;"),
    "an inclusion": _inside(
        '<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>'
    ),
    "ten thousand levels": _inside("<a>" * 10_000 + "</a>" * 10_000),
    "ten thousand levels without an end": _inside("<a>" * 10_000),
    "an element nobody knows": _inside("<Unknown>1</Unknown>"),
    "text beside the elements": _inside("text"),
    "another root": lambda document: f"<Other>{document}</Other>".encode(),
    "another namespace": lambda document: document.replace(
        ">", ' xmlns="http://evil.example/">', 1
    ).encode(),
    "another namespace inside": _inside('<Key xmlns="http://evil.example/">key</Key>'),
    "two roots": lambda document: (document * 2).encode(),
    "half of it": lambda document: document[: len(document) // 2].encode(),
    "a tag that does not match": lambda document: document.replace("</", "</x", 1).encode(),
    "the same attribute twice": lambda document: document.replace(">", ' a="1" a="2">', 1).encode(),
    "ten thousand attributes": lambda document: document.replace(
        ">", "".join(f' a{number}="1"' for number in range(10_000)) + "<", 1
    ).encode(),
    "UTF-16": lambda document: document.encode("utf-16"),
    "UTF-16 without a mark": lambda document: document.encode("utf-16-be"),
    "UTF-32": lambda document: document.encode("utf-32"),
    "UTF-7": lambda document: b'<?xml version="1.0" encoding="UTF-7"?>' + document.encode("utf-7"),
    "EBCDIC": lambda document: document.encode("cp500"),
    "bytes that are not UTF-8": lambda document: document.encode() + b"\xff",
    "an encoding nobody knows": _before('<?xml version="1.0" encoding="latin-9000"?>'),
    "nothing but blanks": lambda _: b" \r\n\t",
    "a NUL": _inside("\x00"),
    "three megabytes": _inside(" " * 3 * 1024 * 1024),
    "JSON": lambda _: b'{"Delete": {}}',
    "a gzip stream": lambda _: bytes.fromhex("1f8b08000000000000ff"),
}


@pytest.fixture(scope="module")
def inside(live: Live) -> Inside:
    live.client.make_bucket("xml")
    live.client.put("xml", "key", b"content", x_amz_tagging="old=1")
    return Inside(live)


def _sent(inside: Inside, operation: str, body: bytes) -> Told:
    method, path, query, _ = DOCUMENTS[operation]
    return inside.signed(Asked(method=method, path=path, query=query, pieces=[body]))


def _unchanged(live: Live) -> None:
    assert live.client.get("xml", "key").body == b"content"
    tags = live.client.request("GET", "/xml/key", "tagging=")
    assert tags.texts("TagSet/Tag/Key") == ["old"]
    assert live.client.request("GET", "/").texts("Buckets/Bucket/Name") == ["xml"]


@pytest.mark.parametrize("spoilt", SPOILT)
@pytest.mark.parametrize("operation", DOCUMENTS)
def test_a_hostile_document_is_refused_and_nothing_done(
    live: Live, inside: Inside, operation: str, spoilt: str
) -> None:
    body = SPOILT[spoilt](DOCUMENTS[operation][3])
    told = _sent(inside, operation, body)
    assert told.status == 400, told
    assert b"root:" not in told.body
    assert told.code in {
        "MalformedXML", "InvalidRequest", "MissingRequestBodyError", "MaxMessageLengthExceeded",
    }, told  # fmt: skip
    _unchanged(live)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    operation=st.sampled_from(["CompleteMultipartUpload", "PutObjectTagging"]),
    edits=st.lists(
        st.tuples(
            st.integers(0, 200),
            st.integers(0, 12),
            st.sampled_from(
                ["", "<", ">", "&", "/", "]]>", "<![CDATA[", "<!--", "-->", "<?x?>", "&#0;", "&#x1;",
                 "&#xFFFE;", "\ufeff", "\x01", "<Key/>", "xmlns:x='a'", "é", "&lt;", "<Part/>", "9" * 30]
            ),
        ),
        min_size=1,
        max_size=5,
    ),
)  # fmt: skip
def test_a_document_edited_at_random_is_read_or_refused(
    inside: Inside, operation: str, edits: list[tuple[int, int, str]]
) -> None:
    document = DOCUMENTS[operation][3]
    for at, length, text in edits:
        place = at % (len(document) + 1)
        document = document[:place] + text + document[place + length :]
    told = _sent(inside, operation, document.encode())
    assert told.status in {200, 400, 404}, (document, told)
