"""The one error of the S3 protocol, and its document."""

from collections.abc import Mapping

from gateway.s3.error_codes import ERROR_CODES
from gateway.s3.xml_text import escape_echo


class S3Error(Exception):
    """A refusal as S3 words it.

    ``code`` names a row of ``ERROR_CODES``, which gives status and message unless they are given.
    ``fields`` become further elements of the document, in order (``Key``, ``ArgumentName`` …);
    ``headers`` go onto the answer. Another code must bring its own message and status, else
    ValueError.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """

    code: str
    message: str
    status: int
    headers: Mapping[str, str]
    fields: Mapping[str, str]

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        **fields: str,
    ) -> None:
        known = ERROR_CODES.get(code)
        if known is None:
            if message is None or status is None:
                raise ValueError(f"{code!r} is not a code of S3: give its message and status")
            known = (status, message)
        self.code = code
        self.message = known[1] if message is None else message
        self.status = known[0] if status is None else status
        self.headers = {} if headers is None else headers
        self.fields = fields
        super().__init__(f"{code}: {self.message}")


def error_document(
    error: S3Error, resource: str = "", request_id: str = "", host_id: str = ""
) -> bytes:
    """The XML body S3 sends with an error, its elements in S3's order.

    ``resource`` is the path as the client sent it. Empty arguments leave their element out.
    """
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>',
        error.code,
        "</Code><Message>",
        escape_echo(error.message),
        "</Message>",
    ]
    for name, value in error.fields.items():
        parts += (f"<{name}>", escape_echo(value), f"</{name}>")
    for name, value in (("Resource", resource), ("RequestId", request_id), ("HostId", host_id)):
        if value:
            parts += (f"<{name}>", escape_echo(value), f"</{name}>")
    parts.append("</Error>")
    return "".join(parts).encode()
