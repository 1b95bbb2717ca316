"""How clients may have addressed this server when a proxy stands in front of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from sigv4.canonical import Signable


class PublicAddresses:
    """The configured ``public_url``s: the host clients sign, and a path that the proxy strips."""

    def __init__(self, urls: Sequence[str] = ()) -> None:
        parts = [urlsplit(url) for url in urls]
        self._addresses = tuple((part.netloc, part.path.rstrip("/")) for part in parts)

    def spellings(self, signable: Signable, host: str) -> Iterator[Signable]:
        """``signable`` as its client may have signed it, but for how it arrived.

        ``host``: what a trusted proxy says the client asked for, else the Host header. Only
        configured facts count: each of these is as good as the request as it arrived.
        """
        received = signable.headers.get("host", "")
        if host != received:
            yield _addressed(signable, host, "")
        for netloc, prefix in self._addresses:
            if (netloc, prefix) != (received, ""):
                yield _addressed(signable, netloc, prefix)
            if prefix and host != netloc:
                yield _addressed(signable, host, prefix)


def _addressed(signable: Signable, host: str, prefix: str) -> Signable:
    return replace(
        signable, path=prefix + signable.path, headers={**signable.headers, "host": host}
    )
