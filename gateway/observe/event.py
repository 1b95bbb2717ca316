"""One request, as it is told to the log and to the metrics."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class RequestEvent:
    """Filled while a request is answered. Never holds a secret or a signature."""

    id: str
    method: str
    path: str
    """Raw path as sent; the query is left out: it may hold a presigned signature."""
    peer: str
    user_agent: str = ""
    operation: str = "-"
    """Name of the operation, "-" before routing."""
    bucket: str | None = None
    key: str | None = None
    access_key: str | None = None
    status: int = 0
    error_code: str | None = None
    hint: str | None = None
    """Diagnosis of a failed signature, for the log only."""
    bytes_in: int = 0
    bytes_out: int = 0
    started_ns: int = 0
    """Unix time in nanoseconds."""
    seconds: float = 0.0
    """From the head of the request to the last byte of the answer."""
    aborted: bool = False
    """The client went away before the answer was sent whole."""
