"""The table of S3's operations: one row each, whatever is built.

Everything that must know all operations reads it: routing, authorization, the labels of log and
metrics, the documentation, and the 501s of what is not built. The rows are those of botocore's model
of S3 (tests hold them against it) and PostObject, which that model leaves out. An operation is built
when ``gateway.served`` has an entry for it.

Actions: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.s3.errors import S3Error
from gateway.s3.message import Scope
from gateway.s3.routing import Router
from gateway.served import SERVES, Serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """An IAM action, and the one asked for instead when the request names a version."""

    action: str
    versioned: str | None = None

    def of(self, *, version: bool) -> str:
        """The action to ask for."""
        return self.versioned if version and self.versioned is not None else self.action


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of S3.

    ``query``, ``headers`` and ``form`` select it (gateway.s3.routing). ``action`` is asked for on
    the bucket or the key the request names; ``each_key``: on each key its body names instead.
    """

    name: str
    method: str
    scope: Scope
    action: str
    versioned_action: str | None = None
    """Asked for instead if ``versionId`` is given; None if the operation takes none."""
    also: tuple[Right, ...] = ()
    """Asked for as well."""
    header_actions: Mapping[str, str] = field(default_factory=dict)
    """Asked for as well if the request has the header (lower-case)."""
    source: Right | None = None
    """Asked for on the object that x-amz-copy-source or x-amz-rename-source names."""
    each_key: bool = False
    query: Mapping[str, str] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    form: bool = False
    same_request_as: str | None = None
    serve: Serve[Any, Any] | None = None

    @property
    def takes_version(self) -> bool:
        """Whether ``versionId`` may be named."""
        return self.versioned_action is not None

    def actions(self, *, version: bool, headers: Mapping[str, str]) -> tuple[str, ...]:
        """Every action to ask for on the bucket or key the request names."""
        first = self.action
        if version and self.versioned_action is not None:
            first = self.versioned_action
        if not self.also and not self.header_actions:
            return (first,)
        return (
            first,
            *(right.of(version=version) for right in self.also),
            *(action for header, action in self.header_actions.items() if header in headers),
        )

    def source_actions(self, headers: Mapping[str, str]) -> tuple[str, ...]:
        """Every action to ask for on the object that the request copies from."""
        if self.source is None:
            return ()
        named = (headers[name] for name in self.headers if name in headers)
        return (self.source.of(version=any("versionId=" in value for value in named)),)

    def built(self) -> Serve[Any, Any]:
        """How it is served. S3Error NotImplemented, naming it, if it is not built."""
        if self.serve is None:
            raise S3Error("NotImplemented", f"{self.name} is not implemented.")
        return self.serve


_READ_VERSION = Right(action="s3:GetObject", versioned="s3:GetObjectVersion")
_PUT_HEADERS = {
    "x-amz-acl": "s3:PutObjectAcl",
    "x-amz-tagging": "s3:PutObjectTagging",
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
}
_CREATE_HEADERS = {
    "x-amz-acl": "s3:PutBucketAcl",
    "x-amz-bucket-object-lock-enabled": "s3:PutBucketObjectLockConfiguration",
    "x-amz-object-ownership": "s3:PutBucketOwnershipControls",
}


def _service(name: str, method: str, action: str, *query: str, **more: Any) -> Operation:
    return _row(name, method, query, scope=Scope.SERVICE, action=action, **more)


def _bucket(name: str, method: str, action: str, *query: str, **more: Any) -> Operation:
    return _row(name, method, query, scope=Scope.BUCKET, action=action, **more)


def _object(name: str, method: str, action: str, *query: str, **more: Any) -> Operation:
    return _row(name, method, query, scope=Scope.OBJECT, action=action, **more)


def _row(name: str, method: str, query: tuple[str, ...], **more: Any) -> Operation:
    """``query``: each ``name`` or ``name=value``."""
    pairs = (each.partition("=") for each in query)
    selecting = {parameter: value for parameter, _, value in pairs}
    return Operation(name=name, method=method, query=selecting, **more)


