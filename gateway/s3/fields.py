"""Typed inputs by declaration: where each field of a request is, and what it must look like.

    @request_input
    class UploadPart:
        bucket: str = path("Bucket")
        part_number: int = query("partNumber", part_number)
        if_match: str | None = header("If-Match", default=None)

``read(UploadPart, target, headers)`` gives a frozen value or raises S3Error: InvalidArgument with
ArgumentName and ArgumentValue for what is missing or malformed, unless the parser has a code of its
own. A field without a default must be sent; ``missing`` is the error where S3 has one of its own. The
class is taken apart once, when it is declared.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from typing import Any, Final, TypeVar, dataclass_transform, overload

from gateway.s3.errors import S3Error
from gateway.s3.metadata import read_metadata
from gateway.s3.target import Target

T = TypeVar("T")
D = TypeVar("D")

ALGORITHMS: Final = (
    "CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME",
    "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128",
)  # fmt: skip
"""S3's checksum algorithms, as botocore's model spells and orders them."""

_PLACE = "place"
_CHECKSUM_HEADERS = tuple((f"x-amz-checksum-{name.lower()}", name) for name in ALGORITHMS)


class Malformed(ValueError):
    """What a parser raises; ``{name}`` in the message is replaced by the wire name.

    ``name``: what S3 calls the parameter in this error, if not by its wire name.
    """

    def __init__(self, message: str, *, name: str | None = None) -> None:
        super().__init__(message)
        self.name = name


def text(value: str) -> str:
    """Any text."""
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a field is: ``location`` and ``name`` as botocore's model has them."""

    location: str
    name: str
    parse: Callable[[Any], Any]
    missing: Callable[[], S3Error] | None = None


@overload
def path(name: str) -> str: ...
@overload
def path(name: str, parse: Callable[[str], T]) -> T: ...
def path(name: str, parse: Callable[[str], Any] = text) -> Any:
    """``Bucket`` or ``Key``, already decoded."""
    return _field("uri", name, parse, MISSING)


@overload
def query(name: str) -> str: ...
@overload
def query(name: str, parse: Callable[[str], T]) -> T: ...
@overload
def query(name: str, *, default: D) -> str | D: ...
@overload
def query(name: str, parse: Callable[[str], T], *, default: D) -> T | D: ...
def query(name: str, parse: Callable[[str], Any] = text, *, default: Any = MISSING) -> Any:
    """A query parameter."""
    return _field("querystring", name, parse, default)


@overload
def header(name: str) -> str: ...
@overload
def header(
    name: str, parse: Callable[[str], T], *, missing: Callable[[], S3Error] | None = None
) -> T: ...
@overload
def header(name: str, *, default: D) -> str | D: ...
@overload
def header(name: str, parse: Callable[[str], T], *, default: D) -> T | D: ...
def header(
    name: str,
    parse: Callable[[str], Any] = text,
    *,
    default: Any = MISSING,
    missing: Callable[[], S3Error] | None = None,
) -> Any:
    """A header. ``missing`` makes the error if it is not sent, where it must be."""
    return _field("header", name, parse, default, missing)


def metadata(*, default_factory: Callable[[], Mapping[str, str]]) -> Any:
    """User metadata: the ``x-amz-meta-`` headers, names lower-case without that prefix."""
    return _collected("headers", "x-amz-meta-", default_factory)


def checksums(*, default_factory: Callable[[], Mapping[str, str]]) -> Any:
    """The ``x-amz-checksum-…`` header, as ``{algorithm: base64}``; empty if there is none."""
    return _collected("checksums", "x-amz-checksum-", default_factory)


@overload
def document(name: str, parse: Callable[[bytes], T]) -> T: ...
@overload
def document(name: str, parse: Callable[[bytes], T], *, default: D) -> T | D: ...
def document(name: str, parse: Callable[[bytes], Any], *, default: Any = MISSING) -> Any:
    """The body, whole, as a document. With a default it may be empty."""
    return _field("document", name, parse, default)


def _field(
    location: str,
    name: str,
    parse: Callable[[Any], Any],
    default: Any,
    missing: Callable[[], S3Error] | None = None,
) -> Any:
    place = Place(location=location, name=name, parse=parse, missing=missing)
    return field(default=default, metadata={_PLACE: place})


def _collected(location: str, name: str, factory: Callable[[], Mapping[str, str]]) -> Any:
    place = Place(location=location, name=name, parse=text)
    return field(default_factory=factory, metadata={_PLACE: place})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """An input class taken apart. Each entry: field name, wire name, parser (None: as it is)."""

    query: tuple[tuple[str, str, Callable[[str], Any] | None], ...]
    header: tuple[tuple[str, str, Callable[[str], Any] | None], ...]
    required: tuple[tuple[str, Callable[[], S3Error]], ...]
    uri: tuple[tuple[str, str, Callable[[str], Any] | None], ...]
    metadata: str | None
    checksums: str | None
    document: tuple[str, Callable[[bytes], Any], bool] | None


