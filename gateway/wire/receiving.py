"""What arrived, as a ``Request``."""

import asyncio
import ipaddress
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from gateway.s3.errors import S3Error
from gateway.s3.message import Request
from gateway.wire.limits import Limits
from gateway.wire.networks import Network, is_in
from gateway.wire.pace import Pace

_SINGLE = frozenset(
    {
        "authorization",
        "content-length",
        "content-md5",
        "content-type",
        "expect",
        "host",
        "range",
        "transfer-encoding",
        "x-amz-content-sha256",
        "x-amz-copy-source",
        "x-amz-date",
        "x-amz-decoded-content-length",
    }
)
_AROUND = len(": \r\n")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_SHOWN = 1024
"""Characters of what was sent that a refusal repeats."""
_VERSIONS = frozenset({(1, 0), (1, 1)})
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?", re.ASCII)


class ArrivingBody:
    """``gateway.s3.message.Body`` over aiohttp's payload stream."""

    def __init__(self, request: web.BaseRequest, limits: Limits, *, awaited: bool) -> None:
        self._request = request
        self._pace = Pace(stall_s=limits.body_stall_s, rate=limits.min_rate)
        self._awaited = awaited
        """The client waits for 100 Continue before it sends the body."""
        self.received = 0
        self.chunked = "Transfer-Encoding" in request.headers
        """By HTTP, and so with a trailer."""
        length = request.headers.get("Content-Length")
        if length is not None:
            self._length: int | None = int(length)
        elif request.content is EMPTY_PAYLOAD:
            self._length = 0
        else:
            self._length = None

    @property
    def length(self) -> int | None:
        return self._length

    @property
    def unsent(self) -> bool:
        """The client was never told to send its body."""
        return self._awaited

    async def read(self) -> bytes:
        if self._awaited:
            self._awaited = False
            transport = self._request.transport
            if transport is not None:
                transport.write(_CONTINUE)
        content = self._request.content
        try:
            if content.total_bytes > self.received or content.at_eof():
                piece = await content.readany()
            else:
                piece = await self._wait(content)
        except TimeoutError:
            raise S3Error("RequestTimeout", headers={"connection": "close"}) from None
        except (web.RequestPayloadError, ConnectionError):
            raise S3Error("IncompleteBody") from None
        self.received += len(piece)
        return piece

    async def _wait(self, content: StreamReader) -> bytes:
        started = time.monotonic()
        async with asyncio.timeout(self._pace.patience(self.received)):
            piece = await content.readany()
        self._pace.waited(time.monotonic() - started)
        return piece


def read_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names; duplicates joined by a comma, but for those that must be single.

    Raises S3Error InvalidArgument for a repeated header that must be single (RFC 9110, 5.3).
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name = raw_name.decode("ascii", "replace").lower()
        value = raw_value.decode("utf-8", "surrogateescape")
        if name in headers:
            if name in _SINGLE:
                raise S3Error(
                    "InvalidArgument",
                    "This header may be given only once.",
                    ArgumentName=name,
                )
            headers[name] += "," + value
        else:
            headers[name] = value
    return headers


def split_target(target: str, host: str) -> tuple[str, str]:
    """Raw path and raw query of a request target in origin or absolute form (RFC 9112, 3.2).

    Raises S3Error InvalidURI for other forms, and for an absolute one that names another host than
    ``host``: RFC 9112 would have the Host header ignored then, but it is what was signed.
    """
    if not target.startswith("/"):
        scheme, separator, rest = target.partition("://")
        if not separator or scheme.lower() not in {"http", "https"}:
            raise _invalid_target(target)
        authority = re.split(r"[/?]", rest, maxsplit=1)[0]
        if authority.lower() != host.lower():
            raise _invalid_target(target)
        target = rest[len(authority) :]
        if not target.startswith("/"):
            target = "/" + target
    path, _, query = target.partition("?")
    return path, query


