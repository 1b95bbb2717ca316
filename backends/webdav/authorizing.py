"""Who we are, to a server: what goes into ``Authorization``, and what a 401 teaches."""

import abc
import time
from collections.abc import Callable, Sequence

from backends.webdav.challenges import Digest, basic, challenges, digest

FRESH_S = 60.0
"""How long after an accepted answer to a nonce the next is expected to be accepted too."""


class Authorizer(abc.ABC):
    """Of one storage. Shows no secret when it is printed."""

    @abc.abstractmethod
    def header(self, method: str, uri: str) -> str | None:
        """``Authorization`` of a request, None if it goes without."""

    def refused(self, asked: Sequence[str]) -> bool:
        """A request was answered 401 with these ``WWW-Authenticate``: whether to ask again."""
        return False

    def accepted(self) -> None:
        """A request was not answered 401."""

    def certain(self) -> bool:
        """Whether a body that cannot be sent twice may go out with what ``header`` gives."""
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Nobody(Authorizer):
    """No credentials."""

    def header(self, method: str, uri: str) -> str | None:
        return None


class Bearer(Authorizer):
    """A token."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def header(self, method: str, uri: str) -> str | None:
        return self._header


class Password(Authorizer):
    """A name and a password, by the strongest scheme the server asks for.

    Nothing is sent before it asks: to a server of Digest the password would go out in the clear.
    """

    def __init__(
        self, username: str, password: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._username = username
        self._password = password
        self._clock = clock
        self._scheme: Digest | str | None = None
        self._accepted_at: float | None = None
        self._refusals = 0

    def header(self, method: str, uri: str) -> str | None:
        if isinstance(self._scheme, Digest):
            return self._scheme.header(method, uri)
        return self._scheme

    def refused(self, asked: Sequence[str]) -> bool:
        offered = challenges(asked)
        best = digest(offered, self._username, self._password)
        self._accepted_at = None
        if best is not None:
            # Another nonce is worth a try: the old one may have been given up. Not so for ever.
            self._refusals += 1
            again = self._scheme is None or self._refusals == 1 or _is_stale(asked)
            self._scheme = best
            return again
        if self._scheme is None and any(one.scheme == "basic" for one in offered):
            self._scheme = basic(self._username, self._password)
            return True
        return False

    def accepted(self) -> None:
        self._refusals = 0
        self._accepted_at = self._clock()

    def certain(self) -> bool:
        if not isinstance(self._scheme, Digest):
            return self._accepted_at is not None
        return self._accepted_at is not None and self._clock() - self._accepted_at < FRESH_S


def _is_stale(asked: Sequence[str]) -> bool:
    return any(one.parameters.get("stale", "").lower() == "true" for one in challenges(asked))
