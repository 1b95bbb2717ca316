"""What a member says when it has changed nothing."""

from backends.errors import (
    Damaged,
    Denied,
    Exists,
    Full,
    NameRefused,
    NotFound,
    Unsupported,
)

REFUSALS = (NotFound, NameRefused, Exists, Unsupported, Full, Denied, Damaged)
