"""What an S3 service answers when it does not do as asked, as storage errors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backends.errors import (
    Damaged,
    Denied,
    Exists,
    Full,
    NameRefused,
    NotFound,
    StorageError,
    Unavailable,
    Unsupported,
)
from backends.http.failures import redirected, throttled
from backends.s3.documents import REGION, Said

Meaning = Mapping[int, Callable[[str], StorageError]]
"""By status the error that it means to who asks, made of what the request was about."""

SKEWED = frozenset({"RequestTimeTooSkewed", "RequestExpired"})

_PAUSE = frozenset(
    {
        *("SlowDown", "ServiceUnavailable", "TooManyRequests", "TooManyRequestsException"),
        *("RequestLimitExceeded", "Throttling", "ThrottlingException", "BandwidthLimitExceeded"),
        *("SlowDownRead", "SlowDownWrite", "XMinioServerNotInitialized", "Busy"),
        *("UploadTrafficRateLimitExceeded", "DownloadTrafficRateLimitExceeded"),
    }
)
_ELSEWHERE = frozenset({"PermanentRedirect", "TemporaryRedirect"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Answers of one meaning: any of these codes, or of these statuses."""

    error: type[StorageError]
    codes: frozenset[str]
    statuses: frozenset[int] = frozenset()
    words: str = ""


# In this order: a code says more than a status.
_KINDS: Sequence[_Kind] = (
    _Kind(
        error=Unavailable,
        codes=frozenset({"NoSuchBucket", "InvalidBucketName"}),
        words=": there is no such bucket; correct bucket, endpoint or region",
    ),
    _Kind(
        error=Full,
        codes=frozenset(
            {
                *("QuotaExceeded", "InsufficientStorage", "NotEnoughSpace", "CapExceeded"),
                *("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "StorageQuotaExceeded"),
            }
        ),
        statuses=frozenset({507}),
    ),
    _Kind(
        error=NameRefused,
        codes=frozenset(
            {
                *("KeyTooLongError", "KeyTooLong", "InvalidURI", "InvalidObjectName"),
                *("XMinioInvalidObjectName", "XMinioInvalidResourceName", "XMinioParentIsObject"),
                "ObjectParentIsFile",
                *("XMinioObjectExistsAsDirectory", "ExistingObjectIsDirectory"),
            }
        ),
        words=": the service cannot hold this name",
    ),
    _Kind(
        error=Damaged,
        codes=frozenset(
            {"BadDigest", "InvalidPart", "InvalidPartOrder", "XAmzContentSHA256Mismatch"}
        ),
    ),
    _Kind(
        error=Unsupported,
        codes=frozenset({"EntityTooLarge", "EntityTooSmall", "MetadataTooLarge"}),
        statuses=frozenset({405, 411, 413, 501}),
    ),
    _Kind(
        error=Denied,
        codes=frozenset(),
        statuses=frozenset({401, 403}),
        words=": correct the keys, or give them the permission",
    ),
    _Kind(
        error=NotFound,
        codes=frozenset({"NoSuchKey", "NoSuchUpload", "NotFound"}),
        statuses=frozenset({404}),
    ),
)
_REMEDIES: Mapping[str, str] = {
    "InvalidAccessKeyId": "there is no such access key: correct access_key",
    "XAdminUserNotFound": "there is no such access key: correct access_key",
    "NotSignedUp": "the account is not signed up for the service",
    "SignatureDoesNotMatch": "the signature is wrong: correct secret_key",
    "AuthorizationHeaderMalformed": "the region is wrong: correct region",
    "InvalidRegion": "the region is wrong: correct region",
    "ExpiredToken": "the session token has expired: renew it",
    "InvalidToken": "the session token is wrong: correct session_token",
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it",
    "RequestExpired": "this machine's clock is wrong: set it",
    "InvalidObjectState": "the object is archived: restore it first",
    "AccessDenied": "the key lacks a permission for it: see the policy in the documentation",
    "AllAccessDisabled": "the service has disabled the bucket",
    "InvalidSecurity": "the credentials are not valid",
}


def refusal(where: str, status: int, headers: Mapping[str, str], said: Said) -> StorageError:
    """The error that an answer of ``status`` means, whatever was asked for.

    What depends on what was asked (412, 409, 404 of a key) the caller has looked at before.
    """
    text = f"{where}: {said.code or f'status {status}'}"
    if said.code in _REMEDIES:
        return Denied(f"{text}: {_REMEDIES[said.code]}")
    if 300 <= status < 400 or said.code in _ELSEWHERE:
        return _elsewhere(where, status, headers)
    if said.code in _PAUSE or status in {429, 503}:
        return throttled(text, headers)
    for kind in _KINDS:
        if said.code in kind.codes:
            return kind.error(f"{text}{kind.words}")
    for kind in _KINDS:
        if status in kind.statuses:
            return kind.error(f"{text}{kind.words}")
    return Unavailable(text)


def replaced(where: str) -> Damaged:
    """For bytes that are not those of a fingerprint."""
    return Damaged(f"{where}: holds other bytes than those that were stored")


def taken(where: str) -> Exists:
    """For what was not to replace anything."""
    return Exists(f"{where}: something is there already")


OF_A_CREATION: Meaning = {412: taken, 409: taken}


def _elsewhere(where: str, status: int, headers: Mapping[str, str]) -> StorageError:
    region = headers.get("x-amz-bucket-region", "")
    if REGION.fullmatch(region):
        return Unavailable(
            f"{where}: the bucket is in region {region}: correct region and endpoint"
        )
    return redirected(where, status)
