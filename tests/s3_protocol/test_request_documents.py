"""Documents of requests: what botocore serializes is read back, what S3 would refuse is refused."""

import time
from typing import Any

import pytest
from botocore.handlers import escape_xml_payload
from botocore.serialize import RestXMLSerializer
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.errors import S3Error
from gateway.s3.xml_in import (
    CompletedPart,
    ObjectIdentifier,
    parse_complete_multipart_upload,
    parse_create_bucket_configuration,
    parse_delete,
    parse_tagging,
)
from tests.s3_protocol.botocore_answers import operation

_NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_KEY = st.text(
    st.characters(codec="utf-8") | st.sampled_from("\x01\x02\x1f\r\n\t&<>\"'\ufdd0\uf001\ufffe"),
    min_size=1,
    max_size=30,
)
_TAG_TEXT = st.text("abc XYZ09é_.:/=+-@", max_size=20)


def _serialized(name: str, **params: Any) -> bytes:
    request = RestXMLSerializer().serialize_to_request({"Bucket": "b", **params}, operation(name))
    escape_xml_payload(request)
    body: bytes = request["body"]
    return body


@given(st.lists(_KEY, min_size=1, max_size=5), st.booleans())
def test_the_keys_boto3_sends_are_read_whatever_they_hold(keys: list[str], quiet: bool) -> None:
    body = _serialized(
        "DeleteObjects", Delete={"Objects": [{"Key": key} for key in keys], "Quiet": quiet}
    )
    parsed = parse_delete(body)
    assert [each.key for each in parsed.objects] == keys
    assert parsed.quiet == quiet


@given(st.lists(_KEY, min_size=1, max_size=5))
def test_keys_as_references_are_read_too(keys: list[str]) -> None:
    objects = "".join(
        f"<Object><Key>{''.join(f'&#x{ord(each):x};' for each in key)}</Key></Object>"
        for key in keys
    )
    parsed = parse_delete(f"<Delete>{objects}</Delete>".encode())
    assert [each.key for each in parsed.objects] == keys


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_name_space_may_be_written_with_either_scheme(scheme: str) -> None:
    body = (
        f'<Delete xmlns="{scheme}://s3.amazonaws.com/doc/2006-03-01/">'
        "<Object><Key>a</Key></Object></Delete>"
    )
    assert [each.key for each in parse_delete(body.encode()).objects] == ["a"]


def test_conditions_of_a_deletion_are_read() -> None:
    body = f"""<?xml version="1.0" encoding="UTF-8"?>
    <Delete {_NS}>
      <!-- two -->
      <Object><Key>a</Key><VersionId>v</VersionId><ETag>"e"</ETag>
        <LastModifiedTime>Sun, 06 Nov 1994 08:49:37 GMT</LastModifiedTime><Size>5</Size></Object>
      <Object><Key> b </Key><ETag>*</ETag>
        <LastModifiedTime>1994-11-06T08:49:37Z</LastModifiedTime></Object>
    </Delete>"""
    assert parse_delete(body.encode()).objects == (
        ObjectIdentifier(key="a", version_id="v", e_tag="e", last_modified_time=784111777, size=5),
        ObjectIdentifier(key=" b ", e_tag="*", last_modified_time=784111777),
    )


def test_a_reference_inside_cdata_is_text() -> None:
    body = b"<Delete><Object><Key><![CDATA[a&#x1;<b>]]></Key></Object></Delete>"
    assert parse_delete(body).objects[0].key == "a&#x1;<b>"


def test_a_thousand_objects_are_the_most() -> None:
    item = "<Object><Key>k</Key></Object>"
    assert len(parse_delete(f"<Delete>{item * 1000}</Delete>".encode()).objects) == 1000
    with pytest.raises(S3Error, match="MalformedXML"):
        parse_delete(f"<Delete>{item * 1001}</Delete>".encode())


