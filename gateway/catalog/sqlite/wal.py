"""The frames of SQLite's write-ahead log, compared with their checksums while they are in use.

SQLite writes a checksum into each frame and compares it only when it reads the log after a crash
(https://sqlite.org/fileformat2.html#the_write_ahead_log); cksumvfs leaves the log alone. A frame's
checksum is that of the frame before, taken on over the frame's first eight bytes and its page. It
is computed as cksumvfs computes those of pages, so that function, in C, compares them here: a
few zeros before the data do not change the sum, and two words put it where the last frame left it.
"""

import contextlib
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

import apsw
from apsw import Connection

HEAD_BYTES = 32
FRAME_HEAD_BYTES = 24
_MAGIC, _VERSION = 0x377F0682, 3007000
_WORD = 0xFFFFFFFF
_SMALLEST_PAGE, _LARGEST_PAGE = 512, 32_768
_FRAMES_AT_ONCE = 128
_SECTOR_BYTES = 512
# Numbers of the blobs that do not end in their checksum.
_COMPARE = (
    "WITH RECURSIVE n(i) AS (VALUES(0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?3) "
    "SELECT i FROM n WHERE verify_checksum(substr(?1, i * ?2 + 1, ?2)) IS NOT 1"
)
_ZEROS = memoryview(bytes(_LARGEST_PAGE))
_PAIR, _LITTLE_PAIR = struct.Struct(">II"), struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Head:
    """The first 32 bytes of a log, where they are what was written."""

    page_bytes: int
    salts: bytes
    """Eight bytes, others each time the log is begun anew; all its frames have them."""
    sum: bytes
    """The checksum that the first frame's goes on from, as all of them eight big-endian bytes."""
    swapped: bool
    """Whether words are summed with their highest byte first (a big-endian machine wrote it)."""

    @property
    def frame_bytes(self) -> int:
        """Of one frame, its head included."""
        return FRAME_HEAD_BYTES + self.page_bytes


def log_of(catalog: Path) -> Path:
    """Where SQLite keeps the log of that file."""
    return Path(f"{catalog}-wal")


def head_of(data: bytes) -> Head | None:
    """None if it cannot be what SQLite has written."""
    if len(data) < HEAD_BYTES:
        return None
    magic, version, page_bytes = struct.unpack_from(">III", data)
    swapped = bool(magic & 1)
    if (magic & ~1, version) != (_MAGIC, _VERSION):
        return None
    if page_bytes & (page_bytes - 1) or not _SMALLEST_PAGE <= page_bytes <= _LARGEST_PAGE:
        return None
    if summed(bytes(8), data[:24], swapped=swapped) != data[24:32]:
        return None
    return Head(page_bytes, salts=data[16:24], sum=data[24:32], swapped=swapped)


def summed(before: bytes, data: bytes, *, swapped: bool) -> bytes:
    """The checksum after ``data``. Slow: a millisecond a page."""
    first, second = _PAIR.unpack(before)
    for one, two in struct.iter_unpack(">II" if swapped else "<II", data):
        first = first + one + second & _WORD
        second = second + two + first & _WORD
    return _PAIR.pack(first, second)


def proof(
    before: bytes, frame_head: bytes, page: bytes | memoryview, *, swapped: bool
) -> tuple[bytes | memoryview, ...]:
    """Pieces of two pages in all that end in their checksum, as ``verify_checksum`` has it, if the frame
    is sound.

    ``before``: the checksum that the frame before states.
    """
    first, second = _PAIR.unpack(before)
    stated = _LITTLE_PAIR.pack(*_PAIR.unpack_from(frame_head, 16))
    start = _LITTLE_PAIR.pack(first, second - first & _WORD)
    zeros = _ZEROS[: len(page) - FRAME_HEAD_BYTES]
    if swapped:
        words = array("I", frame_head[:8] + page)
        words.byteswap()
        return zeros, start, words.tobytes(), stated
    return zeros, start, frame_head[:8], page, stated


def open_log(connection: Connection) -> None:
    """Have SQLite open the log, which it does when it first reads: here, the first page only."""
    connection.execute("PRAGMA data_version").fetchall()


def committed(connection: Connection) -> int:
    """Frames that count, by what all who use the log share. ``connection`` is in no transaction.

    Raises apsw.Error.
    """
    open_log(connection)
    return max(0, connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0])


def salts_of(log: Path) -> int:
    """A number that no other log of that file has had, 0 if there is none. Raises OSError."""
    return int.from_bytes(head_bytes(log)[16:24])


def head_bytes(log: Path) -> bytes:
    """Of the file as it is now, fewer than 32 if it is shorter or not there. Raises OSError."""
    try:
        with log.open("rb") as file:
            return file.read(HEAD_BYTES)
    except FileNotFoundError:
        return b""


