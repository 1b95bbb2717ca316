"""Faults and recorded requests over HTTP, for SDKs of other languages: ``s3front dev`` alone has it.

=======================  ==========================================================================
``POST /-/dev/faults``   arm one: an object with ``kind`` and what that method of ``Faults`` takes
``GET /-/dev/faults``    those that are armed, with ``seen`` and ``fired``
``DELETE /-/dev/faults`` clear all; ``/-/dev/faults/ID`` that one
``GET /-/dev/requests``  recorded requests; ``?operation=&bucket=&key=`` chooses
``DELETE …/requests``    forget them
``POST /-/dev/reset``    forget everything
=======================  ==========================================================================

Whoever may ask needs no signature, so only this machine is answered, and no web page in its browser.
"""

import dataclasses
import difflib
import ipaddress
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway.s3.errors import S3Error
from gateway.s3.message import Request, Response
from gateway.s3.target import Domains, parse_query
from gateway.testing.faults import Fault, Faults, Which
from gateway.testing.journal import Journal, Recorded

PREFIX = "/-/dev/"
_LARGEST = 64 * 1024
_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PROXIED = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})
_TAKES = {
    "fail": {"operation", "code", "message"},
    "delay": {"operation", "seconds"},
    "cut": {"operation", "after_bytes"},
    "wrong_checksum": {"operation"},
}
_CHOICES = ("operation", "bucket", "key")


class _Refused(Exception):
    """Told to the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Control:
    """Answers what is under ``/-/dev/``; called with a request, it returns None for any other."""

    def __init__(
        self,
        *,
        faults: Faults,
        journal: Journal,
        domains: Domains,
        reset: Callable[[], Awaitable[None]],
    ) -> None:
        self._faults = faults
        self._journal = journal
        self._domains = domains
        self._reset = reset

    async def __call__(self, request: Request) -> Response | None:
        """The answer, or None."""
        if not request.path.startswith(PREFIX) or self._is_of_a_bucket(request):
            return None
        try:
            _check_who_asks(request)
            return _json(*await self._answer(request))
        except _Refused as refused:
            return _json(refused.status, {"error": str(refused)})
        except S3Error as error:
            return _json(error.status, {"error": error.message})

    def _is_of_a_bucket(self, request: Request) -> bool:
        try:
            return self._domains.bucket(request.host) is not None
        except S3Error:
            return True

    async def _answer(self, request: Request) -> tuple[int, object]:
        name, _, number = request.path.removeprefix(PREFIX).partition("/")
        match request.method, name, number:
            case "POST", "faults", "":
                return 201, _told(self._arm(await _document(request)))
            case "GET", "faults", "":
                return 200, {"faults": [_told(fault) for fault in self._faults.armed]}
            case "DELETE", "faults", "":
                self._faults.clear()
            case "DELETE", "faults", _:
                self._armed(number).clear()
            case "GET", "requests", "":
                return 200, {"requests": [_plain(one) for one in self._chosen(request)]}
            case "DELETE", "requests", "":
                self._journal.clear()
            case "POST", "reset", "":
                await self._reset()
            case _:
                raise _Refused(404, f"There is no {request.method} {request.path}.")
        return 200, {}

    def _arm(self, given: Mapping[str, Any]) -> Fault:
        fields = dict(given)
        kind = fields.pop("kind", None)
        if not isinstance(kind, str) or kind not in _TAKES:
            raise _Refused(400, f"kind is one of: {', '.join(_TAKES)}.")
        known = _TAKES[kind] | set(Which.__annotations__)
        for name in fields:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise _Refused(400, f"{kind} takes no {name!r}.{hint}")
        arm: Callable[..., Fault] = getattr(self._faults, kind)
        try:
            return arm(**fields)
        except ValueError as error:
            raise _Refused(400, str(error)) from None
        except TypeError:
            needed = "operation and seconds" if kind == "delay" else "operation"
            raise _Refused(400, f"{kind} needs {needed}.") from None

    def _armed(self, number: str) -> Fault:
        for fault in self._faults.armed:
            if str(fault.number) == number:
                return fault
        raise _Refused(404, f"There is no armed fault {number}.")

    def _chosen(self, request: Request) -> list[Recorded]:
        asked, repeated = parse_query(request.query)
        unknown = sorted({*asked, *repeated} - set(_CHOICES))
        if unknown or repeated:
            raise _Refused(400, f"It is chosen by {', '.join(_CHOICES)}, each given once.")
        try:
            return list(
                self._journal.of(
                    asked.get("operation", "*"), bucket=asked.get("bucket"), key=asked.get("key")
                )
            )
        except ValueError as error:
            raise _Refused(400, str(error)) from None


def _check_who_asks(request: Request) -> None:
    if not _is_loopback(request.peer):
        raise _Refused(403, "Only this machine is answered.")
    host = request.host.lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name not in _NAMES:
        # A page of another site whose name was made to lead here.
        raise _Refused(403, "Ask for it by 127.0.0.1 or localhost.")
    if not _PROXIED.isdisjoint(request.headers):
        raise _Refused(403, "What a proxy passes on may come from anywhere.")
    if "origin" in request.headers:
        raise _Refused(403, "No web page is answered.")


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


async def _document(request: Request) -> Mapping[str, Any]:
    data = bytearray()
    while piece := await request.body.read(at_once=True):
        data += piece
        if len(data) > _LARGEST:
            raise _Refused(413, f"At most {_LARGEST} bytes.")
    try:
        given = json.loads(bytes(data))
    except (ValueError, RecursionError):
        raise _Refused(400, "The body is not JSON.") from None
    if not isinstance(given, dict):
        raise _Refused(400, "The body is not a JSON object.")
    return given


def _told(fault: Fault) -> Mapping[str, object]:
    return {
        "id": fault.number,
        "kind": fault.kind,
        **dataclasses.asdict(fault.effect),
        **dataclasses.asdict(fault.when),
        "seen": fault.seen,
        "fired": fault.fired,
    }


def _plain(one: Recorded) -> Mapping[str, object]:
    values = {each.name: getattr(one, each.name) for each in dataclasses.fields(one)}
    return values | {"headers": dict(one.headers), "query": dict(one.query)}


def _json(status: int, document: object) -> Response:
    return Response(
        status=status,
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
        body=json.dumps(document).encode() + b"\n",
    )
