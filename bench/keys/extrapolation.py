"""From what millions of keys took to what a hundred million take."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

FAR = 100_000_000
_GIB = 1024**3
_INODE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a server with so many keys needed. Processor times are µs an operation."""

    keys: int
    catalog_bytes: int
    start_ms: float
    page_us: float
    put_us: float
    head_us: float
    worker_rss_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What objects of 4 KiB took on the disk, an object."""

    allocated: float
    """Bytes of blocks, with those of attributes that do not fit into the inode."""
    folder: float
    """Bytes of the directories they are in."""
    objects: int
    """How many were looked at."""


def extrapolated(steps: Sequence[Step], keys: int = FAR) -> Step:
    """The step at ``keys``, from at least two measured ones.

    The catalog grows as between the first and the last. Times grow with the depth of a tree, so by
    the same amount for each tenfold; what did not grow stays as it was at the last.
    """
    first, last = steps[0], steps[-1]
    decades = math.log10(last.keys / first.keys)

    def far(name: str) -> float:
        before, now = getattr(first, name), getattr(last, name)
        growth: float = max(0.0, now - before) / decades
        value: float = now + growth * math.log10(keys / last.keys)
        return value

    a_key = (last.catalog_bytes - first.catalog_bytes) / (last.keys - first.keys)
    return Step(
        keys=keys,
        catalog_bytes=round(last.catalog_bytes + a_key * (keys - last.keys)),
        start_ms=far("start_ms"),
        page_us=far("page_us"),
        put_us=far("put_us"),
        head_us=far("head_us"),
        worker_rss_mib=far("worker_rss_mib"),
    )


def markdown(steps: Sequence[Step], files: Files) -> str:
    """The steps, what follows for 100 million, and the disk that needs."""
    far = extrapolated(steps)
    lines = [
        "| keys | catalog | bytes a key | start | page of 1,000, deep | PUT 4 KiB | HEAD | RSS |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(_line(step, f"{step.keys:,}") for step in steps),
        _line(far, f"{far.keys:,}, extrapolated"),
    ]
    of_files = far.keys * (files.allocated + files.folder + _INODE)
    return "\n".join(lines) + (
        f"\n\nAn object of 4 KiB takes {files.allocated:,.0f} bytes in blocks, {files.folder:,.0f} in its "
        f"directory and an inode of {_INODE} (mean of {files.objects:,}). So {far.keys:,} of them need "
        f"{of_files / _GIB:,.0f} GiB and as many inodes "
        f"(`mkfs.ext4 -i {_inode_ratio(files)}` or less; its default is one for 16,384 bytes), "
        f"and {far.catalog_bytes / _GIB:,.0f} GiB for the catalog; with two snapshots of it "
        f"{3 * far.catalog_bytes / _GIB:,.0f} GiB."
    )


def _inode_ratio(files: Files) -> int:
    # The powers of two are what ext4 takes.
    a_file = files.allocated + files.folder + _INODE
    return 1 << max(10, math.floor(math.log2(a_file)))


def _line(step: Step, keys: str) -> str:
    return (
        f"| {keys} | {step.catalog_bytes / _GIB:,.2f} GiB | {step.catalog_bytes / step.keys:,.0f} "
        f"| {step.start_ms:,.0f} ms | {step.page_us:,.0f} µs | {step.put_us:,.0f} µs "
        f"| {step.head_us:,.0f} µs | {step.worker_rss_mib:,.0f} MiB |"
    )
