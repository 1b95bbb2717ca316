"""One request as it goes over the wire, and what its answer must be."""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from bench.answer import Answer
from bench.content import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A signed request, ready to be sent, and the one answer that is no error.

    An operation is one exchange or several, from one that is ``first`` to one that is ``last``;
    its latency is the time between these two.
    """

    head: bytes
    """Request line and headers with the empty line, ``content-length`` among them."""
    body: tuple[bytes, ...] = ()
    status: int = 200
    without_body: bool = False
    """The answer to HEAD: its length is announced, its body never comes."""
    content: Content | None = None
    """What the answer's body must be; for HEAD what its length must say."""
    check: Callable[[bytes], str | None] | None = None
    """Given the answer's body, says what is wrong with it."""
    moved: int = 0
    """Bytes of object data the operation moved; counted on its last exchange."""
    first: bool = True
    last: bool = True


Script = Generator[Exchange, Answer | None, None]
"""What one client sends: yields an exchange, is sent its answer; ends when there is no more."""
