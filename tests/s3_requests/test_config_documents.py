"""Answers to the configuration reads, read by botocore's own parser."""

from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser

from gateway.operations import BY_NAME
from gateway.s3.config_documents import DOCUMENTS, Standing
from gateway.s3.errors import S3Error, error_document

STANDING = Standing(
    bucket="bucket", region="eu-north-1", owner_id="0123abc", owner_name="<Ann & co>"
)
SERVICE = botocore.session.get_session().get_service_model("s3")
OWNER = {"ID": "0123abc", "DisplayName": "<Ann & co>"}
PRIVATE = {
    "Owner": OWNER,
    "Grants": [{"Grantee": {**OWNER, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}],
}
ANSWERED: dict[str, dict[str, Any]] = {
    "GetBucketAbac": {"AbacStatus": {"Status": "Disabled"}},
    "GetBucketAccelerateConfiguration": {},
    "GetBucketAcl": PRIVATE,
    "GetBucketLocation": {"LocationConstraint": "eu-north-1"},
    "GetBucketLogging": {},
    "GetBucketNotificationConfiguration": {},
    "GetBucketOwnershipControls": {
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    },
    "GetBucketRequestPayment": {"Payer": "BucketOwner"},
    "GetBucketVersioning": {},
    "GetObjectAcl": PRIVATE,
    "GetPublicAccessBlock": {
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        }
    },
    "ListBucketAnalyticsConfigurations": {"IsTruncated": False},
    "ListBucketIntelligentTieringConfigurations": {"IsTruncated": False},
    "ListBucketInventoryConfigurations": {"IsTruncated": False},
    "ListBucketMetricsConfigurations": {"IsTruncated": False},
}
ABSENT = {
    "GetBucketAnalyticsConfiguration": (404, "NoSuchConfiguration"),
    "GetBucketCors": (404, "NoSuchCORSConfiguration"),
    "GetBucketEncryption": (404, "ServerSideEncryptionConfigurationNotFoundError"),
    "GetBucketIntelligentTieringConfiguration": (404, "NoSuchConfiguration"),
    "GetBucketInventoryConfiguration": (404, "NoSuchConfiguration"),
    "GetBucketLifecycleConfiguration": (404, "NoSuchLifecycleConfiguration"),
    "GetBucketMetricsConfiguration": (404, "NoSuchConfiguration"),
    "GetBucketPolicy": (404, "NoSuchBucketPolicy"),
    "GetBucketPolicyStatus": (404, "NoSuchBucketPolicy"),
    "GetBucketReplication": (404, "ReplicationConfigurationNotFoundError"),
    "GetBucketTagging": (404, "NoSuchTagSet"),
    "GetBucketWebsite": (404, "NoSuchWebsiteConfiguration"),
    "GetObjectLegalHold": (400, "InvalidRequest"),
    "GetObjectLockConfiguration": (404, "ObjectLockConfigurationNotFoundError"),
    "GetObjectRetention": (400, "InvalidRequest"),
}


def parsed(name: str, status: int, body: bytes) -> dict[str, Any]:
    parser = create_parser("rest-xml")
    response = {"status_code": status, "headers": {}, "body": body}
    shape = SERVICE.operation_model(name).output_shape
    assert shape is not None
    found: dict[str, Any] = parser.parse(response, shape)
    found.pop("ResponseMetadata")
    return found


def test_every_document_has_its_expectation_here() -> None:
    assert set(DOCUMENTS) == set(ANSWERED) | set(ABSENT)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_document_answers_a_get_of_the_table_that_is_routed(name: str) -> None:
    row = BY_NAME[name]
    assert row.method == "GET"
    assert row.same_request_as is None


@pytest.mark.parametrize("name", sorted(ANSWERED))
def test_a_document_is_what_botocore_expects(name: str) -> None:
    body = DOCUMENTS[name](STANDING)
    assert body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<')
    if name == "GetBucketLocation":
        # The model wraps what S3 sends bare; botocore unwraps it in a handler of its own.
        assert b">eu-north-1</LocationConstraint>" in body
        return
    assert parsed(name, 200, body) == ANSWERED[name]


def test_the_location_of_the_first_region_is_empty() -> None:
    standing = Standing(bucket="b", region="us-east-1", owner_id="i", owner_name="n")
    assert DOCUMENTS["GetBucketLocation"](standing).endswith(
        b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'
    )


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_what_is_not_configured_is_s3_s_own_error(name: str) -> None:
    status, code = ABSENT[name]
    with pytest.raises(S3Error) as refused:
        DOCUMENTS[name](STANDING)
    assert (refused.value.status, refused.value.code) == (status, code)
    found = parsed(name, status, error_document(refused.value))
    assert found["Error"]["Code"] == code
