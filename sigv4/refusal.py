"""Why a request is refused, in S3's own words.

Codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. Amazon does not publish
the messages and extra elements; they are the ones its servers are known to send.
"""

from collections.abc import Mapping
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your key and signing method."
)
ONE_MECHANISM = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
    "Signature query string parameter or the Authorization header should be specified"
)


class Refusal(Exception):
    """A request refused: S3's ``code`` and ``message``, the HTTP ``status``, more XML elements.

    ``fields`` are the elements S3 adds after the message, in its order; their text may come from
    the client and is always encodable (no lone surrogates), but not yet escaped for XML.
    """

    def __init__(
        self, code: str, message: str, *, status: int, fields: Mapping[str, str] = _NOTHING
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.fields: Mapping[str, str] = MappingProxyType(
            {name: encodable(text) for name, text in fields.items()}
        )


def encodable(text: str) -> str:
    """``text`` without lone surrogates, so that it can be written as UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _hex_bytes(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").hex(" ")


def access_denied(message: str, fields: Mapping[str, str] = _NOTHING) -> Refusal:
    return Refusal("AccessDenied", message, status=403, fields=fields)


def invalid_request(message: str) -> Refusal:
    return Refusal("InvalidRequest", message, status=400)


def invalid_argument(message: str, name: str, value: str) -> Refusal:
    fields = {"ArgumentName": name, "ArgumentValue": value}
    return Refusal("InvalidArgument", message, status=400, fields=fields)


def header_malformed(detail: str, fields: Mapping[str, str] = _NOTHING) -> Refusal:
    message = f"The authorization header is malformed; {encodable(detail)}"
    return Refusal("AuthorizationHeaderMalformed", message, status=400, fields=fields)


def query_parameters_error(message: str, fields: Mapping[str, str] = _NOTHING) -> Refusal:
    return Refusal(
        "AuthorizationQueryParametersError", encodable(message), status=400, fields=fields
    )


def credential_malformed(
    detail: str, *, presigned: bool, fields: Mapping[str, str] = _NOTHING
) -> Refusal:
    """A fault in the credential scope, which S3 words by where the credential stands."""
    if presigned:
        message = f"Error parsing the X-Amz-Credential parameter; {detail}"
        return query_parameters_error(message, fields)
    return header_malformed(detail, fields)


def unsupported_algorithm(name: str) -> Refusal:
    """The request is signed in a way S3 knows and this server does not."""
    message = f"{name} signatures are not supported. Please use AWS4-HMAC-SHA256."
    return Refusal("NotImplemented", message, status=501)


def signature_version_2() -> Refusal:
    return invalid_request(
        "The authorization mechanism you have provided is not supported. "
        "Please use AWS4-HMAC-SHA256."
    )


def headers_not_signed(names: list[str]) -> Refusal:
    return access_denied(
        "There were headers present in the request which were not signed",
        {"HeadersNotSigned": ", ".join(names)},
    )


def header_section_too_large(limit: int) -> Refusal:
    message = "Your request header section exceeds the maximum allowed size."
    fields = {"MaxSizeAllowed": str(limit)}
    return Refusal("RequestHeaderSectionTooLarge", message, status=400, fields=fields)


def unknown_access_key(access_key: str) -> Refusal:
    """For the caller, when ``access_key`` has no secret.

    S3 tells an unknown key from a wrong signature by its code, so there is no time difference to
    hide from whoever probes for keys.
    """
    message = "The AWS Access Key Id you provided does not exist in our records."
    fields = {"AWSAccessKeyId": access_key}
    return Refusal("InvalidAccessKeyId", message, status=403, fields=fields)


def signature_does_not_match(
    *, access_key: str, given: str, string_to_sign: str, canonical_request: str | None = None
) -> Refusal:
    """The signature is wrong. Shows what was to be signed, never the signature expected."""
    fields = {
        "AWSAccessKeyId": access_key,
        "StringToSign": string_to_sign,
        "SignatureProvided": given,
        "StringToSignBytes": _hex_bytes(string_to_sign),
    }
    if canonical_request is not None:
        fields["CanonicalRequest"] = canonical_request
        fields["CanonicalRequestBytes"] = _hex_bytes(canonical_request)
    return Refusal("SignatureDoesNotMatch", MISMATCH, status=403, fields=fields)


def content_sha256_mismatch(*, claimed: str, computed: str) -> Refusal:
    """For the caller, when a body of kind ``Payload.SIGNED`` has another SHA-256."""
    return Refusal(
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
        status=400,
        fields={"ClientComputedContentSHA256": claimed, "S3ComputedContentSHA256": computed},
    )


def incomplete_body() -> Refusal:
    """The aws-chunked body ended early or is not well framed."""
    return Refusal("IncompleteBody", "The request body terminated unexpectedly", status=400)


def malformed_trailer() -> Refusal:
    """The trailer is malformed, unannounced, missing, or not the one announced."""
    return Refusal(
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our "
        "published schema.",
        status=400,
    )
