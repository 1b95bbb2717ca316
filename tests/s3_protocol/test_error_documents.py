"""S3Error and its document, judged by botocore."""

from functools import cache
from xml.etree import ElementTree as ET

import pytest
from botocore.model import Shape
from botocore.parsers import RestXMLParser
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.error_codes import ERROR_CODES
from gateway.s3.errors import S3Error, error_document

_XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\ufffe\uffff", min_codepoint=0x20)
    | st.sampled_from("\t\n\r"),
    max_size=40,
)


@cache
def _shape() -> Shape | None:
    model = get_session().get_service_model("s3")
    return model.operation_model("GetObject").output_shape


def _parsed(status: int, document: bytes) -> dict[str, dict[str, str]]:
    shape = _shape()
    assert shape is not None
    response = {"status_code": status, "headers": {}, "body": document}
    parsed: dict[str, dict[str, str]] = RestXMLParser().parse(response, shape)
    return parsed


@given(_XML_TEXT, _XML_TEXT, _XML_TEXT)
def test_botocore_reads_code_message_and_fields(message: str, key: str, resource: str) -> None:
    error = S3Error("NoSuchKey", message, Key=key)
    parsed = _parsed(404, error_document(error, resource=resource, request_id="1", host_id="2"))
    assert parsed["Error"]["Code"] == "NoSuchKey"
    assert (parsed["Error"].get("Message") or "") == message
    assert (parsed["Error"].get("Key") or "") == key
    assert (parsed["Error"].get("Resource") or "") == resource


def test_elements_stand_in_s3s_order() -> None:
    error = S3Error("InvalidArgument", "No <x>.", ArgumentName="a", ArgumentValue="\x01&")
    assert (
        error_document(error, "/b/k", "REQ", "HOST")
        == (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InvalidArgument</Code>'
            "<Message>No &lt;x&gt;.</Message><ArgumentName>a</ArgumentName>"
            "<ArgumentValue>\ufffd&amp;</ArgumentValue><Resource>/b/k</Resource>"
            "<RequestId>REQ</RequestId><HostId>HOST</HostId></Error>"
        ).encode()
    )


@given(st.text())
def test_any_text_can_be_told_and_every_parser_reads_it(text: str) -> None:
    document = error_document(S3Error("AccessDenied", text, Name=text), resource=text)
    assert ET.fromstring(document).findtext("Code") == "AccessDenied"


def test_a_code_brings_its_status_and_message() -> None:
    error = S3Error("NoSuchBucket", headers={"x": "y"})
    assert (error.status, error.message) == (404, "The specified bucket does not exist")
    assert error.headers == {"x": "y"}


def test_an_unknown_code_must_bring_message_and_status() -> None:
    assert S3Error("Odd", "Odd.", status=418).status == 418
    with pytest.raises(ValueError, match="Odd"):
        S3Error("Odd", "Odd.")
    with pytest.raises(ValueError, match="Odd"):
        S3Error("Odd", status=418)


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_code_has_a_refusals_status_and_a_message(code: str) -> None:
    status, message = ERROR_CODES[code]
    assert status in {301, 304, 307, 400, 403, 404, 405, 409, 411, 412, 416, 500, 501, 503, 507}
    assert message
