"""Errors of the catalog and of storages, as S3's. The only place that knows both."""

import structlog

from backends import errors as storage
from gateway.catalog import errors as catalog
from gateway.s3.errors import S3Error

_log = structlog.get_logger("s3front.faults")


def s3_error(fault: catalog.CatalogError | storage.StorageError) -> S3Error:
    """What S3 would answer. What is our fault, not the client's, is logged with its cause."""
    match fault:
        case catalog.NoSuchBucket():
            return _naming(fault, "NoSuchBucket", "BucketName")
        case catalog.BucketExists():
            return _naming(fault, "BucketAlreadyOwnedByYou", "BucketName")
        case catalog.BucketNotEmpty():
            return _naming(fault, "BucketNotEmpty", "BucketName")
        case catalog.NoSuchKey():
            return _naming(fault, "NoSuchKey", "Key")
        case catalog.NoSuchUpload():
            return _naming(fault, "NoSuchUpload", "UploadId")
        case catalog.ConditionFailed():
            return S3Error("PreconditionFailed")
        case catalog.ConditionConflict():
            return S3Error("ConditionalRequestConflict")
        case _:
            return _ours(fault)


def _naming(fault: catalog.CatalogError, code: str, element: str) -> S3Error:
    """With the element in which S3 repeats what is not there (or in the way)."""
    error = S3Error(code)
    if fault.args:
        error.fields = {element: str(fault.args[0])}
    return error


def _ours(fault: catalog.CatalogError | storage.StorageError) -> S3Error:
    _log.error("request failed", error=type(fault).__name__, cause=str(fault))
    match fault:
        case storage.Full() | catalog.CatalogFull():
            return S3Error("InsufficientStorage", "The storage is full.", status=507)
        case storage.Throttled():
            return S3Error("SlowDown")
        case storage.Exists():
            return S3Error("OperationAborted")
        case catalog.CatalogDamaged():
            return S3Error("InternalError", "The catalog is damaged here; see the server's log.")
        case storage.Unavailable() | catalog.CatalogUnavailable() | catalog.TooManyMissing():
            return S3Error("ServiceUnavailable")
        case storage.Denied():
            return S3Error("InternalError", "The storage refuses access; see the server's log.")
        case _:
            return S3Error("InternalError")