@pytest.mark.parametrize(
    "body",
    [
        "<Delete/>",
        "<Delete><Quiet>true</Quiet></Delete>",
        "<Delete><Object/></Delete>",
        "<Delete><Object><Key/></Object></Delete>",
        "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        "<Delete><Object><Key>a</Key><Other>b</Other></Object></Delete>",
        "<Delete><Object><Key>a<b/></Key></Object></Delete>",
        "<Delete><Object>text<Key>a</Key></Object></Delete>",
        "<Delete><Object><Key>a</Key></Object>text</Delete>",
        "<Delete><Object><Key>a</Key><Size>x</Size></Object></Delete>",
        "<Delete><Object><Key>a</Key><Size>٣</Size></Object></Delete>",
        f"<Delete><Object><Key>a</Key><Size>{'9' * 30}</Size></Object></Delete>",
        "<Delete><Object><Key>a</Key><LastModifiedTime>x</LastModifiedTime></Object></Delete>",
        "<Delete><Object><Key>a</Key></Object><Quiet>x</Quiet></Delete>",
        "<Delete><Object><Key>a</Key></Object><Quiet>true</Quiet><Quiet>true</Quiet></Delete>",
        "<Delete><Object><Key>a</Key></Object></Delete><Delete/>",
        "<Delete><Object><Key>a</Key></Object>",
        "<delete><Object><Key>a</Key></Object></delete>",
        "<Tagging/>",
        "no XML",
        '<Delete xmlns="http://example.com/"><Object><Key>a</Key></Object></Delete>',
        f'<Delete {_NS}><Object xmlns="urn:x"><Key>a</Key></Object></Delete>',
        "<!DOCTYPE Delete><Delete><Object><Key>a</Key></Object></Delete>",
        '<!DOCTYPE d [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>',
        '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><Delete><Quiet>&a;</Quiet></Delete>',
        "<Delete><Object><Key>&a;</Key></Object></Delete>",
        "<Delete><Object><Key>&#xD800;</Key></Object></Delete>",
        "<Delete><Object><Key>&#x110000;</Key></Object></Delete>",
        '<?xml version="1.0" encoding="UTF-7"?><Delete><Object><Key>a</Key></Object></Delete>',
        "<a>" * 300 + "</a>" * 300,
    ],
)
def test_what_s3_would_not_take_is_malformed_xml(body: str) -> None:
    with pytest.raises(S3Error) as refusal:
        parse_delete(body.encode())
    assert (refusal.value.code, refusal.value.status) == ("MalformedXML", 400)


@pytest.mark.parametrize(
    "body",
    [
        "<Delete><Object><Key>a</Key></Object></Delete>".encode("utf-16"),
        b"<Delete><Object><Key>\xff</Key></Object></Delete>",
        b"<Delete><Object><Key>" + b"a" * 3_000_000 + b"</Key></Object></Delete>",
    ],
)
def test_other_encodings_and_sizes_are_malformed_too(body: bytes) -> None:
    with pytest.raises(S3Error, match="MalformedXML"):
        parse_delete(body)


def test_a_byte_order_mark_and_a_declaration_are_fine() -> None:
    body = '\ufeff<?xml version="1.1" encoding="utf-8"?>\n<Delete><Object><Key>é</Key></Object></Delete>'
    assert parse_delete(body.encode()).objects[0].key == "é"


def test_an_empty_body_is_named() -> None:
    with pytest.raises(S3Error, match="MissingRequestBodyError"):
        parse_delete(b" \n")


def test_a_document_of_every_mark_is_refused_not_misread() -> None:
    marks = "".join(chr(code) for code in range(0xFDD0, 0xFDF0))
    with pytest.raises(S3Error, match="MalformedXML"):
        parse_delete(f"<Delete><Object><Key>{marks}\x01</Key></Object></Delete>".encode())


