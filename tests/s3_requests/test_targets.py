"""Raw path, raw query and Host to bucket, key and parameters."""

from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.errors import S3Error
from gateway.s3.target import (
    Domains,
    Target,
    parse_query,
    parse_target,
    with_hoisted_headers,
)

DOMAINS = Domains(["localhost", "s3.example.com", "example.com"])
ADDRESS = "127.0.0.1:9000"

keys = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=256)
"""Any Unicode text of at most 1,024 bytes, NUL and control characters included."""


def target(path: str, query: str = "", host: str = ADDRESS) -> Target:
    return parse_target(path, query, host, DOMAINS)


def outcome(path: str, query: str = "", host: str = ADDRESS) -> Target | S3Error:
    try:
        return target(path, query, host)
    except S3Error as refused:
        return refused


def refusal(path: str, query: str = "", host: str = ADDRESS) -> S3Error:
    with pytest.raises(S3Error) as refused:
        target(path, query, host)
    return refused.value


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/bucket", None),
        ("/bucket/", None),
        ("/bucket/key", "key"),
        ("/bucket//", "/"),
        ("/bucket//key", "/key"),
        ("/bucket/a//b/", "a//b/"),
        ("/bucket/.", "."),
        ("/bucket/..", ".."),
        ("/bucket/../other/key", "../other/key"),
        ("/bucket/a%2Fb", "a/b"),
        ("/bucket/a%2fb", "a/b"),
        ("/bucket/a+b", "a+b"),
        ("/bucket/a%2Bb", "a+b"),
        ("/bucket/a%20b", "a b"),
        ("/bucket/a b", "a b"),
        ("/bucket/%252F", "%2F"),
        ("/bucket/%E4%BD%A0", "你"),
        ("/bucket/\udce4\udcbd\udca0", "你"),
        ("/bucket/你", "你"),
        ("/bucket/%00%01%1F%7F", "\0\x01\x1f\x7f"),
        ("/bucket/a?b", "a?b"),
        ("/bucket/a&b=c", "a&b=c"),
        ("/buck%65t/key", "key"),
    ],
)
def test_a_key_is_what_follows_the_bucket_decoded_once(path: str, key: str | None) -> None:
    assert target(path) == Target(bucket="bucket", key=key)


def test_the_root_is_the_service() -> None:
    assert target("/") == Target()


def test_the_uri_of_object_lambda_is_no_bucket() -> None:
    assert target("/WriteGetObjectResponse") == Target()
    assert refusal("/WriteGetObjectResponse/key").code == "InvalidBucketName"


@pytest.mark.parametrize(
    ("host", "path", "bucket", "key"),
    [
        ("photos.localhost", "/", "photos", None),
        ("photos.localhost:9000", "/key", "photos", "key"),
        ("Photos.LocalHost.:9000", "/key", "photos", "key"),
        ("photos.localhost", "//", "photos", "/"),
        ("photos.localhost", "/photos/key", "photos", "photos/key"),
        ("a.b.s3.example.com", "/key", "a.b", "key"),
        ("photos.s3.example.com", "/key", "photos", "key"),
        ("photos.example.com", "/key", "photos", "key"),
    ],
)
def test_a_host_below_a_base_domain_names_the_bucket(
    host: str, path: str, bucket: str, key: str | None
) -> None:
    assert target(path, host=host) == Target(bucket=bucket, key=key, virtual_host=True)


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:9000", "LOCALHOST.", "s3.example.com", "example.com:80",
        "127.0.0.1", "127.0.0.1:9000", "[::1]", "[::1]:9000", "minio", "minio:9000", "",
        "photos.elsewhere.org", "notlocalhost", "localhost.elsewhere.org", "[fe80::1%25eth0]:9000",
    ],
)  # fmt: skip
def test_any_other_host_is_path_style(host: str) -> None:
    assert target("/bucket/key", host=host) == Target(bucket="bucket", key="key")


@pytest.mark.parametrize(
    "host", ["s3.localhost", "My_Bucket.localhost", ".localhost", "-.localhost"]
)
def test_a_host_below_a_base_domain_that_is_no_bucket_is_not_path_style(host: str) -> None:
    assert refusal("/bucket/key", host=host).code == "InvalidBucketName"


@pytest.mark.parametrize(
    "domain", ["", ".", "127.0.0.1", "::1", "a b", "s3.example.com:9000", "[::1]"]
)
def test_a_base_domain_is_a_host_name(domain: str) -> None:
    with pytest.raises(ValueError, match="not a base domain"):
        Domains([domain])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/bucket/%", "InvalidURI"),
        ("/bucket/%4", "InvalidURI"),
        ("/bucket/%zz", "InvalidURI"),
        ("/bucket/%+1", "InvalidURI"),
        ("/bucket/%ff", "InvalidURI"),
        ("/bucket/%ed%a0%80", "InvalidURI"),
        ("/bucket/\udcff", "InvalidURI"),
        ("", "InvalidURI"),
        ("*", "InvalidURI"),
        ("bucket/key", "InvalidURI"),
        ("//", "InvalidBucketName"),
        ("//key", "InvalidBucketName"),
        ("/ab/key", "InvalidBucketName"),
        ("/Bucket/key", "InvalidBucketName"),
        ("/bucket%2Fkey", "InvalidBucketName"),
        ("/../key", "InvalidBucketName"),
        ("/-/api", "InvalidBucketName"),
        ("/buc%00ket/key", "InvalidBucketName"),
    ],
)
def test_what_names_nothing_is_refused(path: str, code: str) -> None:
    assert refusal(path).code == code