_SERVICE = (
    _service("ListBuckets", "GET", "s3:ListAllMyBuckets"),
    # Told apart by nothing required; max-directory-buckets is its only parameter of its own.
    _service(
        "ListDirectoryBuckets", "GET", "s3express:ListAllMyDirectoryBuckets", "max-directory-buckets"
    ),
    _service("WriteGetObjectResponse", "POST", "s3-object-lambda:WriteGetObjectResponse",
        headers=("x-amz-request-route", "x-amz-request-token")),
)  # fmt: skip

_BUCKETS = (
    _bucket("CreateBucket", "PUT", "s3:CreateBucket", header_actions=_CREATE_HEADERS),
    _bucket("CreateSession", "GET", "s3express:CreateSession", "session"),
    _bucket("DeleteBucket", "DELETE", "s3:DeleteBucket"),
    _bucket("DeleteObjects", "POST", "s3:DeleteObject", "delete", each_key=True),
    _bucket("GetBucketLocation", "GET", "s3:GetBucketLocation", "location"),
    _bucket("HeadBucket", "HEAD", "s3:ListBucket"),
    _bucket("ListMultipartUploads", "GET", "s3:ListBucketMultipartUploads", "uploads"),
    _bucket("ListObjectVersions", "GET", "s3:ListBucketVersions", "versions"),
    _bucket("ListObjects", "GET", "s3:ListBucket"),
    _bucket("ListObjectsV2", "GET", "s3:ListBucket", "list-type=2"),
    _bucket("PostObject", "POST", "s3:PutObject", form=True),
)

