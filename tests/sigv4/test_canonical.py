"""The canonical request: one spelling for the same bytes."""

from functools import partial
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigv4.canonical import (
    canonical_forms,
    canonical_path,
    canonical_query,
    quoted_path,
    string_to_sign,
    trimmed,
)
from sigv4.keys import derive_key, signature
from tests.sigv4.signing import SCOPE, SECRET, proved, refusal, request, signed, with_headers

RAW = st.text(
    st.one_of(st.sampled_from("%/+&=;aZ09-._~ %2F%2f%41(@"), st.characters(codec="utf-8")),
    max_size=30,
)


@given(path=RAW)
@settings(deadline=None)
def test_a_canonical_path_decodes_to_the_bytes_sent_and_stays_as_it_is(path: str) -> None:
    canonical = canonical_path(path)
    assert unquote_to_bytes(canonical) == (unquote_to_bytes(path.encode()) or b"/")
    assert canonical_path(canonical) == canonical
    assert canonical == quote(unquote_to_bytes(canonical), safe="/~")


@given(query=RAW)
@settings(deadline=None)
def test_a_canonical_query_is_sorted_encoded_and_stays_as_it_is(query: str) -> None:
    canonical = canonical_query(query)
    assert canonical_query(canonical) == canonical
    pairs = [tuple(part.split("=")) for part in canonical.split("&") if part]
    assert pairs == sorted(pairs)
    slow = sorted(
        tuple(
            quote(unquote_to_bytes(text.replace("+", " ").encode()), safe="~")
            for text in part.partition("=")[::2]
        )
        for part in query.split("&")
        if part
    )
    assert pairs == slow


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("", "/"),
        ("/", "/"),
        ("//a/./../b//", "//a/./../b//"),
        ("/a+b", "/a%2Bb"),
        ("/a%2fb", "/a/b"),
        ("/%7Ea%41", "/~aA"),
        ("/%zz%", "/%25zz%25"),
        ("/a(b)@c", "/a%28b%29%40c"),
    ],
)
def test_a_path_is_encoded_once_and_never_normalised(path: str, canonical: str) -> None:
    assert canonical_path(path) == canonical


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("uploads", "uploads="),
        ("b=2&a=1", "a=1&b=2"),
        ("a-b=1&a=1", "a=1&a-b=1"),
        ("a=2&a=1", "a=1&a=2"),
        ("a=b=c", "a=b%3Dc"),
        ("a=x+y", "a=x%20y"),
        ("a=%2f/", "a=%2F%2F"),
        ("&&a=1&", "a=1"),
    ],
)
def test_a_query_is_sorted_by_name_then_value(query: str, canonical: str) -> None:
    assert canonical_query(query) == canonical


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("  a  ", "a"),
        ("a   b", "a b"),
        ("a\t b", "a b"),
        ('"a   b"', '"a b"'),
        ("ä  ö", "ä ö"),
        ("", ""),
        ("a\n b", "a b"),
    ],
)
def test_white_space_in_a_header_is_made_one_space(value: str, canonical: str) -> None:
    assert trimmed(value) == canonical


def test_a_line_break_in_the_target_never_makes_a_line_of_the_canonical_request() -> None:
    good = request(path="/a\nb", query="c=\nd")
    for canonical in canonical_forms(good, ("host",), ["UNSIGNED-PAYLOAD"]):
        assert canonical.split("\n")[1:3] == ["/a%0Ab", "c=%0Ad"]


@given(path=RAW, query=RAW, value=RAW)
@settings(deadline=None)
def test_the_forms_are_few_and_differ_and_begin_with_the_canonical_one(
    path: str, query: str, value: str
) -> None:
    sent = request(path=path, query=query, headers={"x-amz-meta-a": value})
    forms = list(canonical_forms(sent, ("host", "x-amz-meta-a"), ["UNSIGNED-PAYLOAD"]))
    assert len(forms) == len(set(forms)) <= 12
    assert all(form.endswith("\nUNSIGNED-PAYLOAD") for form in forms)


def test_another_path_of_the_same_length_is_refused() -> None:
    good = signed(request(path="/bucket/" + quoted_path(b"a b")))
    proved(good)
    for path in ("/bucket/a+b", "/bucket/a%2520b", "/bucket//a%20b", "/bucket/./a%20b"):
        sent = request(path=path, headers=good.headers)
        assert refusal(partial(proved, sent)).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("sent", "in_canonical_request"),
    [
        ("a\t  b", "a b"),
        ("a\t  b ", "a\t b"),
        ("a\u2003\u2003b", "a b"),
    ],
    ids=["SDKs for Java and JavaScript", "Amazon's documents and SDK for Go", "botocore"],
)
def test_white_space_is_accepted_as_each_signer_trims_it(
    sent: str, in_canonical_request: str
) -> None:
    plain = request(headers={"x-amz-meta-a": sent})
    good = signed(plain)
    names = ("host", "x-amz-content-sha256", "x-amz-date", "x-amz-meta-a")
    lines = [f"{name}:{good.headers[name]}\n" for name in names[:-1]]
    lines.append(f"{names[-1]}:{in_canonical_request}\n")
    canonical = f"GET\n/bucket/key\n\n{''.join(lines)}\n{';'.join(names)}\nUNSIGNED-PAYLOAD"
    key = derive_key(SECRET, "20130524", "us-east-1", "s3")
    made = signature(key, string_to_sign("20130524T000000Z", SCOPE, canonical)).decode()
    value = good.headers["authorization"][:-64] + made
    proved(with_headers(good, {"authorization": value}))
