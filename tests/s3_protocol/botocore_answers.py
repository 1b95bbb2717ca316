"""What botocore makes of our answers: the judge of documents and headers."""

import io
from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.model import OperationModel, ServiceModel
from botocore.parsers import RestXMLParser
from botocore.session import get_session
from botocore.utils import lowercase_dict

from gateway.s3.message import Response


@cache
def _model() -> ServiceModel:
    return get_session().get_service_model("s3")


@cache
def operation(name: str) -> OperationModel:
    """botocore's model of an operation."""
    return _model().operation_model(name)


class HeaderView(dict[str, str]):
    """Headers looked up in any case, as botocore does."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(lowercase_dict(dict(headers)))

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


def understood(name: str, response: Response) -> dict[str, Any]:
    """The response of operation ``name`` as boto3 would give it, without ResponseMetadata."""
    shape = operation(name).output_shape
    if shape is None:
        return {}
    body = response.body if isinstance(response.body, bytes) else b""
    given: dict[str, Any] = {
        "status_code": response.status,
        "headers": HeaderView(response.headers),
        "body": io.BytesIO(body) if name == "GetObject" else body,
    }
    parsed: dict[str, Any] = RestXMLParser().parse(given, shape)
    parsed.pop("ResponseMetadata", None)
    return parsed
