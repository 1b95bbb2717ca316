"""The settings of an S3 storage, right and wrong."""

import pytest

from backends.s3.profiles import PROFILES, profile_for, region_of
from backends.s3.settings import read_settings

GIVEN = {
    "endpoint": "s3.eu-central-1.amazonaws.com",
    "bucket": "photos",
    "access_key": "AKIA",
    "secret_key": "hidden",
}


@pytest.mark.parametrize(
    ("host", "name", "region"),
    [
        ("s3.amazonaws.com", "aws", "us-east-1"),
        ("s3.eu-central-1.amazonaws.com", "aws", "eu-central-1"),
        ("s3.dualstack.us-west-2.amazonaws.com", "aws", "us-west-2"),
        ("s3.cn-north-1.amazonaws.com.cn", "aws", "cn-north-1"),
        ("s3.us-gov-west-1.amazonaws.com", "aws", "us-gov-west-1"),
        ("0123456789abcdef.r2.cloudflarestorage.com", "r2", "auto"),
        ("0123456789abcdef.eu.r2.cloudflarestorage.com", "r2", "auto"),
        ("s3.us-west-004.backblazeb2.com", "b2", "us-west-004"),
        ("s3.eu-central-1.wasabisys.com", "wasabi", "eu-central-1"),
        ("s3.wasabisys.com", "wasabi", "us-east-1"),
        ("ams3.digitaloceanspaces.com", "spaces", "ams3"),
        ("oss-cn-hangzhou.aliyuncs.com", "oss", "cn-hangzhou"),
        ("s3.oss-cn-hangzhou.aliyuncs.com", "oss", "cn-hangzhou"),
        ("oss-cn-shanghai-internal.aliyuncs.com", "oss", "cn-shanghai"),
        ("cos.ap-guangzhou.myqcloud.com", "cos", "ap-guangzhou"),
        ("s3.cn-east-1.qiniucs.com", "kodo", "cn-east-1"),
        ("s3.amazonaws.com.evil.example", "generic", "us-east-1"),
        ("minio.lan", "generic", "us-east-1"),
    ],
)
def test_an_endpoint_tells_its_service_and_region(host: str, name: str, region: str) -> None:
    assert profile_for(host) == name
    assert region_of(PROFILES[name], host) == region


def test_a_region_that_is_named_is_used() -> None:
    assert read_settings({**GIVEN, "region": "eu-west-3"}).first_region == "eu-west-3"
    for auto in ({}, {"region": "auto"}, {"region": ""}):
        read = read_settings({**GIVEN, **auto})
        assert (read.region, read.first_region) == (None, "eu-central-1")


@pytest.mark.parametrize(
    ("settings", "origin", "path_style"),
    [
        ({}, "https://photos.s3.eu-central-1.amazonaws.com", False),
        ({"bucket": "my.photos"}, "https://s3.eu-central-1.amazonaws.com", True),
        ({"address_style": "path"}, "https://s3.eu-central-1.amazonaws.com", True),
        ({"endpoint": "http://nas:9000"}, "http://nas:9000", True),
        ({"endpoint": "http://nas", "address_style": "virtual"}, "http://photos.nas", False),
        (
            {"endpoint": "oss-cn-hangzhou.aliyuncs.com"},
            "https://photos.oss-cn-hangzhou.aliyuncs.com",
            False,
        ),
    ],
)
def test_where_the_bucket_is_named(
    settings: dict[str, object], origin: str, path_style: bool
) -> None:
    read = read_settings({**GIVEN, **settings})
    assert (str(read.origin), read.path_style) == (origin, path_style)


@pytest.mark.parametrize(
    ("given", "prefix"), [("", ""), ("/", ""), ("a/b", "a/b/"), ("/a/b/", "a/b/")]
)
def test_a_prefix_is_a_path(given: str, prefix: str) -> None:
    assert read_settings({**GIVEN, "prefix": given}).prefix == prefix


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"endpoint": "ftp://x"}, "endpoint is not a URL"),
        ({"endpoint": "https://me:hidden@s3"}, "endpoint must not hold"),
        ({"bucket": "a/b"}, "bucket holds a character"),
        ({"bucket": "ab"}, "bucket holds a character, or has a wrong length|bucket"),
        ({"bucket": 7}, "bucket is a text, not int"),
        ({"access_key": "a b"}, "access_key holds a character"),
        ({"secret_key": "hidden\n"}, "secret_key holds a character"),
        ({"session_token": "hidden\u00e9"}, "session_token holds a character"),
        ({"region": "eu west"}, "region holds a character"),
        ({"profile": "azure"}, "profile is one of aws, .*not 'azure'"),
        ({"address_style": "dns"}, "address_style is"),
        (
            {"endpoint": "oss-cn-hangzhou.aliyuncs.com", "address_style": "path"},
            'must be "virtual"',
        ),
        ({"bucket": "Photos_1", "address_style": "virtual"}, 'address_style = "path"'),
        ({"endpoint": "https://s3/base", "address_style": "virtual"}, 'address_style = "path"'),
        ({"prefix": "a/../b"}, "prefix is a path"),
        ({"prefix": "a//b"}, "prefix is a path"),
        ({"prefix": ".s3front/x"}, "prefix is a path"),
        ({"url": "ftp://cdn"}, "url is not a URL"),
        ({"link_mode": "redirect"}, "link_mode is"),
        ({"allow_private": "yes"}, "allow_private is"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        read_settings({**GIVEN, **settings})
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(("given", "allowed"), [(True, True), ("true", True), ("False", False)])
def test_a_switch_may_come_from_the_environment(given: object, allowed: bool) -> None:
    assert read_settings({**GIVEN, "allow_private": given}).allow_private is allowed


def test_no_settings_show_a_secret() -> None:
    assert "hidden" not in repr(read_settings({**GIVEN, "session_token": "hidden-too"}))