_CONFIGURATION = (
    _bucket("GetBucketAbac", "GET", "s3:GetBucketAbac", "abac"),
    _bucket("PutBucketAbac", "PUT", "s3:PutBucketAbac", "abac"),
    _bucket("GetBucketAccelerateConfiguration", "GET", "s3:GetAccelerateConfiguration", "accelerate"),
    _bucket("PutBucketAccelerateConfiguration", "PUT", "s3:PutAccelerateConfiguration", "accelerate"),
    _bucket("GetBucketAcl", "GET", "s3:GetBucketAcl", "acl"),
    _bucket("PutBucketAcl", "PUT", "s3:PutBucketAcl", "acl"),
    _bucket("GetBucketCors", "GET", "s3:GetBucketCORS", "cors"),
    _bucket("PutBucketCors", "PUT", "s3:PutBucketCORS", "cors"),
    _bucket("DeleteBucketCors", "DELETE", "s3:PutBucketCORS", "cors"),
    _bucket("GetBucketEncryption", "GET", "s3:GetEncryptionConfiguration", "encryption"),
    _bucket("PutBucketEncryption", "PUT", "s3:PutEncryptionConfiguration", "encryption"),
    _bucket("DeleteBucketEncryption", "DELETE", "s3:PutEncryptionConfiguration", "encryption"),
    _bucket("GetBucketLifecycle", "GET", "s3:GetLifecycleConfiguration", "lifecycle",
        same_request_as="GetBucketLifecycleConfiguration"),
    _bucket("GetBucketLifecycleConfiguration", "GET", "s3:GetLifecycleConfiguration", "lifecycle"),
    _bucket("PutBucketLifecycle", "PUT", "s3:PutLifecycleConfiguration", "lifecycle",
        same_request_as="PutBucketLifecycleConfiguration"),
    _bucket("PutBucketLifecycleConfiguration", "PUT", "s3:PutLifecycleConfiguration", "lifecycle"),
    _bucket("DeleteBucketLifecycle", "DELETE", "s3:PutLifecycleConfiguration", "lifecycle"),
    _bucket("GetBucketLogging", "GET", "s3:GetBucketLogging", "logging"),
    _bucket("PutBucketLogging", "PUT", "s3:PutBucketLogging", "logging"),
    _bucket("GetBucketNotification", "GET", "s3:GetBucketNotification", "notification",
        same_request_as="GetBucketNotificationConfiguration"),
    _bucket("GetBucketNotificationConfiguration", "GET", "s3:GetBucketNotification", "notification"),
    _bucket("PutBucketNotification", "PUT", "s3:PutBucketNotification", "notification",
        same_request_as="PutBucketNotificationConfiguration"),
    _bucket("PutBucketNotificationConfiguration", "PUT", "s3:PutBucketNotification", "notification"),
    _bucket("GetBucketOwnershipControls", "GET", "s3:GetBucketOwnershipControls", "ownershipControls"),
    _bucket("PutBucketOwnershipControls", "PUT", "s3:PutBucketOwnershipControls", "ownershipControls"),
    _bucket("DeleteBucketOwnershipControls", "DELETE", "s3:PutBucketOwnershipControls",
        "ownershipControls"),
    _bucket("GetBucketPolicy", "GET", "s3:GetBucketPolicy", "policy"),
    _bucket("PutBucketPolicy", "PUT", "s3:PutBucketPolicy", "policy"),
    _bucket("DeleteBucketPolicy", "DELETE", "s3:DeleteBucketPolicy", "policy"),
    _bucket("GetBucketPolicyStatus", "GET", "s3:GetBucketPolicyStatus", "policyStatus"),
    _bucket("GetBucketReplication", "GET", "s3:GetReplicationConfiguration", "replication"),
    _bucket("PutBucketReplication", "PUT", "s3:PutReplicationConfiguration", "replication"),
    _bucket("DeleteBucketReplication", "DELETE", "s3:PutReplicationConfiguration", "replication"),
    _bucket("GetBucketRequestPayment", "GET", "s3:GetBucketRequestPayment", "requestPayment"),
    _bucket("PutBucketRequestPayment", "PUT", "s3:PutBucketRequestPayment", "requestPayment"),
    _bucket("GetBucketTagging", "GET", "s3:GetBucketTagging", "tagging"),
    _bucket("PutBucketTagging", "PUT", "s3:PutBucketTagging", "tagging"),
    _bucket("DeleteBucketTagging", "DELETE", "s3:PutBucketTagging", "tagging"),
    _bucket("GetBucketVersioning", "GET", "s3:GetBucketVersioning", "versioning"),
    _bucket("PutBucketVersioning", "PUT", "s3:PutBucketVersioning", "versioning"),
    _bucket("GetBucketWebsite", "GET", "s3:GetBucketWebsite", "website"),
    _bucket("PutBucketWebsite", "PUT", "s3:PutBucketWebsite", "website"),
    _bucket("DeleteBucketWebsite", "DELETE", "s3:DeleteBucketWebsite", "website"),
    _bucket("GetObjectLockConfiguration", "GET", "s3:GetBucketObjectLockConfiguration", "object-lock"),
    _bucket("PutObjectLockConfiguration", "PUT", "s3:PutBucketObjectLockConfiguration", "object-lock"),
    _bucket("GetPublicAccessBlock", "GET", "s3:GetBucketPublicAccessBlock", "publicAccessBlock"),
    _bucket("PutPublicAccessBlock", "PUT", "s3:PutBucketPublicAccessBlock", "publicAccessBlock"),
    _bucket("DeletePublicAccessBlock", "DELETE", "s3:PutBucketPublicAccessBlock", "publicAccessBlock"),
)  # fmt: skip