_PLANS: dict[type, _Plan] = {}


@dataclass_transform(
    kw_only_default=True,
    frozen_default=True,
    field_specifiers=(path, query, header, metadata, checksums, document),
)
def request_input(cls: type[T]) -> type[T]:
    """Make a class of field declarations an input: a frozen, keyword-only dataclass."""
    # Without slots the defaults stay with the class, and ``read`` makes an input of what was sent.
    made = dataclass(frozen=True, kw_only=True)(cls)
    _PLANS[made] = _plan(made)
    return made


def places(cls: type) -> Mapping[str, Place]:
    """Field name ▶ where it is, of an input class."""
    return {each.name: each.metadata[_PLACE] for each in fields(cls)}


def takes_document(cls: type) -> bool:
    """Whether the body of the request must be read, whole, before ``read``."""
    return _PLANS[cls].document is not None


def read(cls: type[T], target: Target, headers: Mapping[str, str], body: bytes = b"") -> T:
    """The input of a request. ``headers``: lower-case names. S3Error as the module says."""
    plan = _PLANS[cls]
    values: dict[str, Any] = {}
    for name, wire, parse in plan.uri:
        values[name] = _part(target, wire, parse)
    if target.params:
        _read_each(plan.query, target.params, values)
    _read_each(plan.header, headers, values)
    for name, missing in plan.required:
        if name not in values:
            raise missing()
    if plan.metadata is not None:
        values[plan.metadata] = read_metadata(headers)
    if plan.checksums is not None:
        values[plan.checksums] = _checksums(headers)
    if plan.document is not None:
        name, parse_body, optional = plan.document
        if body or not optional:
            values[name] = parse_body(body)
    made = cls.__new__(cls)
    # Past __init__ of many fields, most of which have their defaults: it would cost 3 µs a request.
    made.__dict__.update(values)
    return made


def _part(target: Target, wire: str, parse: Callable[[str], Any] | None) -> Any:
    value = target.bucket if wire == "Bucket" else target.key
    if value is None:
        raise S3Error("InvalidRequest", f"A {wire.lower()} must be specified")
    return value if parse is None else _parsed(parse, wire, value)


def _read_each(
    wanted: tuple[tuple[str, str, Callable[[str], Any] | None], ...],
    sent: Mapping[str, str],
    values: dict[str, Any],
) -> None:
    for name, wire, parse in wanted:
        value = sent.get(wire)
        if value is not None:
            if not value.isascii():
                _check_text(wire, value)
            values[name] = value if parse is None else _parsed(parse, wire, value)


def _plan(cls: type) -> _Plan:
    by: dict[str, list[tuple[str, str, Any]]] = {}
    optional: set[str] = set()
    required: list[tuple[str, Callable[[], S3Error]]] = []
    for name, place in places(cls).items():
        wire = place.name.lower() if place.location == "header" else place.name
        parse = None if place.parse is text else place.parse
        by.setdefault(place.location, []).append((name, wire, parse))
    for each in fields(cls):
        place = each.metadata[_PLACE]
        if each.default is not MISSING:
            optional.add(each.name)
        elif place.location in {"querystring", "header"}:
            required.append((each.name, place.missing or partial(_missing, place.name)))
    document = next(iter(by.get("document", [])), None)
    return _Plan(
        query=tuple(by.get("querystring", ())),
        header=tuple(by.get("header", ())),
        required=tuple(required),
        uri=tuple(by.get("uri", ())),
        metadata=next((name for name, _, _ in by.get("headers", ())), None),
        checksums=next((name for name, _, _ in by.get("checksums", ())), None),
        document=document and (document[0], document[2], document[0] in optional),
    )


def _missing(wire: str) -> S3Error:
    message = f"The required parameter {wire} is missing."
    return S3Error("InvalidArgument", message, ArgumentName=wire, ArgumentValue="")


def _parsed(parse: Callable[[str], Any], wire: str, value: str) -> Any:
    try:
        return parse(value)
    except Malformed as malformed:
        name = malformed.name or wire
        message = str(malformed).replace("{name}", name)
        raise S3Error("InvalidArgument", message, ArgumentName=name, ArgumentValue=value) from None


def _check_text(wire: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeError:
        shown = value.encode("ascii", "backslashreplace").decode("ascii")
        raise S3Error(
            "InvalidArgument", "Header is not UTF-8.", ArgumentName=wire, ArgumentValue=shown
        ) from None


def _checksums(headers: Mapping[str, str]) -> Mapping[str, str]:
    found = {name: headers[wire] for wire, name in _CHECKSUM_HEADERS if wire in headers}
    if len(found) > 1:
        raise S3Error(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    return found
