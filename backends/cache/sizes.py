"""What a cache takes of the disk."""

BLOCK = 1024 * 1024
"""Bytes of a block, but for the last one of an object."""

OVERHEAD = 4 * 1024 * 1024
"""What the index itself may take: its log, shared memory, folders."""

ROW = 512
"""What it takes for each block: the row in its tables, the name in a folder."""

LEAST = OVERHEAD + 12 * BLOCK
"""A smaller cache is none."""
