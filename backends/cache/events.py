"""What a cache tells of itself."""

from collections.abc import Callable

Count = Callable[[str, int], None]
"""Is told which event, and how often it happened. From any thread.

Of blocks: ``hit`` and ``miss``, when somebody begins to read one; ``kept``; ``refused``, what is there is asked
for more often; ``evicted``; ``damaged``, found so and removed; ``failed``, something of the cache did.
With ``BYTES`` behind it, of bytes: ``hit`` and ``miss``.
"""

BYTES = " bytes"
