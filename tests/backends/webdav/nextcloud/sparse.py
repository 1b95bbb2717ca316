"""Files that take no room where they hold zeros: objects of any size fit on a small disk."""

from typing import BinaryIO

_BLOCK = 4096
_ZEROS = bytes(256 * 1024)


def append(file: BinaryIO, piece: bytes) -> None:
    """Write the piece at the file's position, or leave a hole. ``end`` is to be called after the last."""
    if piece == _ZEROS[: len(piece)]:
        file.seek(len(piece), 1)
        return
    for at in range(0, len(piece), _BLOCK):
        block = piece[at : at + _BLOCK]
        if block == _ZEROS[: len(block)]:
            file.seek(len(block), 1)
        else:
            file.write(block)


def end(file: BinaryIO) -> None:
    """The file ends at its position, even if that is in a hole."""
    file.truncate(file.tell())
