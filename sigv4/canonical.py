"""The canonical request and the string to sign.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html

S3 encodes the path once and never normalises it, unlike other services. Clients differ in what they
sign when they send what need not or should not be sent so (``%2F``, lower-case hexadecimal, bare
``(``, ``@`` or ``+``): some sign the text as they send it, some its canonical encoding. Each part
therefore has *forms*: spellings of the very same bytes. The first form is the canonical one.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import product
from urllib.parse import quote_from_bytes, unquote_to_bytes

from sigv4.refusal import header_section_too_large

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_HEADER_VALUE = 64 * 1024
"""Characters of one signed header's value; S3 itself stops at 8 KiB for all headers together."""

_ESCAPED = "%(?:[0189A-F][0-9A-F]|2[0-9A-C]|3[A-F]|40|5[B-E]|60|7[BCDF])"
_CANONICAL_PATH = re.compile(rf"(?:[A-Za-z0-9._~/-]++|{_ESCAPED})*+")
_CANONICAL_PARAMETER = re.compile(rf"(?:[A-Za-z0-9._~-]++|{_ESCAPED}|%2F)*+")
_CANONICAL_QUERY = re.compile(rf"(?:[A-Za-z0-9._~=&-]++|{_ESCAPED}|%2F)*+")
_SPACES = re.compile(r"[ \t\n\r\v\f]+")
_ONLY_SPACES = re.compile(" +")


@dataclass(slots=True, kw_only=True)
class Signable:
    """The parts of a request a signature covers, as they came over the wire. Nobody changes one; it
    is not frozen because each request makes one, and a frozen one costs four times as much.

    ``path`` and ``query`` are raw (still encoded; the query without its ``?``). ``headers`` have
    lower-case names, several values of one name are joined by ``,``. Bytes that are not UTF-8 are
    held as ``surrogateescape`` does. The wire has refused line breaks in all of these.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)


def quoted_path(path: bytes) -> str:
    """A path as S3 signs it: all but unreserved characters and ``/`` encoded."""
    return quote_from_bytes(path, safe="/~")


def quoted_parameter(text: bytes) -> str:
    """A query name or value as S3 signs it: all but unreserved characters encoded."""
    return quote_from_bytes(text, safe="~")


def canonical_path(path: str) -> str:
    """The canonical encoding of a raw path; an empty path is ``/``."""
    if _CANONICAL_PATH.fullmatch(path):
        return path or "/"
    return quoted_path(unquote_to_bytes(path.encode("utf-8", "surrogateescape")))


def canonical_query(query: str, *, leave_out: str | None = None) -> str:
    """The canonical form of a raw query, without the parameter ``leave_out``.

    ``+`` is a space, as S3 reads it. Sorted by encoded name, then value.
    """
    if not query:
        return ""
    if _CANONICAL_QUERY.fullmatch(query):
        pairs = [_split(part) for part in query.split("&") if part]
        pairs = [
            (name, value if "=" not in value else value.replace("=", "%3D"))
            for name, value in pairs
        ]
    else:
        pairs = [
            (_requoted(name), _requoted(value))
            for name, value in map(_split, filter(None, query.split("&")))
        ]
    return _joined(pairs, leave_out)


def _split(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, value


def _requoted(text: str) -> str:
    return text if _CANONICAL_PARAMETER.fullmatch(text) else quoted_parameter(decoded(text))


def decoded(text: str) -> bytes:
    """The bytes of a raw query name or value."""
    return unquote_to_bytes(text.replace("+", " ").encode("utf-8", "surrogateescape"))


def _joined(pairs: list[tuple[str, str]], leave_out: str | None) -> str:
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs if name != leave_out])


def _query_as_sent(query: str, leave_out: str | None) -> str:
    return _joined([_split(part) for part in query.split("&")], leave_out) if query else ""


def trimmed(value: str) -> str:
    """A header's value with outer white space removed and each inner run made one space."""
    if len(value) > MAX_HEADER_VALUE:
        raise header_section_too_large(MAX_HEADER_VALUE)
    if "  " in value or not value.isprintable():
        return _SPACES.sub(" ", value).strip(" ")
    return value.strip(" ")


def _spaces_trimmed(value: str) -> str:
    # What Amazon's documents say to the letter, and its Go SDK does: a tab inside stays.
    return _ONLY_SPACES.sub(" ", value.strip(" \t"))


def _unicode_trimmed(value: str) -> str:
    # botocore, and so all that is built on it: Python's idea of white space.
    return " ".join(value.split())


def canonical_headers(
    headers: Mapping[str, str], names: Sequence[str], trim: Callable[[str], str] = trimmed
) -> str:
    """One ``name:value`` line for each signed header.

    A header that is named but did not arrive counts as empty, as S3 counts it.
    """
    return "".join([f"{name}:{trim(headers.get(name, ''))}\n" for name in names])


def canonical_request(
    request: Signable, names: Sequence[str], payload_hash: str, *, leave_out: str | None = None
) -> str:
    """The canonical request over the signed headers ``names`` (lower-case, sorted)."""
    return (
        f"{request.method}\n{canonical_path(request.path)}\n"
        f"{canonical_query(request.query, leave_out=leave_out)}\n"
        f"{canonical_headers(request.headers, names)}\n{';'.join(names)}\n{payload_hash}"
    )


def canonical_forms(
    request: Signable,
    names: Sequence[str],
    payload_hashes: Sequence[str],
    *,
    leave_out: str | None = None,
) -> Iterator[str]:
    """Each different canonical request the same request may have, the canonical one first.

    At most 2 paths, 2 queries and 3 spellings of white space for each payload hash.
    """
    paths = [canonical_path(request.path), request.path]
    queries = [
        canonical_query(request.query, leave_out=leave_out),
        _query_as_sent(request.query, leave_out),
    ]
    headers = [
        canonical_headers(request.headers, names, trim)
        for trim in (trimmed, _spaces_trimmed, _unicode_trimmed)
    ]
    signed = ";".join(names)
    for payload_hash, header, query, path in product(
        dict.fromkeys(payload_hashes),
        dict.fromkeys(headers),
        dict.fromkeys(queries),
        dict.fromkeys(paths),
    ):
        # What would add a line was never a part of the request line.
        if "\n" not in path and "\n" not in query:
            yield f"{request.method}\n{path}\n{query}\n{header}\n{signed}\n{payload_hash}"


def string_to_sign(timestamp: str, scope: str, canonical: str) -> str:
    """What is signed: ``timestamp``, ``scope`` and the hash of the ``canonical`` request."""
    digest = sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{digest}"