_CONFIGURATION_LISTS = (
    _bucket("ListBucketAnalyticsConfigurations", "GET", "s3:GetAnalyticsConfiguration", "analytics"),
    _bucket("GetBucketAnalyticsConfiguration", "GET", "s3:GetAnalyticsConfiguration",
        "analytics", "id"),
    _bucket("PutBucketAnalyticsConfiguration", "PUT", "s3:PutAnalyticsConfiguration",
        "analytics", "id"),
    _bucket("DeleteBucketAnalyticsConfiguration", "DELETE", "s3:PutAnalyticsConfiguration",
        "analytics", "id"),
    _bucket("ListBucketIntelligentTieringConfigurations", "GET",
        "s3:GetIntelligentTieringConfiguration", "intelligent-tiering"),
    _bucket("GetBucketIntelligentTieringConfiguration", "GET",
        "s3:GetIntelligentTieringConfiguration", "intelligent-tiering", "id"),
    _bucket("PutBucketIntelligentTieringConfiguration", "PUT",
        "s3:PutIntelligentTieringConfiguration", "intelligent-tiering", "id"),
    _bucket("DeleteBucketIntelligentTieringConfiguration", "DELETE",
        "s3:PutIntelligentTieringConfiguration", "intelligent-tiering", "id"),
    _bucket("ListBucketInventoryConfigurations", "GET", "s3:GetInventoryConfiguration", "inventory"),
    _bucket("GetBucketInventoryConfiguration", "GET", "s3:GetInventoryConfiguration",
        "inventory", "id"),
    _bucket("PutBucketInventoryConfiguration", "PUT", "s3:PutInventoryConfiguration",
        "inventory", "id"),
    _bucket("DeleteBucketInventoryConfiguration", "DELETE", "s3:PutInventoryConfiguration",
        "inventory", "id"),
    _bucket("ListBucketMetricsConfigurations", "GET", "s3:GetMetricsConfiguration", "metrics"),
    _bucket("GetBucketMetricsConfiguration", "GET", "s3:GetMetricsConfiguration", "metrics", "id"),
    _bucket("PutBucketMetricsConfiguration", "PUT", "s3:PutMetricsConfiguration", "metrics", "id"),
    _bucket("DeleteBucketMetricsConfiguration", "DELETE", "s3:PutMetricsConfiguration",
        "metrics", "id"),
    _bucket("CreateBucketMetadataConfiguration", "POST",
        "s3:CreateBucketMetadataTableConfiguration", "metadataConfiguration"),
    _bucket("GetBucketMetadataConfiguration", "GET",
        "s3:GetBucketMetadataTableConfiguration", "metadataConfiguration"),
    _bucket("DeleteBucketMetadataConfiguration", "DELETE",
        "s3:DeleteBucketMetadataTableConfiguration", "metadataConfiguration"),
    _bucket("CreateBucketMetadataTableConfiguration", "POST",
        "s3:CreateBucketMetadataTableConfiguration", "metadataTable"),
    _bucket("GetBucketMetadataTableConfiguration", "GET",
        "s3:GetBucketMetadataTableConfiguration", "metadataTable"),
    _bucket("DeleteBucketMetadataTableConfiguration", "DELETE",
        "s3:DeleteBucketMetadataTableConfiguration", "metadataTable"),
    _bucket("UpdateBucketMetadataAnnotationTableConfiguration", "PUT",
        "s3:UpdateBucketMetadataAnnotationTableConfiguration", "metadataAnnotationTable"),
    _bucket("UpdateBucketMetadataInventoryTableConfiguration", "PUT",
        "s3:UpdateBucketMetadataInventoryTableConfiguration", "metadataInventoryTable"),
    _bucket("UpdateBucketMetadataJournalTableConfiguration", "PUT",
        "s3:UpdateBucketMetadataJournalTableConfiguration", "metadataJournalTable"),
)  # fmt: skip

_OBJECTS = (
    _object("GetObject", "GET", "s3:GetObject", versioned_action="s3:GetObjectVersion"),
    _object("HeadObject", "HEAD", "s3:GetObject", versioned_action="s3:GetObjectVersion"),
    _object("PutObject", "PUT", "s3:PutObject", header_actions=_PUT_HEADERS),
    _object("CopyObject", "PUT", "s3:PutObject",
        headers=("x-amz-copy-source",), source=_READ_VERSION, header_actions=_PUT_HEADERS),
    _object("DeleteObject", "DELETE", "s3:DeleteObject", versioned_action="s3:DeleteObjectVersion",
        header_actions={"x-amz-bypass-governance-retention": "s3:BypassGovernanceRetention"}),
    _object("GetObjectAttributes", "GET", "s3:GetObjectAttributes", "attributes",
        versioned_action="s3:GetObjectVersionAttributes", also=(_READ_VERSION,)),
    _object("RenameObject", "PUT", "s3:PutObject", "renameObject", headers=("x-amz-rename-source",),
        source=Right(action="s3:DeleteObject"), also=(Right(action="s3:GetObject"),)),
    _object("RestoreObject", "POST", "s3:RestoreObject", "restore",
        versioned_action="s3:RestoreObject"),
    _object("SelectObjectContent", "POST", "s3:GetObject", "select", "select-type=2"),
    _object("UpdateObjectEncryption", "PUT", "s3:UpdateObjectEncryption", "encryption",
        versioned_action="s3:UpdateObjectEncryption", also=(Right(action="s3:PutObject"),)),
    _object("GetObjectTorrent", "GET", "s3:GetObjectTorrent", "torrent"),
    _object("CreateMultipartUpload", "POST", "s3:PutObject", "uploads",
        header_actions=_PUT_HEADERS),
    _object("UploadPart", "PUT", "s3:PutObject", "uploadId", "partNumber"),
    _object("UploadPartCopy", "PUT", "s3:PutObject", "uploadId", "partNumber",
        headers=("x-amz-copy-source",), source=_READ_VERSION),
    _object("ListParts", "GET", "s3:ListMultipartUploadParts", "uploadId"),
    _object("CompleteMultipartUpload", "POST", "s3:PutObject", "uploadId"),
    _object("AbortMultipartUpload", "DELETE", "s3:AbortMultipartUpload", "uploadId"),
)  # fmt: skip

