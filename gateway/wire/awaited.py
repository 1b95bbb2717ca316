"""What a connection waits for."""

from enum import Enum
from typing import Final


class Awaited(Enum):
    """What has to happen before a connection's deadline."""

    NOTHING = "nothing"
    FIRST = "the first byte of the first request"
    NEXT = "the first byte of a further request"
    HEAD = "the rest of a head"
    BODY = "more of a body that is read"
    REST = "the rest of a body that nobody reads"
    END = "the client closes"


# A member is found by its class much more slowly.
NOTHING: Final = Awaited.NOTHING
FIRST: Final = Awaited.FIRST
NEXT: Final = Awaited.NEXT
HEAD: Final = Awaited.HEAD
BODY: Final = Awaited.BODY
REST: Final = Awaited.REST
END: Final = Awaited.END
