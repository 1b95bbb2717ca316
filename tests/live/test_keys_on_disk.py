"""Any key S3 allows is kept, and lies under its own name wherever a file can have that name."""

from urllib.parse import unquote_plus

import pytest

from tests.live.client import Client
from tests.live.server import Live

NATURAL = {
    "plain": "key.txt",
    "folders": "a/b/c/d.txt",
    "a blank": "some key",
    "a plus": "a+b",
    "a percent sign": "100%",
    "an escape": "a%2Fb",
    "an ampersand": "a&b=c?d#e",
    "umlauts": "Zürich/ß.txt",
    "far signs": "日本語/🙂.txt",
    "three dots": ".../x",
    "a leading dot": ".hidden",
    "a tilde": "~/x",
    "a backslash": "a\\b",
    "quotes": 'it\'s "so"',
    "a star": "*?<>|",
    "255 bytes": "n" * 255,
}
SHADOWED = {
    "an empty segment": "a//b",
    "a leading slash": "/a",
    "only slashes": "//",
    "a folder's mark": "dir/",
    "dots": "a/../b",
    "a dot": "a/./b",
    "only dots": "..",
    "a way out": "../../etc/passwd",
    "a control character": "a\x01b",
    "a newline": "a\nb",
    "nul": "a\x00b",
    "256 bytes in a segment": "n" * 256,
    "1,024 bytes": "k" * 1024,
}


@pytest.mark.parametrize("kind", [*NATURAL, *SHADOWED])
def test_a_key_is_kept_listed_and_deleted(
    live: Live, client: Client, bucket: str, kind: str
) -> None:
    key = {**NATURAL, **SHADOWED}[kind]
    body = f"the body of {key!r}".encode()
    assert client.put(bucket, key, body).status == 200
    assert client.get(bucket, key).body == body
    listed = client.request("GET", f"/{bucket}", "list-type=2&encoding-type=url")
    assert [_unescaped(text) for text in listed.texts("Contents/Key")] == [key]
    assert (live.files(bucket) == [key]) == (kind in NATURAL)
    assert client.delete(bucket, key).status == 204
    assert client.get(bucket, key).status == 404
    assert live.files(bucket) == []
    assert _shadows(live) == []


def _unescaped(text: str) -> str:
    return unquote_plus(text)


def _shadows(live: Live) -> list[str]:
    folder = live.root / ".s3front" / "o"
    return [path.name for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def test_a_key_of_1025_bytes_is_too_long(client: Client, bucket: str) -> None:
    answer = client.put(bucket, "k" * 1025, b"")
    assert (answer.status, answer.code) == (400, "KeyTooLongError")


def test_a_key_that_is_not_utf8_is_refused(client: Client, bucket: str) -> None:
    answer = client.request("PUT", f"/{bucket}/%ff", body=b"")
    assert (answer.status, answer.code) == (400, "InvalidURI")


def test_a_plus_in_a_path_is_a_plus(client: Client, bucket: str) -> None:
    assert client.request("PUT", f"/{bucket}/a+b", body=b"plus").status == 200
    assert client.get(bucket, "a+b").body == b"plus"
    assert client.get(bucket, "a b").status == 404


def test_an_escaped_slash_is_the_same_key(client: Client, bucket: str) -> None:
    client.put(bucket, "a/b", b"x")
    assert client.request("GET", f"/{bucket}/a%2Fb").body == b"x"


def test_a_key_beside_keys_below_it(live: Live, client: Client, bucket: str) -> None:
    client.put(bucket, "a", b"file")
    client.put(bucket, "a/b", b"below")
    client.put(bucket, "a/", b"mark")
    assert [client.get(bucket, key).body for key in ("a", "a/b", "a/")] == [
        b"file",
        b"below",
        b"mark",
    ]
    assert client.keys(bucket) == ["a", "a/", "a/b"]
    assert (live.root / bucket / "a").read_bytes() == b"file"
    client.delete(bucket, "a")
    assert client.get(bucket, "a/b").body == b"below"


def test_a_key_above_keys_that_are_there(live: Live, client: Client, bucket: str) -> None:
    client.put(bucket, "a/b", b"below")
    client.put(bucket, "a", b"file")
    assert (live.root / bucket / "a" / "b").read_bytes() == b"below"
    assert client.get(bucket, "a").body == b"file"
    client.put(bucket, "a", b"again")
    assert client.get(bucket, "a").body == b"again"
    assert client.get(bucket, "a/b").body == b"below"


def test_keys_that_differ_in_case_are_two(client: Client, bucket: str) -> None:
    client.put(bucket, "Key", b"1")
    client.put(bucket, "key", b"2")
    assert (client.get(bucket, "Key").body, client.get(bucket, "key").body) == (b"1", b"2")
    assert client.keys(bucket) == ["Key", "key"]


def test_keys_that_differ_in_normal_form_are_two(client: Client, bucket: str) -> None:
    composed, decomposed = "\u00fc", "u\u0308"
    client.put(bucket, composed, b"1")
    client.put(bucket, decomposed, b"2")
    assert client.get(bucket, composed).body == b"1"
    assert client.get(bucket, decomposed).body == b"2"


def test_folders_left_empty_are_removed_but_for_the_bucket(
    live: Live, client: Client, bucket: str
) -> None:
    client.put(bucket, "a/b/c/d", b"x")
    client.put(bucket, "a/e", b"x")
    client.delete(bucket, "a/b/c/d")
    assert not (live.root / bucket / "a" / "b").exists()
    client.delete(bucket, "a/e")
    assert list((live.root / bucket).iterdir()) == []


def test_no_key_reaches_beyond_its_bucket(live: Live, client: Client, bucket: str) -> None:
    before = sorted(path.name for path in live.root.parent.iterdir())
    for key in ("../outside", "..", "a/../../outside", "/etc/passwd", "..\\x"):
        assert client.put(bucket, key, b"x").status == 200
        assert client.get(bucket, key).body == b"x"
    assert sorted(path.name for path in live.root.parent.iterdir()) == before
    assert not (live.root / "outside").exists()


def test_the_reserved_folder_is_no_bucket(client: Client) -> None:
    for name in (".s3front", ".S3FRONT", "%2Es3front"):
        answer = client.request("GET", f"/{name}/catalog.db")
        assert (answer.status, answer.code) == (400, "InvalidBucketName")


def test_a_bucket_that_is_gone_leaves_no_folder(live: Live, client: Client, bucket: str) -> None:
    client.put(bucket, "a/b", b"x")
    client.delete(bucket, "a/b")
    client.request("DELETE", f"/{bucket}")
    assert not (live.root / bucket).exists()
