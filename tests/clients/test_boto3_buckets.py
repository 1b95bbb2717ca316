"""boto3: buckets, what tools probe about them, and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.boto import client, refused
from tests.clients.endpoint import Endpoint

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


def test_a_bucket_lives_from_creation_to_deletion(s3: "S3Client", unused_name: str) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    with refused("404", 404):
        s3.head_bucket(Bucket=unused_name)
    created = s3.create_bucket(Bucket=unused_name)
    assert created["Location"] == f"/{unused_name}"
    s3.head_bucket(Bucket=unused_name)
    mine = {each["Name"]: each["CreationDate"] for each in s3.list_buckets()["Buckets"]}
    assert before <= mine[unused_name] <= datetime.now(UTC) + timedelta(seconds=2)
    s3.put_object(Bucket=unused_name, Key="k", Body=b"")
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=unused_name)
    s3.delete_object(Bucket=unused_name, Key="k")
    s3.delete_bucket(Bucket=unused_name)
    with refused("NoSuchBucket", 404):
        s3.delete_bucket(Bucket=unused_name)


@pytest.mark.parametrize("name", ["UPPER", "ab", "two..dots", "192.168.1.1", "-dash", "a_b"])
def test_a_name_no_bucket_can_have_is_refused(s3: "S3Client", name: str) -> None:
    with refused("InvalidBucketName", 400):
        s3.create_bucket(Bucket=name)


def test_a_bucket_is_told_its_region(endpoint: Endpoint, s3: "S3Client", bucket: str) -> None:
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    head = s3.head_bucket(Bucket=bucket)
    assert head["BucketRegion"] == endpoint.region


def test_creating_ones_own_bucket_again(s3: "S3Client", bucket: str) -> None:
    """API_CreateBucket: in us-east-1 it succeeds, elsewhere BucketAlreadyOwnedByYou."""
    s3.create_bucket(Bucket=bucket)


def test_buckets_are_listed_in_pages_and_by_prefix(s3: "S3Client", bucket: str) -> None:
    assert [each["Name"] for each in s3.list_buckets(Prefix=bucket)["Buckets"]] == [bucket]
    pages = s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 1})
    names = [each["Name"] for page in pages for each in page["Buckets"]]
    assert bucket in names
    assert names == sorted(names)
    assert s3.list_buckets()["Owner"]["ID"]


DOCUMENTS: dict[str, str] = {
    "get_bucket_accelerate_configuration": "",
    "get_bucket_acl": "Grants",
    "get_bucket_location": "",
    "get_bucket_logging": "",
    "get_bucket_notification_configuration": "",
    "get_bucket_request_payment": "Payer",
    "get_bucket_versioning": "",
    "list_bucket_analytics_configurations": "IsTruncated",
    "list_bucket_intelligent_tiering_configurations": "IsTruncated",
    "list_bucket_inventory_configurations": "IsTruncated",
    "list_bucket_metrics_configurations": "IsTruncated",
}
ERRORS = {
    "get_bucket_cors": "NoSuchCORSConfiguration",
    "get_bucket_lifecycle_configuration": "NoSuchLifecycleConfiguration",
    "get_bucket_policy": "NoSuchBucketPolicy",
    "get_bucket_policy_status": "NoSuchBucketPolicy",
    "get_bucket_replication": "ReplicationConfigurationNotFoundError",
    "get_bucket_tagging": "NoSuchTagSet",
    "get_bucket_website": "NoSuchWebsiteConfiguration",
    "get_object_lock_configuration": "ObjectLockConfigurationNotFoundError",
}


@pytest.mark.parametrize(("call", "has"), DOCUMENTS.items())
def test_a_probe_gets_a_document(s3: "S3Client", bucket: str, call: str, has: str) -> None:
    """What Terraform's aws_s3_bucket and s3cmd info read of every bucket."""
    answer = getattr(s3, call)(Bucket=bucket)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert not has or has in answer


@pytest.mark.parametrize(("call", "code"), ERRORS.items())
def test_a_probe_gets_not_configured(s3: "S3Client", bucket: str, call: str, code: str) -> None:
    with refused(code, 404):
        getattr(s3, call)(Bucket=bucket)


def test_encryption_is_told_or_not_configured(s3: "S3Client", bucket: str) -> None:
    """Amazon encrypts every bucket since 2023; who does not must say so in its old words."""
    try:
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert code == "ServerSideEncryptionConfigurationNotFoundError"
    else:
        assert rules["Rules"]


def test_probes_about_access(s3: "S3Client", bucket: str) -> None:
    owned = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert owned == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert all(blocked.values())
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    grants = s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]
    assert [each["Permission"] for each in grants] == ["FULL_CONTROL"]


@pytest.mark.parametrize("call", [*DOCUMENTS, *ERRORS])
def test_a_probe_of_no_bucket_says_so(s3: "S3Client", unused_name: str, call: str) -> None:
    with refused("NoSuchBucket", 404):
        getattr(s3, call)(Bucket=unused_name)


def _cors(s3: Any, bucket: str) -> None:
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


def _lifecycle(s3: Any, bucket: str) -> None:
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})


UNBUILT: dict[str, Callable[[Any, str], object]] = {
    "versioning": lambda s3, b: s3.put_bucket_versioning(
        Bucket=b, VersioningConfiguration={"Status": "Enabled"}
    ),
    "policy": lambda s3, b: s3.put_bucket_policy(Bucket=b, Policy="{}"),
    "CORS": _cors,
    "lifecycle": _lifecycle,
    "bucket tags": lambda s3, b: s3.put_bucket_tagging(
        Bucket=b, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]}
    ),
    "bucket ACL": lambda s3, b: s3.put_bucket_acl(Bucket=b, ACL="public-read"),
    "object ACL": lambda s3, b: s3.put_object_acl(Bucket=b, Key="k", ACL="public-read"),
    "public object": lambda s3, b: s3.put_object(Bucket=b, Key="x", Body=b"", ACL="public-read"),
    "encryption": lambda s3, b: s3.put_object(
        Bucket=b, Key="x", Body=b"", ServerSideEncryption="AES256"
    ),
    "customer's key": lambda s3, b: s3.put_object(
        Bucket=b, Key="x", Body=b"", SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32
    ),
    "object lock": lambda s3, b: s3.put_object(
        Bucket=b,
        Key="x",
        Body=b"",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=datetime(2040, 1, 1, tzinfo=UTC),
    ),
    "legal hold": lambda s3, b: s3.put_object_legal_hold(
        Bucket=b, Key="k", LegalHold={"Status": "ON"}
    ),
    "website": lambda s3, b: s3.put_bucket_website(
        Bucket=b, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}}
    ),
    "restore": lambda s3, b: s3.restore_object(Bucket=b, Key="k", RestoreRequest={"Days": 1}),
}


@pytest.mark.usefixtures("only_s3front")
@pytest.mark.parametrize("call", UNBUILT.values(), ids=UNBUILT.keys())
def test_what_is_not_built_says_so(
    s3: "S3Client", bucket: str, call: Callable[[Any, str], object]
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with refused("NotImplemented", 501):
        call(s3, bucket)
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def test_any_region_may_be_signed_for(endpoint: Endpoint, bucket: str) -> None:
    if not endpoint.is_s3front:
        pytest.skip("lenient about regions by design; Amazon is not")
    for region in ("auto", "eu-central-1"):
        with client(endpoint, region=region) as s3:
            s3.put_object(Bucket=bucket, Key="k", Body=b"")
