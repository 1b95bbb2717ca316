"""What endings of keys say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.content_types import guessed


@pytest.mark.parametrize(
    ("key", "type"),
    [
        ("a.html", "text/html"),
        ("dir.d/PHOTO.JPG", "image/jpeg"),
        ("x.json", "application/json"),
        ("backup.tar.gz", "application/gzip"),
        ("c:b.txt", "text/plain"),
        ("data:,x.txt", "text/plain"),
        ("dir.html/none", None),
        (".html", None),
        ("none.", None),
        ("none.unheard-of", None),
        ("", None),
        ("a.html/", None),
    ],
)
def test_endings(key: str, type: str | None) -> None:
    assert guessed(key) == type


@given(st.text())
def test_any_key_has_a_type_fit_for_a_header_or_none(key: str) -> None:
    type = guessed(key)
    assert type is None or (type.isascii() and type.isprintable() and "/" in type)
