"""Amazon's description of S3 as botocore ships it: the oracle of the table and of the inputs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qsl, urlsplit

import botocore.session
from botocore.model import OperationModel, Shape, StructureShape

from gateway.s3.message import Scope


@dataclass(frozen=True, kw_only=True)
class Member:
    """A member of an operation's input. ``location`` is empty for a body."""

    name: str
    location: str
    wire: str
    required: bool
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Described:
    """What the model says of one operation."""

    name: str
    method: str
    scope: Scope
    query: Mapping[str, str]
    members: tuple[Member, ...]
    payload: str | None

    def selectors(self) -> dict[str, str]:
        """The query of its URI, and the parameters it cannot be without."""
        required = {m.wire: "" for m in self.members if m.location == "querystring" and m.required}
        return {**self.query, **required}

    def required_headers(self) -> set[str]:
        """The headers it cannot be without, lower-case."""
        return {m.wire.lower() for m in self.members if m.location == "header" and m.required}

    def takes(self, location: str, wire: str) -> bool:
        """Whether it has this parameter or header."""
        return any(m.location == location and m.wire == wire for m in self.members)


@cache
def operations() -> Mapping[str, Described]:
    """Every operation of the model by name."""
    service = botocore.session.get_session().get_service_model("s3")
    return {name: _described(service.operation_model(name)) for name in service.operation_names}


def _described(operation: OperationModel) -> Described:
    uri = urlsplit(operation.http["requestUri"])
    if uri.path.startswith("/{Bucket}/"):
        scope = Scope.OBJECT
    elif uri.path == "/{Bucket}":
        scope = Scope.BUCKET
    else:
        scope = Scope.SERVICE
    shape = operation.input_shape
    return Described(
        name=operation.name,
        method=operation.http["method"],
        scope=scope,
        query=dict(parse_qsl(uri.query, keep_blank_values=True)),
        members=tuple(_members(shape)),
        payload=None if shape is None else shape.serialization.get("payload"),
    )


def _members(shape: Shape | None) -> Iterator[Member]:
    if not isinstance(shape, StructureShape):
        return
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        yield Member(
            name=name,
            location=member.serialization.get("location", ""),
            wire=wire,
            required=name in shape.required_members,
            values=tuple(getattr(member, "enum", ()) or ()),
        )
