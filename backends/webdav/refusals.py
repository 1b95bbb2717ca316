"""What an answer that is no success means, where the verb gives it no meaning of its own."""

from collections.abc import Mapping

from backends.errors import Denied, Full, StorageError, Throttled, Unavailable, Unsupported
from backends.http.failures import redirected, throttled

DENIED = {
    401: "does not accept the credentials, or not for this: correct username and password, or "
    "token, or give the account the right to read and write there",
    403: "forbids it: give the account the right to read and write there",
    451: "forbids it",
}
_LOCKED_S = 1.0


def nameless(where: str, doing: str) -> Denied:
    """The error of a 401 to who has no credentials to say."""
    return Denied(
        f"{where}: {doing}: answered 401: the server asks who we are: set username and password, or token"
    )


def refusal(where: str, doing: str, status: int, headers: Mapping[str, str]) -> StorageError:
    """The error of an answer. No text of the server is passed on: it may quote what we sent."""
    if 300 <= status < 400:
        return redirected(where, status)
    said = f"{where}: {doing}: answered {status}"
    match status:
        case 401 | 403 | 451:
            return Denied(f"{said}: the server {DENIED[status]}")
        case 413:
            return Unsupported(f"{said}: the server takes no body of this size: raise its limit")
        case 423:
            return Throttled(f"{said}: somebody holds a lock on it", after_s=_LOCKED_S)
        case 429:
            return throttled(where, headers)
        case 503 if "Retry-After" in headers:
            return throttled(where, headers)
        case 507:
            return Full(f"{said}: no space or quota is left")
        case _:
            return Unavailable(said)
