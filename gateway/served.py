"""What is built: each operation with its input, the function that does it, and how it is answered."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from gateway.s3 import answers
from gateway.s3.config_documents import DOCUMENTS
from gateway.s3.inputs import buckets as bucket_inputs
from gateway.s3.inputs import configuration as configuration_inputs
from gateway.s3.inputs import copying as copy_inputs
from gateway.s3.inputs import listing as listing_inputs
from gateway.s3.inputs import multipart as multipart_inputs
from gateway.s3.inputs import objects as object_inputs
from gateway.s3.inputs import tagging as tagging_inputs
from gateway.s3.message import Response
from gateway.service import (
    attributes,
    buckets,
    completing,
    configuration,
    copying,
    listing,
    multipart,
    objects,
    tagging,
)
from gateway.service.context import Context

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve(Generic[In, Out]):
    """How an operation is served: its input, the function that does it, what is answered."""

    input: type[In]
    handler: Callable[[Context, In], Awaitable[Out]]
    answer: Callable[[Out], Response]
    checksum_of_body: bool = True
    """Whether x-amz-checksum-… headers speak of the body; else of what the operation makes."""


_OBJECT_READS = {
    "GetObjectAcl": configuration_inputs.GetObjectAcl,
    "GetObjectLegalHold": configuration_inputs.ObjectConfiguration,
    "GetObjectRetention": configuration_inputs.ObjectConfiguration,
}


def _configuration_read(name: str) -> Serve[Any, Any]:
    if name in _OBJECT_READS:
        return Serve(
            input=_OBJECT_READS[name],
            handler=configuration.object_read(name),
            answer=answers.document,
        )
    return Serve(
        input=configuration_inputs.BucketConfiguration,
        handler=configuration.bucket_read(name),
        answer=answers.document,
    )


SERVES: Mapping[str, Serve[Any, Any]] = {
    **{name: _configuration_read(name) for name in DOCUMENTS},
    "ListBuckets": Serve(
        input=bucket_inputs.ListBuckets,
        handler=buckets.list_buckets,
        answer=answers.list_buckets,
    ),
    "CreateBucket": Serve(
        input=bucket_inputs.CreateBucket,
        handler=buckets.create_bucket,
        answer=answers.create_bucket,
    ),
    "HeadBucket": Serve(
        input=bucket_inputs.HeadBucket,
        handler=buckets.head_bucket,
        answer=answers.head_bucket,
    ),
    "DeleteBucket": Serve(
        input=bucket_inputs.DeleteBucket,
        handler=buckets.delete_bucket,
        answer=answers.delete_bucket,
    ),
    "GetBucketLocation": Serve(
        input=bucket_inputs.GetBucketLocation,
        handler=buckets.get_bucket_location,
        answer=answers.get_bucket_location,
    ),
    "ListObjects": Serve(
        input=listing_inputs.ListObjects,
        handler=listing.list_objects,
        answer=answers.list_objects,
    ),
    "ListObjectsV2": Serve(
        input=listing_inputs.ListObjectsV2,
        handler=listing.list_objects_v2,
        answer=answers.list_objects_v2,
    ),
    "ListObjectVersions": Serve(
        input=listing_inputs.ListObjectVersions,
        handler=listing.list_object_versions,
        answer=answers.list_object_versions,
    ),
    "PutObject": Serve(
        input=object_inputs.PutObject,
        handler=objects.put_object,
        answer=answers.put_object,
    ),
    "GetObject": Serve(
        input=object_inputs.GetObject,
        handler=objects.get_object,
        answer=answers.get_object,
    ),
    "HeadObject": Serve(
        input=object_inputs.HeadObject,
        handler=objects.head_object,
        answer=answers.head_object,
    ),
    "GetObjectAttributes": Serve(
        input=object_inputs.GetObjectAttributes,
        handler=attributes.get_object_attributes,
        answer=answers.get_object_attributes,
    ),
    "DeleteObject": Serve(
        input=object_inputs.DeleteObject,
        handler=objects.delete_object,
        answer=answers.delete_object,
    ),
    "DeleteObjects": Serve(
        input=object_inputs.DeleteObjects,
        handler=objects.delete_objects,
        answer=answers.delete_objects,
    ),
    "CopyObject": Serve(
        input=copy_inputs.CopyObject,
        handler=copying.copy_object,
        answer=answers.copy_object,
    ),
    "UploadPartCopy": Serve(
        input=copy_inputs.UploadPartCopy,
        handler=copying.upload_part_copy,
        answer=answers.upload_part_copy,
    ),
    "CreateMultipartUpload": Serve(
        input=multipart_inputs.CreateMultipartUpload,
        handler=multipart.create_multipart_upload,
        answer=answers.create_multipart_upload,
    ),
    "UploadPart": Serve(
        input=multipart_inputs.UploadPart,
        handler=multipart.upload_part,
        answer=answers.upload_part,
    ),
    "ListParts": Serve(
        input=multipart_inputs.ListParts,
        handler=multipart.list_parts,
        answer=answers.list_parts,
    ),
    "ListMultipartUploads": Serve(
        input=multipart_inputs.ListMultipartUploads,
        handler=multipart.list_multipart_uploads,
        answer=answers.list_multipart_uploads,
    ),
    "CompleteMultipartUpload": Serve(
        input=multipart_inputs.CompleteMultipartUpload,
        handler=completing.complete_multipart_upload,
        answer=answers.complete_multipart_upload,
        checksum_of_body=False,
    ),
    "AbortMultipartUpload": Serve(
        input=multipart_inputs.AbortMultipartUpload,
        handler=multipart.abort_multipart_upload,
        answer=answers.abort_multipart_upload,
    ),
    "GetObjectTagging": Serve(
        input=tagging_inputs.GetObjectTagging,
        handler=tagging.get_object_tagging,
        answer=answers.get_object_tagging,
    ),
    "PutObjectTagging": Serve(
        input=tagging_inputs.PutObjectTagging,
        handler=tagging.put_object_tagging,
        answer=answers.put_object_tagging,
    ),
    "DeleteObjectTagging": Serve(
        input=tagging_inputs.DeleteObjectTagging,
        handler=tagging.delete_object_tagging,
        answer=answers.delete_object_tagging,
    ),
}
