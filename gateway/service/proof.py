"""What proves that bytes are those of a version: the digests its row states, computed again.

Pure. Bytes go in once, in order, in pieces of any size; the verdict comes after the last. Of what a
row states the cheapest that proves every byte is taken, in this order:

1. the checksum of the whole object (FULL_OBJECT);
2. the checksums of its parts (COMPOSITE), and theirs;
3. the CRC-64/NVME that an ETag is made of;
4. the MD5 that a plain ETag is;
5. the MD5 of the parts' MD5s that an ETag with ``-N`` is, if the sizes of the N parts are known.

``thorough`` takes all of them. A row that states none of these (an ETag with a dash and no parts: it
is provisional, or was copied) proves its size only.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.catalog.records import Version
from gateway.s3.checksums import (
    COMPOSITE,
    DIGEST_SIZES,
    FULL_OBJECT,
    Hasher,
    composite,
    encode,
    hasher_of,
)
from gateway.s3.etag import CRC, MD5, crc_etag, crc_of, etag_of_digest, multipart_etag

_PLAIN: Final = re.compile("[0-9a-f]{32}", re.ASCII)
_OF_PARTS: Final = re.compile("[0-9a-f]{32}-([1-9][0-9]{0,4})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """``fact``: which statement of the row the bytes belie (``size``, ``parts``, ``etag``,
    ``checksum``). ``detail``: a sentence with what is stated and what was found."""

    fact: str
    detail: str


class Proof:
    """Takes the bytes of one version and tells whether they are what its row states.

    Not for two threads at once. Memory: a digest for each part.
    """

    def __init__(self, version: Version, *, thorough: bool = False) -> None:
        self._version = version
        self._size = 0
        stated = _stated(version)
        if not thorough:
            stated = stated[:1]
        self._of_whole = [one for one in stated if not one.of_parts]
        self._whole = {one.algorithm: hasher_of(one.algorithm) for one in self._of_whole}
        of_parts = dict.fromkeys(one.algorithm for one in stated if one.of_parts)
        self._parts = _Parts(version, list(of_parts)) if of_parts else None

    @property
    def conclusive(self) -> bool:
        """Whether the row states more than the size."""
        return bool(self._whole) or self._parts is not None

    def update(self, piece: bytes) -> None:
        """The next bytes. Large pieces cost time: off the event loop, where hashing frees the GIL."""
        self._size += len(piece)
        for hasher in self._whole.values():
            hasher.update(piece)
        if self._parts is not None:
            self._parts.update(piece)

    def verdict(self) -> Mismatch | None:
        """After the last byte, once: None if all that is stated is true."""
        if self._size != self._version.size:
            return Mismatch(
                fact="size",
                detail=f"{self._size} bytes are there, {self._version.size} were stored",
            )
        found = {name: hasher.digest() for name, hasher in self._whole.items()}
        for one in self._of_whole:
            digest = found[one.algorithm]
            told = etag_of_digest(one.algorithm, digest) if one.fact == "etag" else encode(digest)
            if told != one.value:
                return _differs(one.fact, one.algorithm, one.value, told)
        return None if self._parts is None else self._parts.verdict()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    fact: str
    algorithm: str
    value: str
    of_parts: bool = False


def _stated(version: Version) -> list[_Statement]:
    """What the row states of its bytes, the cheapest first."""
    stated: list[_Statement] = []
    checksum, parts = version.checksum, version.parts
    if checksum is not None and checksum.algorithm in DIGEST_SIZES:
        of_parts = checksum.type == COMPOSITE
        if parts or not of_parts:
            stated.append(
                _Statement(
                    fact="checksum",
                    algorithm=checksum.algorithm,
                    value=checksum.value,
                    of_parts=of_parts,
                )
            )
    count, crc = _OF_PARTS.fullmatch(version.etag), crc_of(version.etag)
    if crc is not None:
        stated.append(_Statement(fact="etag", algorithm=CRC, value=crc_etag(crc)))
    elif _PLAIN.fullmatch(version.etag):
        stated.append(_Statement(fact="etag", algorithm=MD5, value=version.etag))
    elif count is not None and parts and int(count[1]) == len(parts):
        stated.append(_Statement(fact="etag", algorithm=MD5, value=version.etag, of_parts=True))
    known = checksum is not None and checksum.algorithm in DIGEST_SIZES
    if checksum is not None and known and parts and checksum.type == FULL_OBJECT:
        # Those of the parts say nothing that the whole does not, but they are told to clients too.
        stated.append(
            _Statement(fact="parts", algorithm=checksum.algorithm, value="", of_parts=True)
        )
    return stated


class _Parts:
    """Digests of the parts, one behind the other."""

    def __init__(self, version: Version, algorithms: Sequence[str]) -> None:
        self._version = version
        self._algorithms = algorithms
        self._digests: dict[str, list[bytes]] = {name: [] for name in algorithms}
        self._sizes = [part.size for part in version.parts]
        self._left = 0
        self._hashers: dict[str, Hasher] = {}
        self._begin()

    def update(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view and self._hashers:
            taken = bytes(view[: self._left]) if len(view) > self._left else bytes(view)
            for hasher in self._hashers.values():
                hasher.update(taken)
            self._left -= len(taken)
            view = view[len(taken) :]
            if not self._left:
                self._end()
                self._begin()

    def verdict(self) -> Mismatch | None:
        version = self._version
        total = sum(self._sizes)
        if total != version.size:
            return Mismatch(
                fact="parts",
                detail=f"the row's parts have {total} bytes together, the object {version.size}",
            )
        return self._damaged_part() or self._of_all()

    def _damaged_part(self) -> Mismatch | None:
        checksum = self._version.checksum
        if checksum is None or checksum.algorithm not in self._digests:
            return None
        found = self._digests[checksum.algorithm]
        for part, digest in zip(self._version.parts, found, strict=True):
            if part.checksum is not None and part.checksum != encode(digest):
                return _differs(
                    "checksum",
                    f"{checksum.algorithm} of part {part.number}",
                    part.checksum,
                    encode(digest),
                )
        return None

    def _of_all(self) -> Mismatch | None:
        version, checksum = self._version, self._version.checksum
        if checksum is not None and checksum.type == COMPOSITE:
            found = self._digests.get(checksum.algorithm, [])
            told = composite(checksum.algorithm, [encode(digest) for digest in found])
            if found and told != checksum.value:
                return _differs("checksum", checksum.algorithm, checksum.value, told)
        if _OF_PARTS.fullmatch(version.etag) and MD5 in self._digests:
            told = multipart_etag(digest.hex() for digest in self._digests[MD5])
            if told != version.etag:
                return _differs("etag", "MD5 of the parts' MD5s", version.etag, told)
        return None

    def _begin(self) -> None:
        """Begin the next part; parts of no bytes end at once."""
        while (done := len(self._digests[self._algorithms[0]])) < len(self._sizes):
            self._hashers = {name: hasher_of(name) for name in self._algorithms}
            self._left = self._sizes[done]
            if self._left:
                return
            self._end()
        self._hashers = {}

    def _end(self) -> None:
        for name, hasher in self._hashers.items():
            self._digests[name].append(hasher.digest())


def _differs(fact: str, what: str, stated: str, found: str) -> Mismatch:
    return Mismatch(fact=fact, detail=f"{what} of the bytes is {found}, {stated} was stored")
