"""What arrived, as a ``Request``."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.s3.errors import S3Error
from gateway.s3.message import Request
from gateway.wire.arriving import ArrivingBody
from gateway.wire.networks import Network, is_in
from gateway.wire.parsing import Head

_SHOWN: Final = 1024
"""Characters of what was sent that a refusal repeats."""
_VERSIONS: Final = frozenset({"1.0", "1.1"})
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?", re.ASCII)


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


def _refuse_ambiguous(head: Head) -> None:
    """Refuse what another HTTP server on the way may have read otherwise.

    RFC 9110, 5.3: a header that may come only once. RFC 9112, 6.1: a coding nobody here knows, and
    any coding in HTTP/1.0, which has none. 3.2 and RFC 9110, 7.2: a Host that cannot be one.
    """
    if head.version not in _VERSIONS:
        raise S3Error("HTTPVersionNotSupported", "The HTTP version is not supported.", status=505)
    if head.repeated:
        raise S3Error(
            "InvalidArgument",
            "This header may be given only once.",
            ArgumentName=head.repeated,
        )
    if head.length is None:
        coding = head.headers["transfer-encoding"]
        if coding.strip().lower() != "chunked" or head.version == "1.0":
            raise S3Error(
                "NotImplemented",
                "A header you provided implies functionality that is not implemented.",
                Header="Transfer-Encoding",
            )
    host = head.headers.get("host", "")
    if _HOST.fullmatch(host) is None and (host or head.version != "1.0"):
        raise _invalid_host(host)


def _invalid_host(host: str) -> S3Error:
    shown = host.encode("ascii", "backslashreplace").decode("ascii")
    return S3Error(
        "InvalidArgument", "Invalid host", ArgumentName="Host", ArgumentValue=shown[:_SHOWN]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Client:
    """Who asks, and how they addressed us; behind a trusted proxy, what that says."""

    peer: str
    host: str
    secure: bool


def _client(
    peer: str, headers: Mapping[str, str], trusted: Sequence[Network], *, secure: bool
) -> _Client:
    host = headers.get("host", "")
    if not trusted or not _is_trusted(peer, trusted):
        return _Client(peer=peer, host=host, secure=secure)
    # What several proxies appended: the last value is from the one that is trusted.
    said = headers.get("x-forwarded-host", "").rpartition(",")[2].strip()
    if said and _HOST.fullmatch(said) is None:
        raise _invalid_host(said)
    scheme = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
    return _Client(
        peer=_forwarded_for(headers, peer, trusted),
        host=said or host,
        secure=scheme == "https" if scheme else secure,
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


class Receiver:
    """Makes requests of heads. ``trusted``: proxies, which are believed who asks for what."""

    def __init__(self, trusted: Sequence[Network], host_id: str) -> None:
        self._trusted = tuple(trusted)
        self._host_id = host_id

    def __call__(
        self, head: Head, body: ArrivingBody, *, request_id: str, peer: str, secure: bool
    ) -> Request:
        """The request as plain values. Raises S3Error for what is ambiguous."""
        _refuse_ambiguous(head)
        headers = head.headers
        path, query = split_target(head.target, headers.get("host", ""))
        host = headers.get("host", "")
        if self._trusted:
            client = _client(peer, headers, self._trusted, secure=secure)
            peer, host, secure = client.peer, client.host, client.secure
        return Request(
            id=request_id,
            method=head.method,
            path=path,
            query=query,
            headers=headers,
            body=body,
            peer=peer,
            host=host,
            host_id=self._host_id,
            secure=secure,
        )
