"""Conditions: S3's precedence, ETag forms, dates."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.conditions import (
    ReadConditions,
    WriteConditions,
    check_copy_source,
    check_read,
    matches,
    parse_write_conditions,
    still_the_same,
)
from gateway.s3.dates import http_date
from gateway.s3.errors import S3Error

_ETAG = "d41d8cd98f00b204e9800998ecf8427e"
_MODIFIED = 1_763_700_000
_HEX = st.text("0123456789abcdef-", min_size=1, max_size=8)


def _status(conditions: ReadConditions) -> int:
    try:
        check_read(conditions, etag=_ETAG, modified_s=_MODIFIED)
    except S3Error as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize(
    ("match", "unmodified", "none_match", "modified"),
    tuple(itertools.product((None, True, False), repeat=4)),
)
def test_every_combination_has_the_status_rfc_9110_gives_it(
    match: bool | None, unmodified: bool | None, none_match: bool | None, modified: bool | None
) -> None:
    """Each is absent, holds or does not hold."""
    conditions = ReadConditions(
        if_match=None if match is None else (f'"{_ETAG}"' if match else '"x"'),
        if_unmodified_since=None if unmodified is None else _MODIFIED - (not unmodified),
        if_none_match=None if none_match is None else ('"x"' if none_match else f'"{_ETAG}"'),
        if_modified_since=None if modified is None else _MODIFIED - modified,
    )
    # RFC 9110, 13.2.2, step by step.
    if match is False or (match is None and unmodified is False):
        expected = 412
    elif none_match is False or (none_match is None and modified is False):
        expected = 304
    else:
        expected = 200
    assert _status(conditions) == expected
    try:
        check_copy_source(conditions, etag=_ETAG, modified_s=_MODIFIED)
    except S3Error as refusal:
        assert refusal.status == 412  # noqa: PT017  whether it is raised is asserted below
        assert refusal.fields["Condition"].startswith("x-amz-copy-source-If-")  # noqa: PT017
        assert expected in {304, 412}
    else:
        assert expected == 200


def test_not_modified_brings_etag_and_date() -> None:
    with pytest.raises(S3Error) as refusal:
        check_read(ReadConditions(if_none_match="*"), etag=_ETAG, modified_s=_MODIFIED)
    assert refusal.value.status == 304
    assert refusal.value.headers == {
        "ETag": f'"{_ETAG}"',
        "Last-Modified": "Fri, 21 Nov 2025 04:40:00 GMT",
    }


def test_a_date_to_come_does_not_count() -> None:
    conditions = ReadConditions(if_modified_since=_MODIFIED + 100)
    check_read(conditions, etag=_ETAG, modified_s=_MODIFIED, now_s=_MODIFIED + 50)
    with pytest.raises(S3Error, match="NotModified"):
        check_read(conditions, etag=_ETAG, modified_s=_MODIFIED, now_s=_MODIFIED + 100)


@given(st.lists(_HEX, max_size=4), _HEX, st.booleans())
def test_an_etag_is_found_in_a_list_quoted_or_not(
    others: list[str], etag: str, quoted: bool
) -> None:
    written = [f'"{each}"' if quoted else each for each in [*others, etag]]
    assert matches(", ".join(written), etag)
    assert matches(",".join(written), etag)
    assert matches(", ".join(written[:-1]), etag) == (etag in others)


def test_weak_etags_match_only_weakly() -> None:
    assert not matches(f'W/"{_ETAG}"', _ETAG)
    assert matches(f'W/"{_ETAG}"', _ETAG, weakly=True)
    assert matches(f'W/"x", "{_ETAG}"', _ETAG)


@pytest.mark.parametrize("field", ["*", " * ", '"*"', 'W/"x",*'])
def test_a_star_matches_all(field: str) -> None:
    assert matches(field, _ETAG)


@pytest.mark.parametrize("field", ["", " ", ",", '"', "x", f'"{_ETAG}x"', f"x{_ETAG}"])
def test_what_does_not_name_the_etag_does_not_match(field: str) -> None:
    assert not matches(field, _ETAG, weakly=True)


@pytest.mark.parametrize("piece", [" ", '"', "W/", '"a', '"a" ', ",", "\t,"])
def test_a_long_field_costs_little(piece: str) -> None:
    begin = time.process_time()
    assert not matches(piece * (60_000 // len(piece)), _ETAG)
    assert time.process_time() - begin < 1


@given(st.text(max_size=60))
def test_any_field_is_compared_without_fault(field: str) -> None:
    assert matches(field, _ETAG) in {True, False}


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "expected"),
    [
        (None, None, WriteConditions()),
        (None, "*", WriteConditions(absent=True)),
        (None, '"*"', WriteConditions(absent=True)),
        (f'"{_ETAG}"', None, WriteConditions(etags=(_ETAG,))),
        (_ETAG, None, WriteConditions(etags=(_ETAG,))),
        ('"a", "b"', None, WriteConditions(etags=("a", "b"))),
        ("*", None, WriteConditions(etags=("*",))),
    ],
)
def test_conditions_of_writes(
    if_match: str | None, if_none_match: str | None, expected: WriteConditions
) -> None:
    assert parse_write_conditions(if_match, if_none_match) == expected


@pytest.mark.parametrize(
    ("if_match", "if_none_match"), [(None, f'"{_ETAG}"'), (None, ""), ("*", "*"), ('"a"', '"b"')]
)
def test_what_s3_does_not_implement_for_writes_is_refused(
    if_match: str | None, if_none_match: str
) -> None:
    with pytest.raises(S3Error) as refusal:
        parse_write_conditions(if_match, if_none_match)
    assert (refusal.value.code, refusal.value.status) == ("NotImplemented", 501)


@pytest.mark.parametrize("if_match", ["", ",", 'W/"a"'])
def test_an_if_match_that_names_nothing_is_never_met(if_match: str) -> None:
    with pytest.raises(S3Error) as refusal:
        parse_write_conditions(if_match, None)
    assert refusal.value.code == "PreconditionFailed"


@pytest.mark.parametrize(
    ("if_range", "same"),
    [
        (f'"{_ETAG}"', True),
        (_ETAG, True),
        (f'W/"{_ETAG}"', False),
        ('"other"', False),
        ("*", False),
        (f'"{_ETAG}", "other"', False),
        ("", False),
        (http_date(_MODIFIED), True),
        (http_date(_MODIFIED + 1), False),
        (http_date(_MODIFIED - 1), False),
    ],
)
def test_if_range(if_range: str, same: bool) -> None:
    now = _MODIFIED + 60
    assert still_the_same(if_range, etag=_ETAG, modified_s=_MODIFIED, now_s=now) is same


def test_a_date_of_the_running_second_vouches_for_nothing() -> None:
    date = http_date(_MODIFIED)
    assert not still_the_same(date, etag=_ETAG, modified_s=_MODIFIED, now_s=_MODIFIED)
