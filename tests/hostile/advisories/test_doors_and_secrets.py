"""Doors that were open, keys that were known, secrets that were told."""

import inspect
from pathlib import Path

import pytest

from gateway.access.credentials import Credentials, CredentialsError, keep
from gateway.settings.model import Settings
from tests.hostile.advisories.marking import covers
from tests.hostile.exchanges import seen
from tests.hostile.table_rows import assert_not_served
from tests.live.client import Client
from tests.live.server import Live

_BOOTSTRAP = ("/minio/bootstrap/v1/verify", "/-/env", "/-/bootstrap", "/.env", "/-/config")
_RPC = (
    "/rustfs/rpc/read_file_stream",
    "/node_service.NodeService/ReadAll",
    "/minio/storage/data/v63/readall",
    "/iam_pb.SeaweedIdentityAccessManagement/CreateUser",
    "/volume_server_pb.VolumeServer/FetchAndWriteNeedle",
    "/-/rpc",
)
_PROFILES = (
    "/debug/pprof/heap",
    "/profile/cpu",
    "/rustfs/admin/debug/pprof/profile",
    "/metrics",
    "/minio/v2/metrics/cluster",
    "/-/metrics",
    "/-/debug",
)


def _closed(client: Client, paths: tuple[str, ...], headers: dict[str, str] | None = None) -> None:
    for path in paths:
        for method in ("GET", "POST", "PUT"):
            answer = client.request(method, path, headers=headers, body=b"{}", signed=False)
            assert answer.status in {400, 403, 404}, (path, answer)
            assert not [
                word for word in (b"PATH", b"SECRET", b"secretsecret") if word in answer.body
            ]


@covers("CVE-2023-28432")
def test_nothing_tells_the_environment(client: Client) -> None:
    _closed(client, _BOOTSTRAP)


@covers("CVE-2025-68926", "CVE-2026-72920", "GHSA-87fv")
def test_no_call_of_another_node_is_answered(client: Client) -> None:
    for token in ("rustfs rpc", "minioadmin", "Bearer x", "internal"):
        _closed(client, _RPC, {"authorization": token})


@covers("GHSA-jqmc", "GHSA-f5cv")
def test_no_profile_and_no_metric_is_told_on_the_port_of_clients(client: Client) -> None:
    _closed(client, _PROFILES)
    assert Settings.model_fields["metrics_address"].get_default() is None


_INTERNAL = {
    "x-backend-storage-policy-index": "1",
    "x-timestamp": "9999999999.00000",
    "x-openstack-swift-oversize": "1",
    "x-object-sysmeta-s3api-acl": "{}",
    "x-minio-source-mtime": "2020-01-01T00:00:00Z",
    "x-minio-replication-actual-object-size": "1",
    "x-minio-internal-server-side-encryption-sealed-key": "x",
    "x-amz-replication-status": "REPLICA",
    "x-rustfs-internal-x": "1",
}


@covers("CVE-2026-34204", "CVE-2026-71192", "CVE-2026-50221")
@pytest.mark.parametrize("name", _INTERNAL)
def test_a_header_of_others_own_is_no_header_of_ours(
    client: Client, bucket: str, name: str
) -> None:
    asked = {name: _INTERNAL[name]}
    client.put(bucket, "plain", b"content")
    answer = client.request("PUT", f"/{bucket}/key", headers=asked, body=b"content")
    if answer.status == 200:
        plain, odd = client.get(bucket, "plain").headers, client.get(bucket, "key").headers
        changing = {"x-amz-request-id", "date", "last-modified"}
        kept = [{n: v for n, v in one.items() if n not in changing} for one in (plain, odd)]
        assert kept[0] == kept[1]
    else:
        assert answer.status == 501
        assert client.keys(bucket) == ["plain"]


@covers("RustFS default credentials")
def test_there_is_no_key_that_everyone_knows(client: Client, tmp_path: Path) -> None:
    for name in ("root_access_key", "root_secret_key"):
        assert not Settings.model_fields[name].get_default()
    one, other = (tmp_path / name for name in ("one", "other"))
    for folder in (one, other):
        folder.mkdir()
    made = [keep(folder).credentials for folder in (one, other)]
    assert made[0].root_secret_key != made[1].root_secret_key
    assert made[0].root_access_key != made[1].root_access_key
    for key, secret in (
        ("rustfsadmin", "rustfsadmin"),
        ("minioadmin", "minioadmin"),
        ("admin", "admin"),
        ("test", "test"),
        ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ):
        known = Client(port=client.port, access_key=key, secret=secret)
        assert known.request("GET", "/").code == "InvalidAccessKeyId"
    (one / "credentials").write_text("[default]\naws_access_key_id =\naws_secret_access_key =\n")
    with pytest.raises(CredentialsError):
        keep(one)


@covers("RustFS secrets in logs")
def test_neither_secret_nor_signature_is_logged_or_shown(
    live: Live, client: Client, bucket: str
) -> None:
    seen(live)
    headers = client.headers("GET", f"/{bucket}", payload_hash="UNSIGNED-PAYLOAD")
    right = headers["authorization"].rpartition("=")[2]
    wrong = {**headers, "authorization": headers["authorization"][:-1] + "x"}
    answers = [client.send("GET", f"/{bucket}", each, b"") for each in (headers, wrong)]
    told = f"{seen(live)} {[(one.headers, one.body) for one in answers]}"
    assert right not in told
    assert client.secret not in told
    credentials = Credentials(root_access_key="a", root_secret_key="hush")
    assert "hush" not in repr(credentials)


@covers("CVE-2026-33322")
def test_no_token_but_a_signature_is_believed(client: Client, bucket: str) -> None:
    none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0."
    for value in (
        f"Bearer {none}",
        none,
        "Basic cm9vdDpyb290",
        "Digest username=root",
        "Negotiate x",
    ):
        answer = client.request("GET", f"/{bucket}", headers={"authorization": value}, signed=False)
        assert answer.status == 400
    for name in ("x-amz-security-token", "cookie", "x-auth-token"):
        answer = client.request("GET", f"/{bucket}", headers={name: none}, signed=False)
        assert answer.status == 403


@covers("GHSA-m479")
def test_no_setting_and_no_request_makes_the_server_ask_others(client: Client, bucket: str) -> None:
    """There are no hooks, replicas or identity providers whose address a client could choose."""
    for operation in (
        "PutBucketNotificationConfiguration",
        "PutBucketReplication",
        "PutBucketLogging",
        "PutBucketWebsite",
    ):
        assert_not_served(client, bucket, operation, b"<x>http://127.0.0.1:1/</x>")
    source = inspect.getsource(Settings)
    assert "webhook" not in source
    assert "openid" not in source
