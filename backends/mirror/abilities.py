"""What a mirror can, and may be given, by what its members can."""

from collections.abc import Sequence
from functools import reduce

from backends.interface import Can, Limits
from backends.mirror.marking import MARK_BYTES

_OF_ALL = (
    Can.HEADERS
    | Can.UNSIZED
    | Can.OUTLIVE
    | Can.CREATE
    | Can.DESCRIBE
    | Can.COPY
    | Can.PARTS
    | Can.COPY_PARTS
)
"""What a mirror can if all its members can."""
_OF_ANY = Can.TREE | Can.OPEN_PARTS | Can.LINK
"""What it can, or must, if one of them does."""


def can_of(members: Sequence[Can]) -> Can:
    """UNIQUE among it: the fingerprints are the mirror's own."""
    of_all = reduce(lambda one, other: one & other, members) & _OF_ALL
    of_any = reduce(lambda one, other: one | other, members) & _OF_ANY
    return of_all | of_any | Can.UNIQUE


def limits_of(members: Sequence[Limits]) -> Limits:
    """What each of them takes, marks and all."""
    return Limits(
        max_segment=min(one.max_segment for one in members),
        max_path=min(one.max_path for one in members),
        max_object=min(one.max_object for one in members),
        max_write=min(one.max_write for one in members),
        min_part=max(one.min_part for one in members),
        max_description=max(0, min(one.max_description for one in members) - MARK_BYTES),
    )
