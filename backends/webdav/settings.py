"""The settings of a WebDAV storage, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backends.errors import NameRefused
from backends.http.addresses import allows_private
from backends.http.origin import Origin, origin_of
from backends.interface import Limits
from backends.naming import segments
from backends.webdav.authorizing import Authorizer, Bearer, Nobody, Password
from backends.webdav.chunking import LARGEST, SMALLEST
from backends.webdav.hrefs import encoded

CHUNK_SIZE = 64 * 1024**2
"""Less than what proxies take as a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDavSettings:
    """``prefix``: a folder below the endpoint, or ``""``. ``links``: where others read that folder.
    ``chunk_size``: what is larger is uploaded in chunks of so many bytes, where the server takes them.
    """

    origin: Origin
    prefix: str = ""
    authorizer: Authorizer = field(default_factory=Nobody)
    allow_private: bool = False
    links: Origin | None = None
    chunk_size: int = CHUNK_SIZE


def webdav_settings(settings: Mapping[str, object]) -> WebDavSettings:
    """ValueError, with the remedy, for what cannot be."""
    origin = origin_of(settings.get("endpoint"))
    prefix = _prefix(_text(settings, "prefix"))
    allow_private = allows_private(settings)
    authorizer = _authorizer(settings)
    if origin.scheme == "http" and not (allow_private or isinstance(authorizer, Nobody)):
        raise ValueError(
            "endpoint is http: the credentials would cross the network in the clear. Use https, or,"
            " in a network of your own, set allow_private = true"
        )
    return WebDavSettings(
        origin=origin,
        prefix=prefix,
        authorizer=authorizer,
        allow_private=allow_private,
        links=_links(settings, prefix),
        chunk_size=_chunk_size(settings),
    )


def _chunk_size(settings: Mapping[str, object]) -> int:
    said = settings.get("chunk_size", CHUNK_SIZE)
    if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) < 20:
        said = int(said)
    if type(said) is not int or not SMALLEST <= said <= LARGEST:
        raise ValueError(f"chunk_size is a number of bytes, from {SMALLEST} to {LARGEST}")
    return said


def _authorizer(settings: Mapping[str, object]) -> Authorizer:
    username, password = _text(settings, "username"), _text(settings, "password")
    token = _text(settings, "token")
    if token and (username or password):
        raise ValueError("a token stands alone: leave username and password out, or the token")
    if bool(username) != bool(password):
        raise ValueError("username and password go together")
    if ":" in username:
        raise ValueError("a username with a colon cannot be sent")
    if not all(text.isprintable() for text in (username, password, token)):
        raise ValueError("username, password or token holds a character that cannot be sent")
    if token:
        if not token.isascii() or " " in token:
            raise ValueError("token holds a character that cannot be sent")
        return Bearer(token)
    return Password(username, password) if username else Nobody()


def _links(settings: Mapping[str, object], prefix: str) -> Origin | None:
    mode = settings.get("link_mode", "proxy")
    if mode not in ("proxy", "direct"):
        raise ValueError(f'link_mode is "proxy" or "direct", not {mode!r}')
    if mode == "proxy":
        return None
    if not _text(settings, "url"):
        raise ValueError('link_mode = "direct" needs url: where the files can be read by anybody')
    return _below(origin_of(settings["url"], setting="url"), prefix)


def _prefix(prefix: str) -> str:
    prefix = prefix.strip("/")
    if prefix:
        try:
            segments(prefix, Limits())
        except NameRefused:
            raise ValueError(f"prefix is a folder's name, not {prefix[:200]!r}") from None
    return prefix


def _below(origin: Origin, prefix: str) -> Origin:
    path = f"{origin.path}/{encoded(prefix)}" if prefix else origin.path
    return Origin(scheme=origin.scheme, host=origin.host, port=origin.port, path=path)


def _text(settings: Mapping[str, object], name: str) -> str:
    value = settings.get(name) or ""
    if not isinstance(value, str):
        raise ValueError(f"{name} is text, not {type(value).__name__}")  # noqa: TRY004 (one error)
    return value
