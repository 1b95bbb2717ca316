"""Where a storage is: scheme, host, port, and the path that is in front of everything."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """``path`` is encoded, without a ``/`` at its end."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def authority(self) -> str:
        """What a Host header says: without the port that goes without saying."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def origin_of(endpoint: object, *, setting: str = "endpoint") -> Origin:
    """The origin a setting names; https if it names no scheme.

    ValueError, with the remedy, for anything but ``[http[s]://]HOST[:PORT][/PATH]``.
    """
    if not isinstance(endpoint, str):
        raise ValueError(f"{setting} is a URL, not {type(endpoint).__name__}")  # noqa: TRY004 (one error)
    text = endpoint.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError:
        raise _malformed(setting) from None
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{setting} must not hold a name or password: there are settings for them")
    if parts.scheme not in _PORTS or parts.query or parts.fragment or port == 0:
        raise _malformed(setting)
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc.rstrip(":")
    path = parts.path.rstrip("/")
    if not _HOST.fullmatch(host) or not _PATH.fullmatch(path) or _steps_up(path):
        raise _malformed(setting)
    return Origin(
        scheme=parts.scheme, host=host.lower(), port=port or _PORTS[parts.scheme], path=path
    )


def _steps_up(path: str) -> bool:
    return any(
        step.replace("%2e", ".").replace("%2E", ".") in {".", ".."} for step in path.split("/")
    )


def _malformed(setting: str) -> ValueError:
    # Not what it was: it may hold a password in an unexpected place.
    return ValueError(f"{setting} is not a URL such as https://storage.example:443/path")
