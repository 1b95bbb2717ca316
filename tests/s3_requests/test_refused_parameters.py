"""Parameters an operation does not have."""

import pytest

from gateway.s3.errors import S3Error
from gateway.s3.refused_parameters import refuse_parameters
from tests.s3_requests.s3_model import operations

NAMES = ("continuation-token", "marker", "start-after", "response-cookie", "key-marker")


@pytest.mark.parametrize(
    ("operation", "refused"),
    [
        ("ListObjects", {"continuation-token", "start-after"}),
        ("ListObjectsV2", {"marker"}),
        ("GetObject", {"response-cookie"}),
        ("HeadObject", {"response-cookie"}),
        ("ListObjectVersions", set()),
        ("DeleteObject", set()),
    ],
)
def test_what_an_operation_refuses(operation: str, refused: set[str]) -> None:
    for name in NAMES:
        if name not in refused:
            refuse_parameters(operation, {name: ""})
            continue
        with pytest.raises(S3Error) as raised:
            refuse_parameters(operation, {"x-id": operation, name: ""})
        assert (raised.value.code, raised.value.status) == ("InvalidArgument", 400)
        assert raised.value.fields["ArgumentName"] == name


def test_no_operation_refuses_what_is_its_own() -> None:
    for name, model in operations().items():
        own = {member.wire: "" for member in model.members if member.location == "querystring"}
        refuse_parameters(name, own)
