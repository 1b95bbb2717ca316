"""A presigned URL carries headers in its query, percent-encoded: any byte can come so."""

from urllib.parse import quote

import pytest

from tests.live.client import Client
from tests.live.framed import SIGNED, UNSIGNED_TRAILER

NAMES = ["a\r\nInjected", "a\nInjected", "a: b", "a b", "a\x00b", "é", "", "a,b", 'a"b']


def _put(client: Client, bucket: str, query: str, body: bytes) -> int:
    target = client.presigned("PUT", f"/{bucket}/key", query)
    return client.send("PUT", target, {"host": client.host}, body).status


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_metadata_that_is_no_header_is_refused(
    client: Client, bucket: str, name: str
) -> None:
    query = f"x-amz-meta-{quote(name, safe='')}=value"
    assert _put(client, bucket, query, b"x") == 400
    assert client.keys(bucket) == []


@pytest.mark.parametrize("header", ["x-amz-meta-a", "x-amz-website-redirect-location"])
def test_a_value_that_would_split_an_answer_is_refused(
    client: Client, bucket: str, header: str
) -> None:
    assert _put(client, bucket, f"{header}=/%0D%0AInjected:%20yes", b"x") == 400
    assert client.keys(bucket) == []


@pytest.mark.parametrize("kind", [SIGNED, UNSIGNED_TRAILER])
def test_a_body_that_its_query_says_is_framed_is_never_stored_as_it_is(
    client: Client, bucket: str, kind: str
) -> None:
    assert _put(client, bucket, f"X-Amz-Content-Sha256={kind}", b"5\r\n12345\r\n0\r\n\r\n") == 411
    assert client.keys(bucket) == []
