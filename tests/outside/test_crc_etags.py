"""Files of others in a bucket whose ETags are made of CRCs."""

import hashlib
import os
from base64 import b64encode
from pathlib import Path

from gateway.s3.checksums import checksum_of, decode
from gateway.s3.etag import crc_etag
from tests.live.client import Client
from tests.live.server import running
from tests.outside.waiting import until

BUCKETS = [{"name": "crc", "etag": "crc64nvme"}]


def crc(data: bytes) -> str:
    return crc_etag(decode("CRC64NVME", checksum_of("CRC64NVME", data)) or b"")


def told(client: Client, key: str) -> str:
    return client.request("HEAD", f"/crc/{key}").headers.get("etag", "").strip('"')


def touch(client: Client, file: Path) -> None:
    """Another time; returns when the object has it."""
    os.utime(file, (1_000_000_000, 1_000_000_000))
    path = f"/crc/{file.name}"
    until(lambda: "2001" in client.request("HEAD", path).headers.get("last-modified", ""))


def test_what_others_write_gets_such_an_etag(tmp_path: Path) -> None:
    with running(tmp_path, durability="relaxed", jobs=True, buckets=BUCKETS) as live:
        (tmp_path / "crc" / "key").write_bytes(b"theirs")
        until(lambda: told(live.client, "key") == crc(b"theirs"))


def test_what_is_only_touched_keeps_the_etag_that_it_had_of_either_kind(tmp_path: Path) -> None:
    md5 = hashlib.md5(b"content")
    with running(tmp_path, durability="relaxed", jobs=True, buckets=BUCKETS) as live:
        live.client.put("crc", "crc", b"content")
        sent = b64encode(md5.digest()).decode()
        live.client.put("crc", "md5", b"content", content_md5=sent)
        touch(live.client, tmp_path / "crc" / "md5")
        until(lambda: told(live.client, "md5") == md5.hexdigest())
    with running(tmp_path, durability="relaxed", jobs=True) as live:
        touch(live.client, tmp_path / "crc" / "crc")
        until(lambda: told(live.client, "crc") == crc(b"content"))
        answer = live.client.get("crc", "crc", x_amz_checksum_mode="ENABLED")
        assert answer.headers["x-amz-checksum-crc64nvme"] == checksum_of("CRC64NVME", b"content")
