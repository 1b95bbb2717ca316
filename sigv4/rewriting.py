"""What clients sign differently, and what proxies and configuration change: for diagnosis only.

Each function yields what may have been signed instead of what arrived, mostly with the sentence
that says so. All are bounded by what they are given.
"""

import posixpath
from collections.abc import Iterator, Mapping
from urllib.parse import unquote_to_bytes

_ENCODINGS = (
    "",
    "identity",
    "gzip",
    "gzip, deflate",
    "gzip,deflate",
    "deflate, gzip",
    "gzip, deflate, br",
    "gzip, deflate, br, zstd",
)
_OFTEN_REWRITTEN: Mapping[str, tuple[str, ...]] = {
    "accept": ("", "*/*"),
    "accept-encoding": _ENCODINGS,
    "cache-control": ("", "no-cache"),
    "connection": ("", "keep-alive", "Keep-Alive", "close"),
    "content-encoding": ("", "aws-chunked"),
    "content-length": ("", "0"),
    "content-type": ("", "application/octet-stream", "binary/octet-stream", "application/xml"),
    "expect": ("", "100-continue"),
    "range": ("",),
    "te": ("", "trailers"),
    "transfer-encoding": ("", "chunked", "Chunked"),
    "x-forwarded-proto": ("", "http", "https"),
}


def methods(method: str) -> Iterator[str]:
    other = {"GET": "HEAD", "HEAD": "GET"}.get(method)
    if other is not None:
        yield other


def secrets(secret: str) -> Iterator[tuple[str, str]]:
    """Other spellings of a secret, with a sentence that does not show it."""
    if secret != secret.strip():
        yield (
            secret.strip(),
            "The secret kept on this server has white space around it; enter it again without",
        )
    for before, after, what in (
        ("", "\n", "ends with a line feed (a file or environment variable read whole)"),
        ("", "\r\n", "ends with a line break (a file with Windows line ends)"),
        ("", "\r", "ends with a carriage return (a file with Windows line ends)"),
        ("", " ", "ends with a space"),
        (" ", "", "begins with a space"),
        ('"', '"', "stands in double quotes"),
        ("'", "'", "stands in single quotes"),
    ):
        yield before + secret + after, f"The client's secret {what}; remove that"


def prefixed(path: str, prefixes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for prefix in (prefix.rstrip("/") for prefix in prefixes):
        if not prefix:
            continue
        yield (
            prefix + path,
            (
                f"The client signed the path with '{prefix}' before it: a proxy strips that; forward "
                "the path whole or give the server a host of its own"
            ),
        )
        if path == prefix or path.startswith(f"{prefix}/"):
            yield (
                path[len(prefix) :] or "/",
                (
                    f"The client signed the path without '{prefix}': a proxy adds that; forward the "
                    "path as it comes"
                ),
            )


def paths(path: str) -> Iterator[tuple[str, str]]:
    if "+" in path:
        yield (
            path.replace("+", "%20"),
            "The path has '+' where the client signed '%20'; in a path a space is sent as %20",
        )
    if "%20" in path:
        yield (
            path.replace("%20", "+"),
            "The path has '%20' where the client signed '+'; in a path a space is signed as %20",
        )
    if "%" in path:
        yield (
            path.replace("%", "%25"),
            (
                "The client signed the path encoded twice, or a proxy decoded it once; S3 signs it "
                "encoded once, and a proxy must forward it as it comes"
            ),
        )
        yield (
            unquote_to_bytes(path.encode("utf-8", "surrogateescape")).decode(
                "utf-8", "surrogateescape"
            ),
            "The client signed the path without percent-encoding; S3 signs it encoded once",
        )
    if path.startswith("/"):
        normal = "/" + posixpath.normpath(path).lstrip("/")
        ending = "/" if path.endswith("/") and normal != "/" else ""
        if normal + ending != path:
            yield (
                normal + ending,
                (
                    "The client signed the path normalised (without '//', '/.' or '/..'); S3 signs it "
                    "as it is"
                ),
            )
    other = path[:-1] if path.endswith("/") else f"{path}/"
    if other:
        yield other, f"The client signed the path as '{other}': the '/' at its end was changed"


def encoded_queries(query: str) -> Iterator[tuple[str, str]]:
    if "+" in query:
        yield (
            query.replace("+", "%2B"),
            "The query has a bare '+', which is a space, where the client signed '%2B'; send %2B",
        )
    if "%20" in query:
        yield (
            query.replace("%20", "+"),
            "The query has '%20' where the client signed '+'; sign a space as %20",
        )
    if "%" in query:
        yield (
            query.replace("%", "%25"),
            "The client signed the query encoded twice, or a proxy decoded it once",
        )


def dropped_queries(query: str, *, presigned: bool) -> Iterator[tuple[str, str]]:
    kept = [part for part in query.split("&") if presigned and part.startswith("X-Amz-")]
    own = "&".join(kept)
    if own != query:
        yield own, "The client signed none of the request's own query parameters; sign them all"


def header_values(headers: Mapping[str, str], signed: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in signed:
        value = headers.get(name, "")
        others = list(_OFTEN_REWRITTEN.get(name, ()))
        if name == "content-type":
            others += [value.partition(";")[0].strip(), value.replace("; ", ";"), value.lower()]
        if name == "content-encoding" and value:
            others += [f"aws-chunked,{value}", value.removeprefix("aws-chunked,").strip()]
        if "," in value:
            others += [value.replace(", ", ","), value.replace(", ", ",").replace(",", ", ")]
        for other in dict.fromkeys(others):
            if other != value:
                yield name, other


def hosts(received: str, known: tuple[str, ...], ports: tuple[int, ...]) -> Iterator[str]:
    """Each known host and the one received, without port, with the usual ones and with ``ports``."""
    found: dict[str, None] = {}
    for host in (*known, received):
        name = _without_port(host)
        for spelling in (host, name, *(f"{name}:{port}" for port in (443, 80, *ports))):
            found[spelling] = None
            found[spelling.lower()] = None
    found.pop(received, None)
    yield from (host for host in found if host)


def same_name(one: str, other: str) -> bool:
    """Both hosts differ in their ports at most."""
    return _without_port(one).lower() == _without_port(other).lower()


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
