"""What GETs of a configuration answer while a bucket cannot have another one.

Tools probe these (Terraform, Cyberduck, s3cmd): a 501 stops them, a document or S3's own error for
"not configured" does not. Each function gives the document of a new bucket as Amazon answers it
today, or raises that error. Where Amazon gives a new bucket something that is not so here
(encryption), this says that there is none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.s3.errors import S3Error
from gateway.s3.xml_text import escape

_NS: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_PROLOG: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What such a document can depend on."""

    bucket: str
    region: str
    owner_id: str
    owner_name: str


Answer = Callable[[Standing], bytes]


def _document(root: str, content: str = "") -> bytes:
    inside = f">{content}</{root}>" if content else "/>"
    return f'{_PROLOG}<{root} xmlns="{_NS}"{inside}'.encode()


def _always(root: str, content: str = "") -> Answer:
    document = _document(root, content)
    return lambda _: document


def _never(code: str, message: str, status: int = 404) -> Answer:
    def answer(standing: Standing) -> bytes:
        raise S3Error(code, message, status=status, BucketName=standing.bucket)

    return answer


def _acl(standing: Standing) -> bytes:
    """The owner has every right and nobody else any."""
    who = (
        f"<ID>{escape(standing.owner_id)}</ID>"
        f"<DisplayName>{escape(standing.owner_name)}</DisplayName>"
    )
    return _document(
        "AccessControlPolicy",
        f"<Owner>{who}</Owner><AccessControlList><Grant>"
        f'<Grantee xmlns:xsi="{_XSI}" xsi:type="CanonicalUser">{who}</Grantee>'
        "<Permission>FULL_CONTROL</Permission></Grant></AccessControlList>",
    )


def _location(standing: Standing) -> bytes:
    """us-east-1 is the empty constraint (API_GetBucketLocation)."""
    region = "" if standing.region == "us-east-1" else escape(standing.region)
    return _document("LocationConstraint", region)


_no_such_configuration = _never(
    "NoSuchConfiguration", "The specified configuration does not exist."
)
_no_policy = _never("NoSuchBucketPolicy", "The bucket policy does not exist")
_no_lock = _never("InvalidRequest", "Bucket is missing Object Lock Configuration", status=400)
"""What S3 answers about the lock of an object in a bucket without lock (versitygw #883)."""

_NONE_LISTED = "<IsTruncated>false</IsTruncated>"
_ALL_BLOCKED = "".join(
    f"<{name}>true</{name}>"
    for name in (
        "BlockPublicAcls",
        "IgnorePublicAcls",
        "BlockPublicPolicy",
        "RestrictPublicBuckets",
    )
)

DOCUMENTS: Mapping[str, Answer] = {
    "GetBucketAbac": _always("AbacStatus", "<Status>Disabled</Status>"),
    "GetBucketAccelerateConfiguration": _always("AccelerateConfiguration"),
    "GetBucketAcl": _acl,
    "GetBucketAnalyticsConfiguration": _no_such_configuration,
    "GetBucketCors": _never("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "GetBucketEncryption": _never(
        "ServerSideEncryptionConfigurationNotFoundError",
        "The server side encryption configuration was not found",
    ),
    "GetBucketIntelligentTieringConfiguration": _no_such_configuration,
    "GetBucketInventoryConfiguration": _no_such_configuration,
    "GetBucketLifecycleConfiguration": _never(
        "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"
    ),
    "GetBucketLocation": _location,
    "GetBucketLogging": _always("BucketLoggingStatus"),
    "GetBucketMetricsConfiguration": _no_such_configuration,
    "GetBucketNotificationConfiguration": _always("NotificationConfiguration"),
    "GetBucketOwnershipControls": _always(
        "OwnershipControls", "<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>"
    ),
    "GetBucketPolicy": _no_policy,
    "GetBucketPolicyStatus": _no_policy,
    "GetBucketReplication": _never(
        "ReplicationConfigurationNotFoundError", "The replication configuration was not found"
    ),
    "GetBucketRequestPayment": _always("RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>"),
    "GetBucketTagging": _never("NoSuchTagSet", "The TagSet does not exist"),
    "GetBucketVersioning": _always("VersioningConfiguration"),
    "GetBucketWebsite": _never(
        "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"
    ),
    "GetObjectAcl": _acl,
    "GetObjectLegalHold": _no_lock,
    "GetObjectLockConfiguration": _never(
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
    "GetObjectRetention": _no_lock,
    # A new bucket blocks everything public at Amazon; here nothing can be public at all.
    "GetPublicAccessBlock": _always("PublicAccessBlockConfiguration", _ALL_BLOCKED),
    "ListBucketAnalyticsConfigurations": _always(
        "ListBucketAnalyticsConfigurationsResult", _NONE_LISTED
    ),
    "ListBucketIntelligentTieringConfigurations": _always(
        "ListIntelligentTieringConfigurationsResult", _NONE_LISTED
    ),
    "ListBucketInventoryConfigurations": _always("ListInventoryConfigurationsResult", _NONE_LISTED),
    "ListBucketMetricsConfigurations": _always("ListMetricsConfigurationsResult", _NONE_LISTED),
}
"""Operation ▶ its document. Whether the bucket (and the object) exists is asked before."""
