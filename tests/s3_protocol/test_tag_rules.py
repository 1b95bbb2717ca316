"""The rules of tags, and the x-amz-tagging header."""

from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.errors import S3Error
from gateway.s3.tagging import check_tags, parse_tagging_header

_TEXT = st.text("abc XYZ09éß中_.:/=+-@", max_size=20)
_TAGS = st.lists(st.tuples(_TEXT.filter(bool), _TEXT), max_size=10, unique_by=lambda tag: tag[0])


@given(_TAGS, st.booleans())
def test_an_encoded_header_is_read_back(tags: list[tuple[str, str]], plus: bool) -> None:
    if plus:
        header = urlencode(tags)
    else:
        header = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in tags)
    assert parse_tagging_header(header) == tuple(tags)


def test_a_key_alone_has_an_empty_value() -> None:
    assert parse_tagging_header("a&b=") == (("a", ""), ("b", ""))
    assert parse_tagging_header("a=b=c") == (("a", "b=c"),)


@pytest.mark.parametrize(
    ("header", "keys"), [("&", []), ("&&", []), ("a=b&", ["a"]), ("&a", ["a"])]
)
def test_empty_members_are_passed_over(header: str, keys: list[str]) -> None:
    assert [key for key, _ in parse_tagging_header(header)] == keys


@pytest.mark.parametrize(
    "header", ["a=1&a=2", "=", "=v", "a=%ff", "a=%zz", "%", "=" * 20_000, "a=\udcff"]
)
def test_a_malformed_header_is_an_invalid_argument(header: str) -> None:
    with pytest.raises(S3Error) as refusal:
        parse_tagging_header(header)
    assert refusal.value.code == "InvalidArgument"
    assert refusal.value.fields["ArgumentName"] == "x-amz-tagging"


@pytest.mark.parametrize("header", ["a%00=b", "a%26=b", "aws:a=b", "AWS:x=y"])
def test_a_header_of_bad_tags_is_an_invalid_tag(header: str) -> None:
    with pytest.raises(S3Error, match="InvalidTag"):
        parse_tagging_header(header)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([("", "v")], "The TagKey you have provided is invalid"),
        ([("k" * 129, "v")], "The TagKey you have provided is invalid"),
        ([("𐐀" * 65, "v")], "The TagKey you have provided is invalid"),
        ([("a\nb", "v")], "The TagKey you have provided is invalid"),
        ([("a*b", "v")], "The TagKey you have provided is invalid"),
        ([("k", "v" * 257)], "The TagValue you have provided is invalid"),
        ([("k", "a,b")], "The TagValue you have provided is invalid"),
        ([("k", "\x01")], "The TagValue you have provided is invalid"),
        ([("k", "v"), ("k", "w")], "Cannot provide multiple Tags with the same key"),
        ([("Aws:k", "v")], "System tags cannot be added/updated by requester"),
    ],
)
def test_the_rules(tags: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(S3Error) as refusal:
        check_tags(tags)
    assert (refusal.value.code, refusal.value.message) == ("InvalidTag", message)
    assert "TagKey" in refusal.value.fields


def test_ten_tags_are_the_most() -> None:
    tags = [(f"k{number}", "") for number in range(11)]
    check_tags(tags[:10])
    with pytest.raises(S3Error) as refusal:
        check_tags(tags)
    assert refusal.value.code == "BadRequest"
    assert refusal.value.message == "Object tags cannot be greater than 10"


def test_the_longest_keys_and_values_fit() -> None:
    check_tags([("k" * 128, "é" * 256), ("𐐀" * 64, "𐐀" * 128)])


@given(st.text())
def test_any_header_is_read_or_refused_with_a_code(header: str) -> None:
    try:
        tags = parse_tagging_header(header)
    except S3Error as refusal:
        assert refusal.code in {"InvalidArgument", "InvalidTag", "BadRequest"}  # noqa: PT017
    else:
        check_tags(tags)
