"""Who may do what, where others let it slip."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.access.authorization import Authorization
from gateway.access.principals import Principal
from gateway.operations import BY_NAME
from gateway.s3.errors import S3Error
from tests.hostile.advisories.marking import covers
from tests.hostile.exchanges import seen, stored
from tests.hostile.table_rows import assert_not_served
from tests.live.client import Answer, Client
from tests.live.server import Live, running

_FORM = (
    b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nkey\r\n'
    b'--b\r\nContent-Disposition: form-data; name="policy"\r\n\r\ne30=\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nforged\r\n--b--\r\n'
)


@covers("CVE-2021-21362", "CVE-2023-28434", "CVE-2023-43040", "GHSA-w5fh", "CVE-2025-69228")
def test_a_form_is_not_served_and_stores_nothing(client: Client, bucket: str) -> None:
    assert_not_served(client, bucket, "PostObject", _FORM)
    form = {"content-type": "multipart/form-data; boundary=b", "host": client.host}
    answer = client.send("POST", f"/{bucket}", form, _FORM)
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert stored(client, bucket) is None


@covers("GHSA-mx42", "GHSA-wfxj", "CVE-2026-55874")
@pytest.mark.parametrize("name", ["CopyObject", "UploadPartCopy"])
def test_a_copy_needs_the_right_to_read_its_source(
    client: Client, bucket: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put(bucket, "source", b"private")
    upload = client.start_upload(bucket, "key")
    query = f"partNumber=1&uploadId={upload}" if name == "UploadPartCopy" else ""
    denied = ""

    def deny(_: Authorization, _principal: Principal, action: str) -> None:
        if action == denied:
            raise S3Error("AccessDenied")

    monkeypatch.setattr(Authorization, "__call__", deny)
    for denied, source in (
        ("s3:GetObject", f"/{bucket}/source"),
        ("s3:GetObjectVersion", f"/{bucket}/source?versionId=null"),
        ("s3:PutObject", f"/{bucket}/source"),
    ):
        headers = {"x-amz-copy-source": source}
        answer = client.request("PUT", f"/{bucket}/key", query, headers=headers)
        assert (answer.status, answer.code) == (403, "AccessDenied"), denied
    denied = "nothing"
    for source in (f"/{bucket}/x/../source", f"/{bucket}/%2e%2e/{bucket}/source", "/../etc/passwd"):
        headers = {"x-amz-copy-source": source}
        answer = client.request("PUT", f"/{bucket}/key", query, headers=headers)
        assert answer.code in {"NoSuchKey", "InvalidArgument"}, source
    assert client.keys(bucket) == ["source"]


@covers("GHSA-3ppv")
def test_a_version_is_another_right() -> None:
    for row in BY_NAME.values():
        if row.takes_version:
            plain, versioned = (row.actions(version=named, headers={}) for named in (False, True))
            assert row.versioned_action in versioned
            if row.name in {"GetObject", "HeadObject", "DeleteObject", "GetObjectTagging"}:
                assert plain[0] != versioned[0]


@covers("GHSA-x298", "CVE-2026-55873")
def test_nobody_is_an_owner(live: Live, client: Client, bucket: str) -> None:
    """Neither someone without credentials nor an empty, unknown or odd key gets a principal."""
    seen(live)
    strangers = [
        Client(port=client.port, access_key=key) for key in (" ", "admin", "root", "*", "/")
    ]
    answers: list[Answer] = [client.request("GET", f"/{bucket}", "versions=", signed=False)]
    answers += [one.request("GET", f"/{bucket}", "versions=") for one in strangers]
    authorization = {"host": client.host, "authorization": "AWS4-HMAC-SHA256 Credential="}
    answers.append(client.send("GET", f"/{bucket}?versions=", authorization, b""))
    for answer in answers:
        assert answer.status in {400, 403}
    assert {event.operation for event in seen(live)} == {"-"}
    with pytest.raises(S3Error, match="AccessDenied"):
        Authorization(root_access_key="root")(Principal(access_key=""), "s3:ListBucket")


@covers("CVE-2024-36107")
def test_conditions_tell_a_stranger_nothing(client: Client, bucket: str) -> None:
    client.put(bucket, "there", b"x")
    etag = client.get(bucket, "there").headers["etag"]
    now = datetime.now(UTC)
    conditions = [
        {},
        {"if-match": etag},
        {"if-none-match": etag},
        {"if-none-match": "*"},
        {"if-modified-since": f"{now + timedelta(days=1):%a, %d %b %Y %H:%M:%S} GMT"},
        {"if-unmodified-since": f"{now - timedelta(days=1):%a, %d %b %Y %H:%M:%S} GMT"},
        {"range": "bytes=999-"},
        {"expect": "100-continue"},
    ]
    told = set()
    for key in ("there", "missing"):
        for bucket_name in (bucket, "no-such-bucket"):
            for headers in conditions:
                for method in ("GET", "HEAD"):
                    answer = client.request(
                        method, f"/{bucket_name}/{key}", headers=headers, signed=False
                    )
                    told.add((answer.status, method, answer.code, *sorted(answer.headers)))
    assert {(status, code) for status, _, code, *_ in told} == {(403, "AccessDenied"), (403, None)}
    assert len({tuple(names) for _, method, _, *names in told if method == "GET"}) <= 2


@covers("CVE-2023-25812")
def test_governance_cannot_be_bypassed_since_there_is_none(client: Client, bucket: str) -> None:
    assert_not_served(client, bucket, "PutObjectRetention", b"<Retention/>")
    client.put(bucket, "key", b"kept")
    headers = {"x-amz-bypass-governance-retention": "true"}
    answer = client.request("DELETE", f"/{bucket}/key", headers=headers)
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert stored(client, bucket) == b"kept"


@covers("GHSA-j548")
def test_a_lock_is_refused_and_so_never_unreadable(client: Client, bucket: str) -> None:
    assert_not_served(client, bucket, "PutObjectLockConfiguration", b"<ObjectLockConfiguration/>")
    assert_not_served(client, bucket, "PutObjectLegalHold", b"<LegalHold/>")
    for name in ("x-amz-object-lock-mode", "x-amz-object-lock-legal-hold"):
        answer = client.request("PUT", f"/{bucket}/key", headers={name: "ON"}, body=b"x")
        assert answer.status == 501
    assert stored(client, bucket) is None


_DERIVED = (
    ("POST", "/", "Action=AssumeRole&Version=2011-06-15"),
    ("POST", "/", "Action=AssumeRoleWithWebIdentity&WebIdentityToken=x&Version=2011-06-15"),
    ("POST", "/", "Action=CreateAccessKey&UserName=root&Version=2010-05-08"),
    ("PUT", "/minio/admin/v3/add-service-account", ""),
    ("POST", "/minio/admin/v3/update-service-account", "accessKey=x"),
    ("POST", "/minio/admin/v3/import-iam", ""),
    ("PUT", "/rustfs/admin/v3/add-service-accounts", ""),
    ("POST", "/rustfs/admin/v3/import-iam", ""),
)


@covers(
    "CVE-2022-24842",
    "CVE-2021-43858",
    "CVE-2024-24747",
    "GHSA-jjjj-jwhf-8rgr",
    "GHSA-xgr5",
    "GHSA-5354",
    "GHSA-vcwh",
)
def test_no_credentials_are_derived_from_others(client: Client) -> None:
    """There is one key. Whoever adds more finds these here."""
    for method, path, query in _DERIVED:
        for signed in (True, False):
            answer = client.request(method, path, query, body=b"{}", signed=signed)
            assert answer.status in {400, 403, 404, 405, 501}, (path, answer)
            assert b"AccessKey" not in answer.body
    session = client.request("GET", "/", headers={"x-amz-security-token": "token"})
    assert (session.status, session.code) == (400, "InvalidToken")


@covers("GHSA-6r96", "GHSA-v9cp")
def test_no_header_becomes_a_condition_since_there_are_no_policies(
    client: Client, bucket: str
) -> None:
    policy = b'{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}'
    assert_not_served(client, bucket, "PutBucketPolicy", policy)
    claims = {"userid": "root", "username": "root", "groups": "admin", "principaltype": "Account"}
    for headers in (claims, {f"x-amz-{name}": value for name, value in claims.items()}):
        answer = client.request("GET", f"/{bucket}", headers=headers, signed=False)
        assert (answer.status, answer.code) == (403, "AccessDenied")


@covers("GHSA-fc6g")
def test_who_asks_is_not_who_a_header_says(live: Live, client: Client, bucket: str) -> None:
    seen(live)
    headers = {
        "x-forwarded-for": "10.9.8.7",
        "x-real-ip": "10.9.8.7",
        "forwarded": "for=10.9.8.7;host=evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
    }
    client.request("GET", f"/{bucket}", headers=headers)
    assert [event.peer for event in seen(live)] == ["127.0.0.1"]
    upload = client.request("POST", f"/{bucket}/key", "uploads=", headers=headers)
    assert b"evil.example" not in upload.body


@covers("public address")
def test_a_url_of_the_public_address_is_not_one_of_another_bucket(tmp_path: Path) -> None:
    with running(
        tmp_path / "data", public_url="https://s3.example.com", durability="relaxed"
    ) as live:
        client = live.client
        for bucket in ("shared", "private"):
            client.make_bucket(bucket)
        client.put("shared", "key", b"shared")
        client.put("private", "shared/key", b"private")
        public = Client(port=client.port, public_host="s3.example.com")
        for method in ("GET", "PUT", "DELETE"):
            target = public.presigned(method, "/shared/key")
            for host in (f"private.localhost:{client.port}", "private.s3.localhost"):
                answer = client.send(method, target, {"host": host}, b"")
                assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
        target = public.presigned("GET", "/shared/key")
        assert client.send("GET", target, {"host": "10.0.0.1:9000"}, b"").body == b"shared"
        assert client.get("private", "shared/key").body == b"private"
        assert client.keys("private") == ["shared/key"]
