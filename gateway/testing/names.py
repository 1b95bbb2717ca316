"""Names that people write, checked: a misspelt one would be a fault that never happens."""

import difflib
from collections.abc import Iterable

from gateway.operations import OPERATIONS
from gateway.s3.error_codes import ERROR_CODES

EVERY = "*"
"""Any operation, those that cannot be told too."""
_ROUTED = {row.name: row.same_request_as or row.name for row in OPERATIONS}


def operation(name: object) -> str:
    """``name``, or that of the operation which answers the same requests; ``*`` is any.

    ValueError, with the nearest name, if S3 has no such operation.
    """
    if name == EVERY:
        return EVERY
    if not isinstance(name, str) or name not in _ROUTED:
        raise ValueError(f"S3 has no operation {name!r}.{_nearest(name, _ROUTED)}")
    return _ROUTED[name]


def error_code(code: object) -> str:
    """``code``. ValueError, with the nearest one, if S3front never answers with it."""
    if not isinstance(code, str) or code not in ERROR_CODES:
        raise ValueError(f"There is no error code {code!r}.{_nearest(code, ERROR_CODES)}")
    return code


def _nearest(name: object, known: Iterable[str]) -> str:
    lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(str(name).lower(), lower, n=1, cutoff=0.5)
    return f" Did you mean {lower[near[0]]!r}?" if near else ""
