"""Names of buckets."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.errors import S3Error
from gateway.s3.names import bucket_name, can_be_a_bucket, new_bucket_name

GOOD = ["abc", "a-b", "a.b", "1.2.3", "1.2.3.4.5", "a--b", "256-1", "a" * 63, "0.a-.b"]
BAD = [
    "", "a", "ab", "a" * 64, "Abc", "a_b", "-abc", "abc-", ".abc", "abc.", "a..b", "192.168.5.4",
    "a/b", "a b", "a\n", "abc\n", "аbc", "a٠c", "a*c", "a:c", "..", "...", "-/-",
]  # fmt: skip
RESERVED = [
    "xn--abc", "sthree-abc", "sthree-configurator", "amzn-s3-demo-bucket", "abc-s3alias",
    "abc--ol-s3", "abc.mrap", "abc--x-s3", "abc--table-s3",
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_legal_name_is_accepted(name: str) -> None:
    assert bucket_name(name) == name
    assert new_bucket_name(name) == name


@pytest.mark.parametrize("name", BAD)
def test_an_illegal_name_is_refused(name: str) -> None:
    for check in (bucket_name, new_bucket_name):
        with pytest.raises(S3Error) as refused:
            check(name)
        assert refused.value.code == "InvalidBucketName"


@pytest.mark.parametrize("name", RESERVED)
def test_a_reserved_name_cannot_be_created_but_looked_for(name: str) -> None:
    assert bucket_name(name) == name
    with pytest.raises(S3Error) as refused:
        new_bucket_name(name)
    assert refused.value.code == "InvalidBucketName"


@given(st.text("ab0-.", max_size=66))
def test_the_rule_is_amazon_s_list_of_rules(name: str) -> None:
    expected = (
        3 <= len(name) <= 63
        and name[0] in "ab0"
        and name[-1] in "ab0"
        and ".." not in name
        and re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", name) is None
    )
    assert can_be_a_bucket(name) is expected
