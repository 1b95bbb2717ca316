"""User metadata and standard headers: what is kept, what is refused, what is sent."""

from base64 import b64encode
from dataclasses import dataclass
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.errors import S3Error
from gateway.s3.metadata import overridden, read_metadata, sent_value, stored_headers

_VALUE = st.text(
    st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters="\x7f"), max_size=40
)


@given(st.dictionaries(st.sampled_from(["a", "b-c", "d_e"]), _VALUE))
def test_values_come_as_text_and_go_out_decodable(values: dict[str, str]) -> None:
    headers = {f"x-amz-meta-{name}": value for name, value in values.items()}
    kept = read_metadata({**headers, "x-amz-acl": "private", "content-type": "a/b"})
    if not any("=?" in value for value in values.values()):
        assert kept == values
    for value in kept.values():
        sent = sent_value(value)
        assert sent.isascii()
        if not value.isascii():
            assert str(make_header(decode_header(sent))) == value
            assert read_metadata({"x-amz-meta-a": sent}) == {"a": value}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("=?UTF-8?B?" + b64encode("é ü".encode()).decode() + "?=", "é ü"),
        ("=?utf-8?q?=C3=A9_x?=", "é x"),
        ("=?ISO-8859-1?Q?a=E9?=", "aé"),
        ("=?UTF-8?B?w6k=?= =?UTF-8?B?w7w=?=", "éü"),
        ("=?UTF-8?B?!!?=", "=?UTF-8?B?!!?="),
        ("=?UTF-8?B?/w==?=", "=?UTF-8?B?/w==?="),
        ("=?KOI8-R?B?w6k=?=", "=?KOI8-R?B?w6k=?="),
        ("a =?UTF-8?B?w6k=?=", "a =?UTF-8?B?w6k=?="),
        ("caf\udce9", "café"),  # ISO 8859-1 on the wire
        ("a\tb", "a\tb"),
        ("", ""),
    ],
)
def test_encoded_words_and_latin_1_are_decoded_and_all_else_is_kept(sent: str, kept: str) -> None:
    assert read_metadata({"x-amz-meta-a": sent}) == {"a": kept}


@pytest.mark.parametrize(
    "value",
    ["a\r\nb", "a\nb", "a\rb", "a\x00b", "a\x7fb", "é\x01", "=?UTF-8?Q?a=0D=0Ab?="],
)
def test_control_characters_are_refused_however_they_come(value: str) -> None:
    with pytest.raises(S3Error) as refusal:
        read_metadata({"x-amz-meta-a": value})
    assert refusal.value.code == "InvalidArgument"
    assert refusal.value.fields["ArgumentName"] == "x-amz-meta-a"


def test_metadata_without_a_name_is_refused() -> None:
    with pytest.raises(S3Error, match="InvalidArgument"):
        read_metadata({"x-amz-meta-": "v"})


def test_two_kilobytes_of_names_and_values_are_the_most() -> None:
    assert read_metadata({"x-amz-meta-a": "é" * 1023, "x-amz-meta-b": ""})
    with pytest.raises(S3Error) as refusal:
        read_metadata({"x-amz-meta-a": "é" * 1023, "x-amz-meta-bc": ""})
    assert refusal.value.code == "MetadataTooLarge"
    assert refusal.value.fields == {"Size": "2049", "MaxSizeAllowed": "2048"}


def test_the_standard_headers_are_kept_and_framing_is_not() -> None:
    headers = {
        "content-type": "text/plain",
        "cache-control": "no-store",
        "content-disposition": 'attachment; filename="é.txt"',
        "content-encoding": "gzip,aws-chunked",
        "content-language": "",
        "expires": "never",
        "x-amz-website-redirect-location": "/there",
        "host": "h",
    }
    assert stored_headers(headers) == {
        "content-type": "text/plain",
        "cache-control": "no-store",
        "content-disposition": 'attachment; filename="é.txt"',
        "content-encoding": "gzip",
        "expires": "never",
        "x-amz-website-redirect-location": "/there",
    }
    assert stored_headers({"content-encoding": "aws-chunked"}) == {}


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\x00", "a\udcff"])
def test_standard_headers_cannot_split_an_answer(value: str) -> None:
    with pytest.raises(S3Error, match="InvalidArgument"):
        stored_headers({"content-disposition": value})


@dataclass(frozen=True, kw_only=True)
class _Overrides:
    response_cache_control: str | None = None
    response_content_disposition: str | None = None
    response_content_encoding: str | None = None
    response_content_language: str | None = None
    response_content_type: str | None = None
    response_expires: str | None = None


def test_overrides_replace_only_what_they_name() -> None:
    stored = {"content-type": "a/b", "expires": "never"}
    assert overridden(stored, _Overrides()) is stored
    told = overridden(
        stored,
        _Overrides(
            response_cache_control="1",
            response_content_disposition="2",
            response_content_encoding="3",
            response_content_language="4",
            response_content_type="5",
        ),
    )
    assert told == {
        "cache-control": "1",
        "content-disposition": "2",
        "content-encoding": "3",
        "content-language": "4",
        "content-type": "5",
        "expires": "never",
    }
    assert overridden(stored, _Overrides(response_expires="now"))["expires"] == "now"
    assert stored == {"content-type": "a/b", "expires": "never"}


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "\x00"])
def test_overrides_cannot_split_an_answer(value: str) -> None:
    with pytest.raises(S3Error) as refusal:
        overridden({}, _Overrides(response_content_type=value))
    assert refusal.value.code == "InvalidArgument"
    assert refusal.value.fields["ArgumentName"] == "response-content-type"
    assert "\n" not in refusal.value.fields["ArgumentValue"]


@given(st.dictionaries(st.just("x-amz-meta-a") | st.just("content-type"), st.text()))
def test_whatever_is_kept_can_be_sent(headers: dict[str, str]) -> None:
    try:
        kept = [sent_value(value) for value in read_metadata(headers).values()]
        kept += stored_headers(headers).values()
    except S3Error as refusal:
        assert refusal.code in {"InvalidArgument", "MetadataTooLarge"}  # noqa: PT017
    else:
        for value in kept:
            value.encode()
            assert not set(value) & set("\r\n\x00")
