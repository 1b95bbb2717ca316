"""Which row of a table of operations a request is.

Rows are told apart by method, scope (service, bucket, object), the names in the query and, for a
few, a header: their *selectors*. "The most demanding row that fits" is not enough: ``PUT
/b/k?uploadId=u`` without ``partNumber`` would replace an object by a part of it. So:

- The selectors a request names must be exactly those of one row. Otherwise it is refused.
- Reads (GET, HEAD) look for every name that selects an operation by itself, whatever its method and
  scope: ``GET /b/k?uploads`` does not send ``k``. They ignore other parameters, as S3 does (``GET
  /b?foo=bar`` lists), among them names that select only together with another: to a read
  ``partNumber`` says which part, and ``id`` may be anything. A sub-resource has no HEAD: naming one
  is refused, but ``HEAD /b?list-type=2`` is HeadBucket.
- Writes (PUT, POST, DELETE) look for every selector of the whole table, whatever its method and
  scope, and refuse a parameter without a value that no row knows: that is what a sub-resource of
  tomorrow looks like, and ``DELETE /b?tomorrow`` must not delete the bucket. ``foo=bar`` is ignored.
- ``versionId`` goes to the operations that take one; S3 refuses it elsewhere (``PUT /b/k?versionId=v``
  does not overwrite ``k``).
- A selector or a version that is sent twice is refused.
- x-amz-copy-source is refused with any method but PUT.

The refusals are S3's own where they are known: conflicting parameters, an unexpected one, 405 with
the type of the sub-resource (an upload has no PUT: its parts have), ``partNumber`` without
``uploadId``.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, NoReturn, Protocol, TypeVar

from gateway.s3.errors import S3Error
from gateway.s3.message import Scope
from gateway.s3.target import Target

FORM = "multipart/form-data"

_READS = frozenset({"GET", "HEAD"})
_VERSION = "versionId"
_SDK_NAME = "x-id"
"""Where SDKs say which operation they mean."""
_PART, _UPLOAD = "partNumber", "uploadId"
_COPY_SOURCE = "x-amz-copy-source"
_ALLOW = ("GET", "HEAD", "PUT", "POST", "DELETE")
_RESOURCE_TYPES = {_UPLOAD: "UPLOAD", _PART: "PART"}
_HARMLESS = (_VERSION, "x-id")
_HARMLESS_PREFIXES = ("x-amz-", "response-")


class Row(Protocol):
    """What routing needs to know of an operation."""

    @property
    def name(self) -> str:
        """S3's name of it."""

    @property
    def method(self) -> str:
        """The HTTP method."""

    @property
    def scope(self) -> Scope:
        """What it is about."""

    @property
    def query(self) -> Mapping[str, str]:
        """The selecting parameters and the values they must have, "" for any."""

    @property
    def headers(self) -> tuple[str, ...]:
        """The selecting headers, in lower case."""

    @property
    def form(self) -> bool:
        """Whether a multipart/form-data body selects it."""

    @property
    def takes_version(self) -> bool:
        """Whether ``versionId`` may be named."""

    @property
    def same_request_as(self) -> str | None:
        """The row that answers the very same requests instead of this one, or None."""


R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group(Generic[R]):
    """The rows of one method and scope. ``selectors`` are those a request is searched for."""

    plain: R | None
    rows: Mapping[frozenset[str], R]
    selectors: frozenset[str]
    values: tuple[tuple[str, str], ...]
    headers: tuple[str, ...]
    reads: bool
    copies: bool
    """Whether requests may name a source to copy from."""


