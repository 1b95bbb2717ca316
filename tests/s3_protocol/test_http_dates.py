"""Dates against the standard library."""

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.dates import http_date, iso_date, parse_http_date, parse_iso_date

_SECONDS = st.integers(min_value=-2_000_000_000, max_value=253_402_300_799)


@given(_SECONDS)
def test_http_dates_are_formatted_as_the_standard_library_does(seconds: int) -> None:
    assert http_date(seconds) == formatdate(seconds, usegmt=True)


@given(_SECONDS)
def test_iso_dates_are_formatted_as_the_standard_library_does(seconds: int) -> None:
    expected = datetime.fromtimestamp(seconds, UTC).strftime("%m-%dT%H:%M:%S.000Z")
    assert iso_date(seconds).partition("-")[2] == expected


@given(_SECONDS)
def test_both_forms_come_back(seconds: int) -> None:
    assert parse_http_date(http_date(seconds)) == seconds
    assert parse_iso_date(iso_date(seconds)) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " 6 Nov 1994 08:49:37 +0000",
        "sun, 06 nov 1994 08:49:37 UTC",
    ],
)
def test_the_three_forms_of_http_are_one_time(text: str) -> None:
    assert parse_http_date(text) == 784111777


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Tue, 29 Feb 2100 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 +0100",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "1994-11-06T08:49:37Z",
        "Sun, 0٣ Nov 1994 08:49:37 GMT",
    ],
)
def test_what_is_no_http_date_is_none(text: str) -> None:
    assert parse_http_date(text) is None


def test_two_digit_years_turn_at_69() -> None:
    assert parse_http_date("Sunday, 01-Jan-69 00:00:00 GMT") == -31536000
    assert parse_http_date("Sunday, 01-Jan-68 00:00:00 GMT") == 3092601600


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_none(text: str) -> None:
    assert isinstance(parse_http_date(text), int | None)
    assert isinstance(parse_iso_date(text), int | None)
