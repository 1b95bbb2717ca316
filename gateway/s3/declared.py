"""What a request says about the checksum of its body, in headers or in a trailer.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

import hmac
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway.s3.checksums import DIGEST_SIZES, Digests, decode, encode
from gateway.s3.errors import S3Error

_PREFIX: Final = "x-amz-checksum-"
_NOT_VALUES: Final = frozenset(f"{_PREFIX}{name}" for name in ("algorithm", "mode", "type"))
_HEADERS: Final = {f"{_PREFIX}{name.lower()}": name for name in DIGEST_SIZES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What to compare a body with.

    ``algorithm``: of the one checksum S3 allows, None if there is none. ``value``: its base64 text;
    None as long as ``trailer`` (a header's name, lower-case) still has to bring it. ``content_md5``:
    the digest of Content-MD5.
    """

    algorithm: str | None = None
    value: str | None = None
    trailer: str | None = None
    content_md5: bytes | None = None

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What ``Digests`` must compute for ``check``."""
        of_checksum = () if self.algorithm is None else (self.algorithm,)
        return of_checksum if self.content_md5 is None else (*of_checksum, "MD5")

    def with_trailer(self, headers: Mapping[str, str]) -> "Declared":
        """The same, with the value the trailer brought. Lower-case names.

        S3Error MalformedTrailerError if it is missing, InvalidRequest if it is malformed.
        """
        if self.trailer is None or self.algorithm is None:
            return self
        value = headers.get(self.trailer)
        if value is None:
            raise S3Error("MalformedTrailerError")
        if decode(self.algorithm, value) is None:
            message = f"Value for {self.trailer} trailing header is invalid."
            raise S3Error("InvalidRequest", message)
        return replace(self, value=value, trailer=None)

    def check(self, digests: Digests) -> None:
        """S3Error BadDigest if the body is not what was declared; MalformedTrailerError if the
        trailer has not come."""
        if self.trailer is not None:
            raise S3Error("MalformedTrailerError")
        if self.content_md5 is not None:
            md5 = digests.digest("MD5")
            if not hmac.compare_digest(self.content_md5, md5):
                raise S3Error(
                    "BadDigest",
                    ExpectedDigest=encode(self.content_md5),
                    CalculatedDigest=encode(md5),
                )
        if self.algorithm is None or self.value is None:
            return
        expected = decode(self.algorithm, self.value)
        if expected is None or not hmac.compare_digest(expected, digests.digest(self.algorithm)):
            raise S3Error(
                "BadDigest",
                f"The {self.algorithm} you specified did not match the calculated checksum.",
            )


def declared(headers: Mapping[str, str], *, of_body: bool = True) -> Declared:
    """Read it. ``headers``: lower-case names.

    With ``of_body`` False the x-amz-checksum-… headers are not about the body, as with
    CompleteMultipartUpload, and only Content-MD5 counts. S3Error InvalidDigest for a malformed
    Content-MD5; InvalidRequest for several checksums, unknown ones, malformed values, and where
    x-amz-sdk-checksum-algorithm names another one or none is sent.
    """
    content_md5 = _content_md5(headers)
    if not of_body:
        return Declared(content_md5=content_md5)
    found = _value_headers(headers)
    trailer = _trailer(headers)
    if len(found) + (trailer is not None) > 1:
        raise S3Error(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    name = next(iter(found), trailer)
    algorithm = None if name is None else _HEADERS[name]
    _check_sdk_algorithm(headers, algorithm)
    if algorithm is None:
        return Declared(content_md5=content_md5)
    if trailer is not None:
        return Declared(algorithm=algorithm, trailer=trailer, content_md5=content_md5)
    value = found[f"{_PREFIX}{algorithm.lower()}"]
    if decode(algorithm, value) is None:
        raise S3Error("InvalidRequest", f"Value for {name} header is invalid.")
    return Declared(algorithm=algorithm, value=value, content_md5=content_md5)


def _value_headers(headers: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name, value in headers.items():
        if name.startswith(_PREFIX) and name not in _NOT_VALUES:
            if name not in _HEADERS:
                raise S3Error(
                    "InvalidRequest",
                    "The algorithm type you specified in x-amz-checksum- header is invalid.",
                )
            found[name] = value
    return found


def _trailer(headers: Mapping[str, str]) -> str | None:
    announced = headers.get("x-amz-trailer")
    if announced is None:
        return None
    name = announced.strip().lower()
    if name not in _HEADERS:
        raise S3Error(
            "InvalidRequest", "The value specified in the x-amz-trailer header is not supported"
        )
    return name


def _check_sdk_algorithm(headers: Mapping[str, str], algorithm: str | None) -> None:
    stated = headers.get("x-amz-sdk-checksum-algorithm")
    if stated is None:
        return
    if stated.upper() not in DIGEST_SIZES or algorithm not in (None, stated.upper()):
        raise S3Error("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
    if algorithm is None and "content-md5" not in headers:
        raise S3Error(
            "InvalidRequest",
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
            "x-amz-trailer headers were found.",
        )


def _content_md5(headers: Mapping[str, str]) -> bytes | None:
    text = headers.get("content-md5")
    if text is None:
        return None
    try:
        digest = b64decode(text.strip(), validate=True)
    except ValueError:
        digest = b""
    if len(digest) != 16:
        error = S3Error("InvalidDigest")
        error.fields = {"Content-MD5": text[:100]}
        raise error
    return digest
