"""What is measured, one row each, with the bar it has to meet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.content import GIB, KIB, MIB

CPU = "server_us_per_op"
USER = "server_user_us_per_op"
RATE = "ops_per_s"
LATENCY = "p50_ms"
MEMORY = "worker_rss_mib"

SMALL_CLIENTS = 16
LARGE_CLIENTS = 4
FLAT = 100_000
DEEP = 10_000_000
CRC_BUCKET = "crc"
"""Its ETags are CRCs."""
_PREFIX_KEYS = 313
_PAGE = 1000
_GATEWAYS = ("versitygw", "minio", "rclone", "s3proxy")
_WITH_NGINX = (*_GATEWAYS, "nginx")
_LEAST = "least"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """What must be there: ``count`` objects of ``size`` bytes, flat or spread over folders."""

    bucket: str = "bench"
    prefix: str
    count: int
    size: int
    folders: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the generator is told, but for time and place."""

    work: str
    clients: int
    prefix: str
    size: int = 0
    objects: int = 0
    payload: str = "sha256"
    bucket: str = "bench"
    more: Mapping[str, str] | None = None
    fresh: bool = False
    """Each run writes below a prefix of its own."""
    once: bool = False
    """One operation, however long it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A median of ours against a number, or against ``times`` that of another.

    ``of`` is a server, ``best`` (of the peers that speak S3) or, as ``row:NAME``, ours in another
    row.
    """

    figure: str = CPU
    limit: float | None = None
    times: float = 1.0
    of: str | None = None
    at_least: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of work and who does it."""

    name: str
    about: str
    ours: str
    peers: Sequence[str] = ()
    load: Load | None = None
    """None: the server is started anew."""
    needs: Objects | None = None
    bars: Sequence[Bar] = ()


_SMALL = Objects(prefix="small/", count=500, size=4 * KIB)
_MEDIUM = Objects(prefix="medium/", count=500, size=64 * KIB)
_MIB = Objects(prefix="mib/", count=200, size=MIB)
_LARGE = Objects(prefix="large/", count=8, size=64 * MIB)
_LISTED = Objects(prefix="list/", count=16 * _PREFIX_KEYS, size=16, folders=16)
_PAGED = Objects(prefix="page/", count=2500, size=16)
_FLAT = Objects(bucket="flat", prefix="", count=FLAT, size=16)
_HUGE = Objects(prefix="huge/", count=1, size=GIB)


def _reading(work: str, objects: Objects, clients: int) -> Load:
    return Load(
        work=work,
        clients=clients,
        prefix=objects.prefix,
        size=objects.size,
        objects=objects.count,
        bucket=objects.bucket,
    )


_GET = _reading("get", _SMALL, SMALL_CLIENTS)
_HEAD = _reading("head", _SMALL, SMALL_CLIENTS)
_PUT = Load(work="put", clients=SMALL_CLIENTS, prefix="new/", size=4 * KIB, fresh=True)


def _rows() -> Iterator[Row]:
    yield Row(
        name="cold-start",
        about="start on an empty directory to the first signed answer; memory then",
        ours="s3front",
        peers=_GATEWAYS,
        bars=(Bar(figure=LATENCY, limit=400), Bar(figure=MEMORY, limit=80)),
    )
    yield from _small_rows()
    yield from _bulk_rows()
    yield from _listing_rows()
    yield Row(
        name="copy-1g",
        about="CopyObject of 1 GiB in one bucket",
        ours="s3front",
        peers=_GATEWAYS,
        load=Load(
            work="copy",
            clients=1,
            prefix="copied/",
            size=GIB,
            more={"source": "huge/obj-00000000"},
            once=True,
        ),
        needs=_HUGE,
    )
    yield Row(
        name="mixed-64k",
        about="64 KiB: 45 GET, 30 HEAD, 15 PUT, 10 DELETE",
        ours="s3front",
        peers=_GATEWAYS,
        load=_reading("mixed", _MEDIUM, SMALL_CLIENTS),
        needs=_MEDIUM,
    )
    yield from _rate_rows()


def _small_rows() -> Iterator[Row]:
    yield Row(
        name="get-4k",
        about="GET of 4 KiB",
        ours="s3front",
        peers=(*_WITH_NGINX, _LEAST),
        load=_GET,
        needs=_SMALL,
        bars=(Bar(limit=50),),
    )
    yield Row(
        name="head-4k",
        about="HEAD of 4 KiB",
        ours="s3front",
        peers=(*_WITH_NGINX, _LEAST),
        load=_HEAD,
        needs=_SMALL,
        bars=(Bar(limit=40),),
    )
    yield Row(
        name="put-4k",
        about="PUT of 4 KiB, each key new",
        ours="s3front",
        peers=(*_GATEWAYS, _LEAST),
        load=_PUT,
        bars=(Bar(figure=USER, limit=75), Bar(times=0.7, of="best")),
    )
    for ours, workers in (("s3front-full", "1 worker"), ("s3front-full-2", "2 workers")):
        yield Row(
            name=f"put-4k-{ours.removeprefix('s3front-')}",
            about=f"PUT of 4 KiB on the medium, each key new, {workers}",
            ours=ours,
            peers=("minio",),
            load=replace(_PUT, clients=64),
            bars=(
                Bar(times=0.4, of="minio"),
                Bar(figure=RATE, times=2.0, of="minio", at_least=True),
            ),
        )


def _bulk_rows() -> Iterator[Row]:
    for name, about, objects, clients in (
        ("get-1m", "GET of 1 MiB", _MIB, SMALL_CLIENTS),
        ("get-64m", "GET of 64 MiB", _LARGE, LARGE_CLIENTS),
    ):
        yield Row(
            name=name,
            about=about,
            ours="s3front",
            peers=_WITH_NGINX,
            load=_reading("get", objects, clients),
            needs=objects,
            bars=(Bar(times=1.1, of="nginx"),),
        )
    for payload, about, limit in (
        ("unsigned", "UNSIGNED-PAYLOAD", 2400),
        ("sha256", "its SHA-256 signed", 3000),
        ("chunked", "aws-chunked, signed chunks of 64 KiB", 3100),
        ("trailer-crc32", "unsigned chunks, CRC-32 in the trailer", 2400),
    ):
        row = Row(
            name=f"put-1m-{payload}",
            about=f"PUT of 1 MiB, {about}",
            ours="s3front",
            peers=_GATEWAYS,
            load=Load(
                work="put",
                clients=SMALL_CLIENTS,
                prefix="written/",
                size=MIB,
                objects=200,
                payload=payload,
            ),
            bars=(Bar(limit=limit),),
        )
        yield row
        yield _without_md5(row)
    for work, about in (
        ("put", "PUT of 64 MiB, UNSIGNED-PAYLOAD"),
        ("multipart", "64 MiB in 4 parts of 16 MiB, create to complete"),
    ):
        row = Row(
            name=f"{work}-64m",
            about=about,
            ours="s3front",
            peers=_GATEWAYS,
            load=Load(
                work=work,
                clients=LARGE_CLIENTS,
                prefix=f"{work}/",
                size=64 * MIB,
                objects=8,
                payload="unsigned",
            ),
            bars=(Bar(limit=150_000),),
        )
        yield row
        yield _without_md5(row)


def _without_md5(row: Row) -> Row:
    """The same work on a bucket whose ETags are CRCs, in the rounds of its own row; no bar is set for it."""
    assert row.load is not None
    return replace(
        row,
        name=f"{row.name}-crc",
        about=f"{row.about}; ETags are CRCs",
        ours="s3front-crc",
        peers=(),
        load=replace(row.load, bucket=CRC_BUCKET),
        bars=(),
    )


def _listing_rows() -> Iterator[Row]:
    yield Row(
        name="list-313",
        about="LIST of a prefix of 313 keys",
        ours="s3front",
        peers=_GATEWAYS,
        load=Load(
            work="list",
            clients=SMALL_CLIENTS,
            prefix=_LISTED.prefix,
            more={"folders": "16", "listed": str(_PREFIX_KEYS)},
        ),
        needs=_LISTED,
        bars=(Bar(limit=600),),
    )
    yield Row(
        name="page-1000",
        about="a page of 1,000 in the middle of 2,500 keys",
        ours="s3front",
        peers=_GATEWAYS,
        load=_page("bench", _PAGED.prefix, _PAGED.count, SMALL_CLIENTS),
        needs=_PAGED,
        bars=(Bar(limit=1500),),
    )
    yield Row(
        name="deep-100k",
        about="a page of 1,000 in the middle of 100,000 keys",
        ours="s3front",
        peers=_GATEWAYS,
        load=_page(_FLAT.bucket, "", FLAT, 1),
        needs=_FLAT,
        bars=(Bar(limit=2000),),
    )
    yield Row(
        name="deep-10m",
        about="a page of 1,000 in the middle of 10 million keys, catalog loaded in bulk",
        ours="s3front-10m",
        load=_page("keys", "", DEEP, 1),
        bars=(Bar(times=1.3, of="row:deep-100k"),),
    )


def _page(bucket: str, prefix: str, count: int, clients: int) -> Load:
    return Load(
        work="page",
        clients=clients,
        prefix=prefix,
        bucket=bucket,
        more={"after": f"{prefix}obj-{(count - _PAGE) // 2:08d}", "listed": str(_PAGE)},
    )


def _rate_rows() -> Iterator[Row]:
    for clients in (16, 128):
        for name, about, load, needs in (
            ("get-4k", "GET of 4 KiB", _GET, _SMALL),
            ("head-4k", "HEAD of 4 KiB", _HEAD, _SMALL),
            ("put-4k", "PUT of 4 KiB, each key new", _PUT, None),
        ):
            yield Row(
                name=f"rate-{name}-{clients}",
                about=f"{about}, {clients} clients, 2 workers",
                ours="s3front-2",
                peers=_GATEWAYS,
                load=replace(load, clients=clients),
                needs=needs,
                bars=(Bar(figure=RATE, times=1.5, of="best", at_least=True),),
            )


ROWS: Mapping[str, Row] = {row.name: row for row in _rows()}
"""By name, in the order in which they run."""