class Router(Generic[R]):
    """Routes requests to ``rows``. Raises ValueError if two rows are selected alike."""

    def __init__(self, rows: Iterable[R]) -> None:
        self._rows = tuple(row for row in rows if row.same_request_as is None)
        self._groups = {
            scope: {method: self._group(method, scope) for method in _ALLOW} for scope in Scope
        }

    def route(self, method: str, target: Target, headers: Mapping[str, str]) -> R:
        """The row of a request. ``headers``: lower-case names, with those of the query.

        S3Error InvalidArgument, MethodNotAllowed, PreconditionFailed or NotImplemented if there is
        none that the request names exactly.
        """
        scope = _scope(target)
        group = self._groups[scope].get(method)
        if group is None:
            self._method_not_allowed(method, scope, None)
        params = target.params
        named: AbstractSet[str] = group.selectors & params.keys() if params else frozenset()
        for header in group.headers:
            if header in headers:
                named = named | {header}
        if named and group.values:
            named = _of_value(named, group, params)
        row = group.rows.get(frozenset(named)) if named else group.plain
        if row is None:
            self._refuse(method, scope, group, named, params)
        if _COPY_SOURCE in headers and not group.copies:
            message = "You can only specify a copy source header for copy requests."
            raise _invalid(message, _COPY_SOURCE, _shown(headers[_COPY_SOURCE]))
        if row.form:
            _check_form(headers)
        if params:
            _check_params(row, group, target)
            if not group.reads:
                self._check_sdk_name(row, params.get(_SDK_NAME))
        return row

    def _check_sdk_name(self, row: R, name: str | None) -> None:
        """A write that calls itself another operation is refused; what is no operation's name is
        only a remark."""
        if name in (None, row.name):
            return
        if any(name == other.name for other in self._rows):
            raise _invalid(f"This request is {row.name}.", _SDK_NAME, str(name))

    def _group(self, method: str, scope: Scope) -> _Group[R]:
        own = [row for row in self._rows if row.method == method and row.scope is scope]
        reads = method in _READS
        searched = self._searched(own, reads=reads)
        rows: dict[frozenset[str], R] = {}
        for row in own:
            selectors = frozenset({*row.query, *row.headers})
            if selectors in rows:
                raise ValueError(f"{row.name} is selected like {rows[selectors].name}")
            rows[selectors] = row
        return _Group(
            plain=rows.pop(frozenset(), None),
            rows=rows,
            selectors=frozenset(name for name, value in searched if not value or method != "HEAD"),
            values=tuple({(name, value) for name, value in searched if value}),
            headers=tuple(
                sorted({name for row in self._rows if row.method == method for name in row.headers})
            ),
            reads=reads,
            copies=method == "PUT",
        )

    def _searched(self, own: Iterable[R], *, reads: bool) -> set[tuple[str, str]]:
        """The selectors, with their values, that a request of the rows ``own`` is searched for."""
        pairs = {pair for row in self._rows for pair in row.query.items()}
        if not reads:
            return pairs
        alone = {name for row in self._rows if len(row.query) == 1 for name in row.query}
        return {pair for pair in pairs if pair[0] in alone} | {
            pair for row in own for pair in row.query.items()
        }

    def _refuse(
        self,
        method: str,
        scope: Scope,
        group: _Group[R],
        named: AbstractSet[str],
        params: Mapping[str, str],
    ) -> NoReturn:
        if not named:
            self._method_not_allowed(method, scope, None)
        for header in group.headers:
            if header in named and not params:
                raise _invalid(f"This operation does not accept {header}.", header, "")
        if _PART in named and _UPLOAD not in named:
            message = "This operation does not accept partNumber without uploadId"
            raise _invalid(message, _PART, _PART)
        if scope is Scope.OBJECT and _UPLOAD in named and named <= {_UPLOAD, *group.headers}:
            self._method_not_allowed(method, scope, _UPLOAD)
        for selectors in group.rows:
            if named < selectors:
                missing = min(selectors - named)
                raise _invalid(f"The request lacks {missing}.", missing, "")
        if len(named) == 1:
            (name,) = named
            if any(set(row.query) == named and row.scope is scope for row in self._rows):
                self._method_not_allowed(method, scope, name)
            raise _invalid("Unexpected query string parameter", "ResourceType", name)
        names = sorted(named)
        message = f"Conflicting query string parameters: {', '.join(names)}"
        raise _invalid(message, "ResourceType", names[0])

    def _method_not_allowed(self, method: str, scope: Scope, name: str | None) -> NoReturn:
        selectors = {name} if name else set()
        allowed = {
            row.method
            for row in self._rows
            if row.scope is scope and set(row.query) == selectors and (name or not row.headers)
        }
        kind = _RESOURCE_TYPES.get(name, name.upper()) if name else scope.name
        raise S3Error(
            "MethodNotAllowed",
            headers={"Allow": ", ".join(each for each in _ALLOW if each in allowed)},
            Method=method if method.isascii() and method.isalnum() else "",
            ResourceType=kind,
        )


def _scope(target: Target) -> Scope:
    if target.key is not None:
        return Scope.OBJECT
    return Scope.SERVICE if target.bucket is None else Scope.BUCKET


def _of_value(
    named: AbstractSet[str], group: _Group[R], params: Mapping[str, str]
) -> AbstractSet[str]:
    """Without the selectors of another value on a read: ``list-type=1`` lists as of old, as in S3.
    A write with one is refused."""
    other = {name for name, value in group.values if name in named and params[name] != value}
    if other and not group.reads:
        name = min(other)
        raise _invalid("Unexpected query string parameter", name, params[name])
    return named - other


def _check_params(row: R, group: _Group[R], target: Target) -> None:
    params = target.params
    if _VERSION in params and not row.takes_version:
        message = "This operation does not accept a version-id."
        raise _invalid(message, _VERSION, params[_VERSION])
    if target.repeated:
        for name in target.repeated:
            if name in group.selectors or name == _VERSION:
                raise _invalid("A query string parameter is given twice", "ResourceType", name)
    if group.reads:
        return
    for name, value in params.items():
        known = value or name in group.selectors or name in _HARMLESS
        if not known and not name.lower().startswith(_HARMLESS_PREFIXES):
            raise S3Error(
                "NotImplemented", f"There is no sub-resource {_shown(name)!r} to write to."
            )


def _check_form(headers: Mapping[str, str]) -> None:
    if not headers.get("content-type", "").lower().startswith(FORM):
        raise S3Error(
            "PreconditionFailed", Condition=f"Bucket POST must be of the enclosure-type {FORM}"
        )


def _shown(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _invalid(message: str, name: str, value: str) -> S3Error:
    return S3Error("InvalidArgument", message, ArgumentName=name, ArgumentValue=value)
