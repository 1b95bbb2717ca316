"""One server after the other over a catalog that grows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.content import KIB
from bench.keys.extrapolation import Files, Step
from bench.keys.loading import catalog_of, multiply
from bench.peers.load import Generator
from bench.peers.loaded import KEYS_BUCKET, first_key
from bench.peers.processes import new_place, started
from bench.peers.rows import Load, Objects
from bench.peers.servers import WITH_KEYS, our_program

_PAGE = 1000
_WARM_S = 0.3
_READ = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """``counts`` of keys, rising; a figure is the median of so many rounds of so many seconds."""

    counts: Sequence[int]
    rounds: int
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
            page, put, head = _loads(generator, count)
            figures = {
                load.work: [_run(generator, load, terms, turn) for turn in range(terms.rounds)]
                for load in (page, put, head)
            }
            yield Step(
                keys=count,
                catalog_bytes=size,
                start_ms=server.start_s * 1000,
                page_us=_middle(figures["page"], "server_us_per_op"),
                put_us=_middle(figures["put"], "server_us_per_op"),
                head_us=_middle(figures["head"], "server_us_per_op"),
                worker_rss_mib=_middle(figures["head"], "worker_rss_mib"),
            )


def _loads(generator: Generator, count: int) -> tuple[Load, Load, Load]:
    """A page in the middle; puts and heads of objects that do have files, there too."""
    middle = f"obj-{(count - _PAGE) // 2:08d}"
    read = Objects(bucket=KEYS_BUCKET, prefix=f"{middle}-read/", count=_READ, size=4 * KIB)
    generator.fill(read)
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
        fresh=True,
    )
    head = Load(work="head", clients=16, prefix=read.prefix, bucket=KEYS_BUCKET, objects=_READ)
    return page, put, head


def _run(generator: Generator, load: Load, terms: Terms, turn: int) -> Mapping[str, Any]:
    found = generator.run(load, seconds=terms.seconds, warm=_WARM_S, label=str(turn))
    if found["errors"]:
        raise KeysError(f"{load.work}: {'; '.join(found['first_errors'])}")
    return found


def _middle(rounds: Sequence[Mapping[str, Any]], name: str) -> float:
    middle: float = median(each[name] for each in rounds)
    return middle


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