@pytest.mark.parametrize("piece", ["&#x1;", "\x01", "&#xA;", "&#x01;&#1;", "<a/>"])
def test_hostile_documents_cost_little(piece: str) -> None:
    key = piece * (2_000_000 // len(piece))
    begin = time.process_time()
    try:
        parse_delete(f"<Delete><Object><Key>a\x01{key}</Key></Object></Delete>".encode())
    except S3Error as refusal:
        assert refusal.code == "MalformedXML"  # noqa: PT017  either will do
    assert time.process_time() - begin < 2


def test_too_many_spellings_of_references_are_refused() -> None:
    spellings = "".join(f"&#x{'0' * zeros}{code:x};" for zeros in range(6) for code in range(1, 32))
    with pytest.raises(S3Error, match="MalformedXML"):
        parse_delete(f"<Delete><Object><Key>{spellings}</Key></Object></Delete>".encode())


@given(st.text(max_size=80))
def test_any_body_is_parsed_or_refused_with_a_code(text: str) -> None:
    for body in (text, f"<Delete><Object><Key>{text}</Key></Object></Delete>"):
        try:
            parse_delete(body.encode("utf-8", "surrogatepass"))
        except S3Error as refusal:
            assert refusal.code in {"MalformedXML", "MissingRequestBodyError"}  # noqa: PT017


@given(
    st.lists(
        st.tuples(
            st.integers(1, 10_000),
            st.text("0123456789abcdef", min_size=32, max_size=32),
            st.dictionaries(
                st.sampled_from(["CRC32", "SHA256", "XXHASH128"]), st.text("ab=", max_size=9)
            ),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_parts_boto3_sends_are_read(parts: list[tuple[int, str, dict[str, str]]]) -> None:
    body = _serialized(
        "CompleteMultipartUpload",
        Key="k",
        UploadId="u",
        MultipartUpload={
            "Parts": [
                {
                    "PartNumber": number,
                    "ETag": f'"{etag}"',
                    **{f"Checksum{name}": value for name, value in checksums.items()},
                }
                for number, etag, checksums in parts
            ]
        },
    )
    assert parse_complete_multipart_upload(body).parts == tuple(
        CompletedPart(part_number=number, e_tag=etag, checksums=checksums)
        for number, etag, checksums in parts
    )


def _complete(parts: str) -> bytes:
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()


@pytest.mark.parametrize(
    "parts",
    [
        "",
        "<Part/>",
        "<Part><PartNumber>1</PartNumber></Part>",
        "<Part><ETag>e</ETag></Part>",
        "<Part><PartNumber>x</PartNumber><ETag>e</ETag></Part>",
        "<Part><PartNumber>10001</PartNumber><ETag>e</ETag></Part>",
        "<Part><PartNumber>1</PartNumber><ETag>e</ETag><ChecksumX>e</ChecksumX></Part>",
        "<Piece><PartNumber>1</PartNumber><ETag>e</ETag></Piece>",
        "<Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>" * 10_001,
    ],
)
def test_parts_s3_would_not_take_are_malformed_xml(parts: str) -> None:
    with pytest.raises(S3Error, match="MalformedXML"):
        parse_complete_multipart_upload(_complete(parts))


@pytest.mark.parametrize("number", ["0", "-1"])
def test_a_part_number_below_one_is_an_invalid_argument(number: str) -> None:
    with pytest.raises(S3Error) as refusal:
        parse_complete_multipart_upload(
            _complete(f"<Part><PartNumber>{number}</PartNumber><ETag>e</ETag></Part>")
        )
    assert refusal.value.code == "InvalidArgument"
    assert refusal.value.fields == {"ArgumentName": "PartNumber", "ArgumentValue": number}


def test_completing_without_a_body_names_what_is_missing() -> None:
    with pytest.raises(S3Error) as refusal:
        parse_complete_multipart_upload(b"")
    assert refusal.value.message == "You must specify at least one part"


def test_ten_thousand_parts_with_checksums_fit() -> None:
    part = f"<Part><PartNumber>9999</PartNumber><ETag>&quot;{'a' * 32}&quot;</ETag>"
    part += f"<ChecksumSHA256>{'a' * 44}</ChecksumSHA256></Part>"
    begin = time.process_time()
    assert len(parse_complete_multipart_upload(_complete(part * 10_000)).parts) == 10_000
    assert time.process_time() - begin < 5


@given(
    st.lists(
        st.tuples(_TAG_TEXT.filter(bool), _TAG_TEXT), max_size=10, unique_by=lambda tag: tag[0]
    )
)
def test_the_tags_boto3_sends_are_read(tags: list[tuple[str, str]]) -> None:
    body = _serialized(
        "PutObjectTagging",
        Key="k",
        Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags]},
    )
    assert parse_tagging(body) == tuple(tags)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<Tagging/>", "MalformedXML"),
        ("<Tagging><TagSet/><TagSet/></Tagging>", "MalformedXML"),
        ("<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>", "MalformedXML"),
        ("<Tagging><TagSet><Tog><Key>a</Key><Value/></Tog></TagSet></Tagging>", "MalformedXML"),
        ("<Tagging><TagSet><Tag><Key/><Value/></Tag></TagSet></Tagging>", "InvalidTag"),
        ("<Tagging><TagSet><Tag><Key>&#x1;</Key><Value/></Tag></TagSet></Tagging>", "InvalidTag"),
    ],
)
def test_tags_s3_would_not_take_are_refused(body: str, code: str) -> None:
    with pytest.raises(S3Error, match=code):
        parse_tagging(body.encode())


@pytest.mark.parametrize(
    ("content", "region"),
    [
        ("", None),
        ("<LocationConstraint>eu-west-1</LocationConstraint>", "eu-west-1"),
        ("<Tags/><LocationConstraint>EU</LocationConstraint>", "EU"),
    ],
)
def test_the_region_of_a_new_bucket(content: str, region: str | None) -> None:
    body = f"<CreateBucketConfiguration {_NS}>{content}</CreateBucketConfiguration>"
    assert parse_create_bucket_configuration(body.encode()).location_constraint == region


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("<Location><Name>usw2-az1</Name></Location>", "NotImplemented"),
        ("<Bucket><Type>Directory</Type></Bucket>", "NotImplemented"),
        ("<Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>", "NotImplemented"),
        ("<Other/>", "MalformedXML"),
        (2 * "<LocationConstraint>EU</LocationConstraint>", "MalformedXML"),
        ("<LocationConstraint/>", "InvalidLocationConstraint"),
        ("<LocationConstraint>on the moon</LocationConstraint>", "InvalidLocationConstraint"),
        (f"<LocationConstraint>{'a' * 64}</LocationConstraint>", "InvalidLocationConstraint"),
    ],
)
def test_what_a_new_bucket_cannot_have_is_refused(content: str, code: str) -> None:
    body = f"<CreateBucketConfiguration>{content}</CreateBucketConfiguration>"
    with pytest.raises(S3Error, match=code):
        parse_create_bucket_configuration(body.encode())