def wrong_frames(log: Path, count: int, *, superseded: bool = True) -> Sequence[int]:
    """Those of the first ``count`` frames, from 1, that are not what was written; 0 is the head.

    Not ``superseded``: only of frames whose page no later frame holds, which are what a checkpoint
    copies. Blocks: 4 µs a frame, half of it with the interpreter's lock. Raises OSError, apsw.Error.
    """
    if count == 0:
        return []
    try:
        file = log.open("rb")
    except FileNotFoundError:
        return [0]
    with file, contextlib.closing(Connection(":memory:")) as comparer:
        head = head_of(file.read(HEAD_BYTES))
        if head is None:
            return [0]
        wrong: list[int] = []
        seen: set[bytes] | None = None if superseded else set()
        for first, data in _backwards(file, head, count):
            wrong += _wrong_among(comparer, head, first, data, seen)
    return sorted(wrong)


def left_out(log: Path) -> str | None:
    """What SQLite would leave out of a log that it reads after a crash, though it is no torn end.

    A log ends at its first frame that is wrong. After a power cut that is the end of what was
    flushed: then it is of the last transaction, for the one before was flushed before this one was
    begun. So if a transaction's last frame and one that goes on from it follow what is wrong,
    something has changed what was flushed. None if nothing says so; a sentence else. Not for a
    log whose commits were not flushed, in which a power cut leaves anything. Blocks, as
    ``wrong_frames``. Raises OSError, apsw.Error.
    """
    data = head_bytes(log)
    if len(data) < HEAD_BYTES:
        return None
    count = (log.stat().st_size - HEAD_BYTES) // (FRAME_HEAD_BYTES + 4096)
    head = head_of(data)
    if head is None:
        # It is flushed before the first frame is written, and no frame is there without it.
        return f"its head, before {count} frames" if count else None
    with log.open("rb") as file, contextlib.closing(Connection(":memory:")) as comparer:
        return _left_out(file, comparer, head)


def _left_out(file: BufferedIOBase, comparer: Connection, head: Head) -> str | None:
    befores = {head.sum}
    number, wrong, commits = 0, 0, False
    file.seek(HEAD_BYTES)
    while len(frame := file.read(head.frame_bytes)) == head.frame_bytes:
        number += 1
        start, page = frame[:FRAME_HEAD_BYTES], frame[FRAME_HEAD_BYTES:]
        ours = start[8:16] == head.salts
        if wrong and not ours:
            return None
        follows = ours and any(_is_sound(comparer, head, before, start, page) for before in befores)
        if follows and commits:
            return f"frame {wrong}, before frame {number} of a later transaction"
        if not wrong and not follows:
            wrong = number
            # Or its checksum alone is wrong, and the next frame goes on from the right one.
            [before] = befores
            befores = {start[16:24], summed(before, start[:8] + page, swapped=head.swapped)}
        else:
            befores = {start[16:24]}
        if wrong:
            commits = (commits and follows) or (
                _ends_transaction(start) and (follows or _is_whole(number, head))
            )
    return None


def _ends_transaction(frame_head: bytes) -> bool:
    return frame_head[4:8] != bytes(4)


def _is_whole(number: int, head: Head) -> bool:
    """Whether the head of that frame, which is not sound, lies in one sector: then a power cut has left
    all of it or none."""
    at = (HEAD_BYTES + (number - 1) * head.frame_bytes) % _SECTOR_BYTES
    return at + FRAME_HEAD_BYTES <= _SECTOR_BYTES


def _is_sound(
    comparer: Connection, head: Head, before: bytes, frame_head: bytes, page: bytes
) -> bool:
    blob = b"".join(proof(before, frame_head, page, swapped=head.swapped))
    return bool(comparer.execute("SELECT verify_checksum(?)", (blob,)).get == 1)


def _backwards(file: BufferedIOBase, head: Head, count: int) -> Iterator[tuple[int, bytes]]:
    """Pieces of the log from its end, each with the number of its first frame and with the
    checksum before that."""
    for end in range(count, 0, -_FRAMES_AT_ONCE):
        first = max(1, end - _FRAMES_AT_ONCE + 1)
        file.seek(HEAD_BYTES + (first - 1) * head.frame_bytes)
        frames = file.read((end - first + 1) * head.frame_bytes)
        before = head.sum
        if first > 1:
            file.seek(HEAD_BYTES + (first - 2) * head.frame_bytes + 16)
            before = file.read(8)
        yield first, before + frames + bytes((end - first + 1) * head.frame_bytes - len(frames))


def _wrong_among(
    comparer: Connection, head: Head, first: int, data: bytes, seen: set[bytes] | None
) -> list[int]:
    wrong: list[int] = []
    numbers: list[int] = []
    proofs: list[bytes | memoryview] = []
    size, pages = head.frame_bytes, memoryview(data)
    for at in range(len(data) - size, 0, -size):
        number = first + (at - 8) // size
        frame_head = data[at : at + FRAME_HEAD_BYTES]
        if seen is not None:
            if frame_head[:4] in seen:
                continue
            seen.add(frame_head[:4])
        if frame_head[8:16] != head.salts:
            wrong.append(number)
            continue
        before = data[at - size + 16 : at - size + 24] if at > 8 else data[:8]
        page = pages[at + FRAME_HEAD_BYTES : at + size]
        numbers.append(number)
        proofs += proof(before, frame_head, page, swapped=head.swapped)
    if numbers:
        bindings = (b"".join(proofs), 2 * head.page_bytes, len(numbers))
        wrong += [numbers[row[0]] for row in comparer.execute(_COMPARE, bindings)]
    return wrong