def test_a_key_may_have_1024_bytes_and_not_one_more() -> None:
    assert target("/bucket/" + "k" * 1024).key == "k" * 1024
    assert target("/bucket/" + quote("é" * 512)).key == "é" * 512
    for path in ("/bucket/" + "k" * 1025, "/bucket/" + quote("é" * 512 + "k")):
        refused = refusal(path)
        assert refused.code == "KeyTooLongError"
        assert refused.fields == {"Size": "1025", "MaxSizeAllowed": "1024"}


@given(key=keys, safe=st.sampled_from(["", "/", "/~+*'()!"]))
def test_every_key_comes_back_from_its_encoded_path_in_both_styles(key: str, safe: str) -> None:
    encoded = quote(key, safe=safe)
    assert target("/bucket/" + encoded).key == key
    assert target("/" + encoded, host="bucket.localhost").key == key


@given(raw=st.binary(max_size=40), host=st.sampled_from([ADDRESS, "bucket.localhost", "localhost"]))
def test_any_bytes_as_a_path_are_a_target_or_refused(raw: bytes, host: str) -> None:
    for path in (
        raw.decode("utf-8", "surrogateescape"),
        "/bucket/" + raw.decode("utf-8", "surrogateescape"),
        "/bucket/" + quote_from_bytes(raw, safe=""),
    ):
        found = outcome(path, host=host)
        if isinstance(found, S3Error):
            assert found.code in {"InvalidURI", "InvalidBucketName", "KeyTooLongError"}
            assert all(value.isascii() for value in found.fields.values())
        elif found.key is not None:
            assert 0 < len(found.key.encode()) <= 1024


@given(raw=st.binary(max_size=40))
def test_any_bytes_as_a_query_are_parameters_or_refused(raw: bytes) -> None:
    found = outcome("/bucket", raw.decode("utf-8", "surrogateescape"))
    if isinstance(found, S3Error):
        assert found.code == "InvalidURI"
        return
    for name, value in found.params.items():
        assert (name + value).encode().decode() == name + value
    assert found.repeated <= set(found.params)


@given(host=st.text(max_size=30))
def test_any_host_is_a_bucket_or_path_style_or_refused(host: str) -> None:
    for each in (host, host + ".localhost", host + ":9000"):
        found = outcome("/bucket/key", host=each)
        if isinstance(found, S3Error):
            assert found.code == "InvalidBucketName"
        else:
            assert found.virtual_host or found.bucket == "bucket"


@pytest.mark.parametrize(
    ("query", "params", "repeated"),
    [
        ("", {}, set()),
        ("acl", {"acl": ""}, set()),
        ("acl=", {"acl": ""}, set()),
        ("prefix=a%2Fb+c%2B&delimiter=%2F", {"prefix": "a/b c+", "delimiter": "/"}, set()),
        ("a=1&&b=2&", {"a": "1", "b": "2"}, set()),
        ("a==b=", {"a": "=b="}, set()),
        ("prefix=first&prefix=second", {"prefix": "first"}, {"prefix"}),
        ("pre%66ix=first&prefix=second&prefix", {"prefix": "first"}, {"prefix"}),
        ("=x", {"": "x"}, set()),
        ("a;b=1", {"a;b": "1"}, set()),
    ],
)
def test_parameters_are_decoded_once_and_the_first_of_a_name_counts(
    query: str, params: dict[str, str], repeated: set[str]
) -> None:
    assert parse_query(query) == (params, frozenset(repeated))


@given(st.dictionaries(keys, keys, max_size=4))
def test_every_parameter_comes_back_from_its_encoded_query(params: dict[str, str]) -> None:
    query = "&".join(f"{quote(name, safe='')}={quote(v, safe='')}" for name, v in params.items())
    assert parse_query(query) == (params, frozenset())


def test_headers_in_the_query_of_a_presigned_url_are_read_as_headers() -> None:
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=c&X-Amz-Date=d&X-Amz-Expires=60"
        "&X-Amz-SignedHeaders=host&X-Amz-Signature=s&X-Amz-Security-Token=t"
        "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&x-id=PutObject&prefix=p"
        "&x-amz-acl=public-read&X-Amz-Tagging=a%3Db&x-amz-meta-Colour=red"
        "&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32"
    )
    headers = {"host": "x", "content-type": "text/plain"}
    assert with_hoisted_headers(target("/bucket/key", query), headers) == {
        **headers,
        "x-amz-acl": "public-read",
        "x-amz-tagging": "a=b",
        "x-amz-meta-colour": "red",
    }


def test_without_headers_in_the_query_the_very_same_headers_are_used() -> None:
    headers = {"host": "x"}
    assert with_hoisted_headers(target("/bucket/key", "versionId=v"), headers) is headers
    query = "X-Amz-Signature=s&x-amz-checksum-crc32=AAAAAA%3D%3D"
    assert with_hoisted_headers(target("/bucket/key", query), headers) is headers


def test_a_header_and_a_parameter_that_differ_are_refused() -> None:
    found = target("/bucket/key", "x-amz-acl=private")
    assert with_hoisted_headers(found, {"x-amz-acl": "private"}) == {"x-amz-acl": "private"}
    with pytest.raises(S3Error, match="InvalidRequest"):
        with_hoisted_headers(found, {"x-amz-acl": "public-read"})
