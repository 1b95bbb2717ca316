"""One server after the other over a catalog that grows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.content import KIB
from bench.keys.extrapolation import Files, Step
from bench.keys.loading import catalog_of, multiply
from bench.peers.load import Generator
from bench.peers.loaded import KEYS_BUCKET, first_key
from bench.peers.processes import new_place, started
from bench.peers.rows import Load, Objects
from bench.peers.servers import WITH_KEYS, our_program

_PAGE = 1000
_READ = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """``counts`` of keys, rising, and the seconds of each figure."""

    counts: Sequence[int]
    seconds: float
    generator: Path


class KeysError(Exception):
    """An answer was not as it must be."""


def measured(directory: Path, terms: Terms, tell: Callable[[str], None]) -> Iterator[Step]:
    """A step for each count, on an empty directory. Raises ServerError, LoadError, KeysError."""
    place = new_place(directory, our_program())
    first_key(WITH_KEYS, place)
    for count in terms.counts:
        tell(f"loading {count:,} keys")
        multiply(place.data, KEYS_BUCKET, count)
        size = catalog_of(place.data).stat().st_size
        tell(f"measuring with {count:,} keys")
        with started(WITH_KEYS, place) as server:
            generator = Generator(terms.generator, server)
            middle = f"obj-{(count - _PAGE) // 2:08d}"
            written = Objects(
                bucket=KEYS_BUCKET, prefix=f"{middle}-read/", count=_READ, size=4 * KIB
            )
            page = Load(
                work="page",
                clients=1,
                prefix="",
                bucket=KEYS_BUCKET,
                more={"after": middle, "listed": str(_PAGE)},
            )
            put = Load(
                work="put",
                clients=16,
                prefix=f"{middle}-new/",
                bucket=KEYS_BUCKET,
                size=4 * KIB,
            )
            head = Load(
                work="head",
                clients=16,
                prefix=written.prefix,
                bucket=KEYS_BUCKET,
                objects=_READ,
            )
            figures = []
            for load in (page, put, head):
                if load is head:
                    generator.fill(written)
                found = generator.run(load, seconds=terms.seconds, warm=0.3, label="")
                if found["errors"]:
                    raise KeysError(f"{load.work}: {'; '.join(found['first_errors'])}")
                figures.append(found)
            yield Step(
                keys=count,
                catalog_bytes=size,
                start_ms=server.start_s * 1000,
                page_us=figures[0]["server_us_per_op"],
                put_us=figures[1]["server_us_per_op"],
                head_us=figures[2]["server_us_per_op"],
                worker_rss_mib=figures[2]["worker_rss_mib"],
            )


def files_of(directory: Path) -> Files:
    """What the objects with files take, of those that :func:`measured` has put there."""
    bucket = directory / "data" / KEYS_BUCKET
    sizes = [path.stat() for path in bucket.rglob("*")]
    objects = [each for each in sizes if each.st_size == 4 * KIB and each.st_nlink == 1]
    folders = [path.stat() for path in bucket.rglob("*") if path.is_dir()]
    return Files(
        allocated=sum(each.st_blocks * 512 for each in objects) / len(objects),
        folder=sum(each.st_blocks * 512 for each in folders) / len(objects),
        objects=len(objects),
    )
