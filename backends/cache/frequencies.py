"""How often something was asked for of late, of any number of things, in little memory.

A count-min sketch whose counts are halved from time to time (TinyLFU: Einziger, Friedman and Manes,
https://arxiv.org/abs/1512.00727).
"""

import struct

MOST = 15
_ROWS = 4
_PLACES = struct.Struct("<4I")
_HALVES = bytes(count // 2 for count in range(256))


class Frequencies:
    """Estimates, never too low until they are halved, and seldom too high. One thread adds."""

    def __init__(self, things: int) -> None:
        """``things``: about how many are to be told apart."""
        self._width = 1 << max(10, min(20, (things - 1).bit_length()))
        self._rows = [bytearray(self._width) for _ in range(_ROWS)]
        self._added = 0

    def add(self, name: bytes) -> int:
        """Count one more of ``name``, a hash. Returns its estimate."""
        places = self._places(name)
        estimate = min(row[place] for row, place in zip(self._rows, places, strict=True))
        if estimate < MOST:
            estimate += 1
            for row, place in zip(self._rows, places, strict=True):
                row[place] = max(row[place], estimate)
        self._added += 1
        if self._added >= 10 * self._width:
            self._added //= 2
            self._rows = [row.translate(_HALVES) for row in self._rows]
        return estimate

    def of(self, name: bytes) -> int:
        """The estimate, at most ``MOST``. From any thread."""
        places = self._places(name)
        return min(row[place] for row, place in zip(self._rows, places, strict=True))

    def _places(self, name: bytes) -> list[int]:
        return [number & (self._width - 1) for number in _PLACES.unpack(name)]
