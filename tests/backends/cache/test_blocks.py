"""The file of a block: any range of it is read, and nothing that was not written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.cache import blocks
from backends.cache.naming import Block
from backends.cache.sizes import BLOCK
from tests.backends.cache.shelves import data_of, key_of

SIZES = (1, 100, blocks.UNIT - 1, blocks.UNIT, blocks.UNIT + 1, 3 * blocks.UNIT + 7)


def block_of(size: int) -> Block:
    return key_of(1, size).block(0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize("size", [*SIZES, BLOCK])
def test_every_range_is_read(file: Path, size: int) -> None:
    block = block_of(size)
    data = data_of(block)
    blocks.write(file, block, data, 7)
    assert file.stat().st_size == blocks.file_bytes(size)
    assert file.stat().st_mode & 0o777 == 0o600
    edges = {0, 1, size - 1, size, *range(0, size, blocks.UNIT)}
    for first in edges:
        for end in edges:
            if 0 <= first < end <= size:
                assert blocks.read(file, block, first, end) == (data[first:end], 7)


@given(st.data())
def test_no_byte_can_be_changed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("block") / "file"
    block = block_of(data.draw(st.sampled_from(SIZES)))
    blocks.write(file, block, data_of(block), 7)
    raw = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    file.write_bytes(raw)
    with pytest.raises(blocks.Torn):
        blocks.read(file, block, 0, block.size)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_another_length_is_torn(file: Path, size: int) -> None:
    block = block_of(size)
    blocks.write(file, block, data_of(block), 7)
    whole = file.read_bytes()
    for raw in (
        b"",
        whole[:20],
        whole[:-1],
        whole[: len(whole) // 2],
        whole + b"x",
        bytes(len(whole)),
    ):
        file.write_bytes(raw)
        with pytest.raises(blocks.Torn):
            blocks.read(file, block, 0, min(size, 10))


def test_a_part_is_proven_without_the_rest(file: Path) -> None:
    block = block_of(3 * blocks.UNIT)
    data = data_of(block)
    blocks.write(file, block, data, 7)
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    assert blocks.read(file, block, 0, 2 * blocks.UNIT)[0] == data[: 2 * blocks.UNIT]
    with pytest.raises(blocks.Torn):
        blocks.read(file, block, blocks.UNIT, 2 * blocks.UNIT + 1)


@pytest.mark.parametrize(
    "other",
    [
        key_of(2, 500).block(0),
        key_of(1, 500, stamp="2").block(0),
        key_of(1, BLOCK + 500).block(1),
        key_of(1, 501).block(0),
    ],
    ids=["path", "stamp", "number", "size"],
)
def test_no_block_is_taken_for_another(file: Path, other: Block) -> None:
    mine = key_of(1, 500).block(0)
    assert other.name != mine.name
    blocks.write(file, mine, data_of(mine), 7)
    with pytest.raises(blocks.Torn):
        blocks.read(file, other, 0, 500)


def test_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    block = block_of(10)
    blocks.write(tmp_path / "elsewhere", block, data_of(block), 7)
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        blocks.read(file, block, 0, 10)
    with pytest.raises(FileExistsError):
        blocks.write(file, block, data_of(block), 7)
