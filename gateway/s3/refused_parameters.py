"""Parameters that an operation does not have, and that S3 refuses there instead of ignoring them."""

from collections.abc import Mapping
from typing import Final

from gateway.s3.errors import S3Error

_OVERRIDE: Final = "response-"
_OVERRIDES: Final = frozenset(
    {
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
    }
)
_READS: Final = frozenset({"GetObject", "HeadObject"})

_OF_THE_OTHER_LISTING: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "ListObjects": (
        (
            "continuation-token",
            "continuation-token only supported in REST.GET.BUCKET with list-type=2",
        ),
        ("start-after", "startAfter only supported in REST.GET.BUCKET with list-type=2"),
    ),
    "ListObjectsV2": (("marker", "Marker unsupported with REST.GET.BUCKET in list-type=2"),),
}


def refuse_parameters(operation: str, params: Mapping[str, str]) -> None:
    """S3Error InvalidArgument for where to go on, said in the words of the other listing (passed
    over it would give the first page for ever), and for a header no ``response-…`` replaces."""
    if operation in _READS:
        for name, value in params.items():
            if name.startswith(_OVERRIDE) and name not in _OVERRIDES:
                raise S3Error(
                    "InvalidArgument",
                    f"{name} is not in the set of overridable response headers. Please refer to "
                    "the S3 API documentation for a complete list of overridable response headers.",
                    ArgumentName=name,
                    ArgumentValue=value,
                )
        return
    for name, message in _OF_THE_OTHER_LISTING.get(operation, ()):
        if name in params:
            raise S3Error("InvalidArgument", message, ArgumentName=name)
