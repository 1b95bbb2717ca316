"""Ranges against the obvious slow reading: which bytes of b"…"[n] are meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.errors import S3Error
from gateway.s3.ranges import ByteRange, parse_copy_source_range, parse_range, part_range

_SIZE = st.integers(0, 50)
_NUMBER = st.integers(0, 60)


def _bytes(span: ByteRange | None, size: int) -> list[int]:
    whole = list(range(size))
    return whole if span is None else whole[span.first : span.first + span.length]


@given(_NUMBER, _NUMBER, _SIZE)
def test_first_to_last_names_those_bytes(first: int, last: int, size: int) -> None:
    text = f"bytes={first}-{last}"
    if last < first:
        assert parse_range(text, size) is None
    elif first >= size:
        with pytest.raises(S3Error) as refusal:
            parse_range(text, size)
        assert refusal.value.code == "InvalidRange"
        assert refusal.value.status == 416
        assert refusal.value.fields == {"RangeRequested": text, "ActualObjectSize": str(size)}
        assert refusal.value.headers == {"Content-Range": f"bytes */{size}"}
    else:
        assert _bytes(parse_range(text, size), size) == list(range(size))[first : last + 1]


@given(_NUMBER, _SIZE)
def test_an_open_range_goes_to_the_end(first: int, size: int) -> None:
    if first >= size:
        with pytest.raises(S3Error):
            parse_range(f"bytes={first}-", size)
    else:
        assert _bytes(parse_range(f"bytes={first}-", size), size) == list(range(size))[first:]


@given(_NUMBER, _SIZE)
def test_a_suffix_counts_from_the_end(count: int, size: int) -> None:
    if not count or not size:
        with pytest.raises(S3Error):
            parse_range(f"bytes=-{count}", size)
    else:
        assert _bytes(parse_range(f"bytes=-{count}", size), size) == list(range(size))[-count:]


@pytest.mark.parametrize(
    "text",
    [
        None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-2,4-5", "items=0-1",
        "bytes=0x1-2", "bytes=1--2", "bytes=٣-4", "0-1", "bytes=5-4", "bytes 0-1",
    ],
)  # fmt: skip
def test_what_is_not_one_range_of_bytes_is_ignored(text: str | None) -> None:
    assert parse_range(text, 10) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"bytes=0-{'9' * 40}", ByteRange(0, 9)),
        (f"bytes=-{'9' * 40}", ByteRange(0, 9)),
        (f"bytes={'0' * 40}1-3", ByteRange(1, 3)),
        (f"bytes={'0' * 40}-{'0' * 40}", ByteRange(0, 0)),
        (f"bytes=2-{'0' * 40}4", ByteRange(2, 4)),
        (" Bytes=2-4".strip(), ByteRange(2, 4)),
    ],
)
def test_long_numbers_are_read_too(text: str, expected: ByteRange) -> None:
    assert parse_range(text, 10) == expected


def test_a_first_byte_beyond_all_numbers_is_unsatisfiable() -> None:
    with pytest.raises(S3Error) as refusal:
        parse_range(f"bytes={'9' * 40}-", 10)
    assert refusal.value.code == "InvalidRange"


@given(st.text(max_size=30), _SIZE)
def test_any_range_is_within_the_object_or_refused(text: str, size: int) -> None:
    for field in (text, f"bytes={text}"):
        try:
            span = parse_range(field, size)
        except S3Error as refusal:
            assert refusal.code == "InvalidRange"  # noqa: PT017  any other would be a fault
        else:
            assert span is None or 0 <= span.first <= span.last < size


@given(_NUMBER, _NUMBER, _SIZE)
def test_the_range_of_a_copy_must_lie_in_its_source(first: int, last: int, size: int) -> None:
    text = f"bytes={first}-{last}"
    if first <= last < size:
        assert parse_copy_source_range(text, size) == ByteRange(first, last)
    else:
        with pytest.raises(S3Error) as refusal:
            parse_copy_source_range(text, size)
        assert refusal.value.code == "InvalidArgument"
        assert refusal.value.fields["ArgumentName"] == "x-amz-copy-source-range"


@pytest.mark.parametrize(
    "text",
    ["", "bytes=0-", "bytes=-1", "0-1", "bytes=0-1,2-3", "bytes=0-1 ", f"bytes=0-{'9' * 30}"],
)
def test_the_range_of_a_copy_has_one_form(text: str) -> None:
    with pytest.raises(S3Error) as refusal:
        parse_copy_source_range(text, 10)
    assert refusal.value.code == "InvalidArgument"


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_parts_cover_the_object_one_behind_the_other(sizes: list[int]) -> None:
    end = 0
    for number, size in enumerate(sizes, start=1):
        span = part_range(number, sizes)
        assert (span.first, span.length) == (end, size)
        end += size


@pytest.mark.parametrize("number", [0, -1, 4, 10_000])
def test_a_part_beyond_the_last_is_refused(number: int) -> None:
    with pytest.raises(S3Error) as refusal:
        part_range(number, [5, 5, 1])
    assert (refusal.value.code, refusal.value.status) == ("InvalidPartNumber", 416)