_OBJECT_CONFIGURATION = (
    _object("GetObjectAcl", "GET", "s3:GetObjectAcl", "acl",
        versioned_action="s3:GetObjectVersionAcl"),
    _object("PutObjectAcl", "PUT", "s3:PutObjectAcl", "acl",
        versioned_action="s3:PutObjectVersionAcl"),
    _object("GetObjectTagging", "GET", "s3:GetObjectTagging", "tagging",
        versioned_action="s3:GetObjectVersionTagging"),
    _object("PutObjectTagging", "PUT", "s3:PutObjectTagging", "tagging",
        versioned_action="s3:PutObjectVersionTagging"),
    _object("DeleteObjectTagging", "DELETE", "s3:DeleteObjectTagging", "tagging",
        versioned_action="s3:DeleteObjectVersionTagging"),
    _object("GetObjectLegalHold", "GET", "s3:GetObjectLegalHold", "legal-hold",
        versioned_action="s3:GetObjectLegalHold"),
    _object("PutObjectLegalHold", "PUT", "s3:PutObjectLegalHold", "legal-hold",
        versioned_action="s3:PutObjectLegalHold"),
    _object("GetObjectRetention", "GET", "s3:GetObjectRetention", "retention",
        versioned_action="s3:GetObjectRetention"),
    _object("PutObjectRetention", "PUT", "s3:PutObjectRetention", "retention",
        versioned_action="s3:PutObjectRetention",
        header_actions={"x-amz-bypass-governance-retention": "s3:BypassGovernanceRetention"}),
    _object("ListObjectAnnotations", "GET", "s3:ListObjectAnnotations", "annotation",
        versioned_action="s3:ListObjectVersionAnnotations"),
    _object("GetObjectAnnotation", "GET", "s3:GetObjectAnnotation", "annotation", "annotationName",
        versioned_action="s3:GetObjectVersionAnnotation"),
    _object("PutObjectAnnotation", "PUT", "s3:PutObjectAnnotation", "annotation", "annotationName",
        versioned_action="s3:PutObjectVersionAnnotation"),
    _object("DeleteObjectAnnotation", "DELETE", "s3:DeleteObjectAnnotation",
        "annotation", "annotationName", versioned_action="s3:DeleteObjectVersionAnnotation"),
)  # fmt: skip

OPERATIONS: tuple[Operation, ...] = tuple(
    replace(row, serve=SERVES.get(row.same_request_as or row.name))
    for row in (
        *_SERVICE,
        *_BUCKETS,
        *_CONFIGURATION,
        *_CONFIGURATION_LISTS,
        *_OBJECTS,
        *_OBJECT_CONFIGURATION,
    )
)
BY_NAME: Mapping[str, Operation] = {row.name: row for row in OPERATIONS}
ROUTER: Router[Operation] = Router(OPERATIONS)
"""``ROUTER.route(method, target, headers)``: the row a request is, or S3Error."""