def _invalid_target(target: str) -> S3Error:
    shown = target.encode("ascii", "backslashreplace").decode("ascii")
    return S3Error("InvalidURI", URI=shown[:_SHOWN])


def _refuse_ambiguous(request: web.BaseRequest, headers: Mapping[str, str]) -> None:
    """Refuse what another HTTP server on the way may have read otherwise.

    RFC 9112, 6.1: a coding nobody here knows, and any coding in HTTP/1.0, which has none. 3.2 and
    RFC 9110, 7.2: a Host that cannot be one.
    """
    version = tuple(request.version)
    if version not in _VERSIONS:
        raise S3Error("HTTPVersionNotSupported", "The HTTP version is not supported.", status=505)
    coding = headers.get("transfer-encoding")
    if coding is not None and (coding.strip().lower() != "chunked" or version == (1, 0)):
        raise S3Error(
            "NotImplemented",
            "A header you provided implies functionality that is not implemented.",
            Header="Transfer-Encoding",
        )
    host = headers.get("host", "")
    if _HOST.fullmatch(host) is None and (host or version != (1, 0)):
        raise _invalid_host(host)


def _invalid_host(host: str) -> S3Error:
    shown = host.encode("ascii", "backslashreplace").decode("ascii")
    return S3Error(
        "InvalidArgument", "Invalid host", ArgumentName="Host", ArgumentValue=shown[:_SHOWN]
    )


def peer_of(request: web.BaseRequest) -> str:
    """Address of the other end of the connection, "-" if it is gone."""
    transport = request.transport
    name = transport.get_extra_info("peername") if transport is not None else None
    return str(name[0]) if isinstance(name, tuple) else "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Client:
    """Who asks, and how they addressed us; behind a trusted proxy, what that says."""

    peer: str
    host: str
    secure: bool


def _client(
    request: web.BaseRequest, headers: Mapping[str, str], trusted: Sequence[Network]
) -> _Client:
    peer, host = peer_of(request), headers.get("host", "")
    if not trusted or not _is_trusted(peer, trusted):
        return _Client(peer=peer, host=host, secure=request.secure)
    # What several proxies appended: the last value is from the one that is trusted.
    said = headers.get("x-forwarded-host", "").rpartition(",")[2].strip()
    if said and _HOST.fullmatch(said) is None:
        raise _invalid_host(said)
    scheme = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
    return _Client(
        peer=_forwarded_for(headers, peer, trusted),
        host=said or host,
        secure=scheme == "https" if scheme else request.secure,
    )


def _forwarded_for(headers: Mapping[str, str], peer: str, trusted: Sequence[Network]) -> str:
    """The last address in X-Forwarded-For that is not a trusted proxy."""
    for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
        address = hop.strip()
        if not address:
            break
        peer = address
        if not _is_trusted(address, trusted):
            break
    return peer


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return is_in(ip, trusted)


def receive(
    request: web.BaseRequest,
    request_id: str,
    limits: Limits,
    trusted: Sequence[Network],
    *,
    host_id: str = "",
) -> Request:
    """The request as plain values. Raises S3Error for what is ambiguous or too large."""
    size = len(request.raw_path) + sum(
        len(name) + len(value) + _AROUND for name, value in request.raw_headers
    )
    if size > limits.header_bytes:
        raise S3Error("RequestHeaderSectionTooLarge", MaxSizeAllowed=str(limits.header_bytes))
    headers = read_headers(request.raw_headers)
    _refuse_ambiguous(request, headers)
    path, query = split_target(request.raw_path, headers.get("host", ""))
    expect = headers.get("expect", "").lower()
    client = _client(request, headers, trusted)
    return Request(
        id=request_id,
        method=request.method,
        path=path,
        query=query,
        headers=headers,
        body=ArrivingBody(request, limits, awaited=expect == "100-continue"),
        peer=client.peer,
        host=client.host,
        host_id=host_id,
        secure=client.secure,
    )
