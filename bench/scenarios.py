"""What is measured, one row each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bench.requests import Upload
from bench.scripts import (
    CLIENTS,
    HUGE_OBJECT,
    LARGE_CLIENTS,
    LARGE_OBJECTS,
    MEDIUM_OBJECTS,
    MIB_OBJECTS,
    SAME_OBJECTS,
    SMALL_OBJECTS,
    Objects,
    Plan,
    Scripts,
    copy_mib,
    delete_each,
    doomed_objects,
    get,
    get_huge,
    get_large,
    head,
    list_page,
    list_prefix,
    listed_objects,
    mixed,
    multipart,
    put_huge,
    put_large,
    put_mib,
    put_new,
    put_same,
    reading,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One figure: what must be there, what each client sends."""

    name: str
    about: str
    scripts: Callable[[Plan], Scripts]
    """Signs what the clients send; then the script of each client."""
    needs: Callable[[float], tuple[Objects, ...]] = lambda _: ()
    """What must be there before a run of so many seconds."""
    leaves: Objects | None = None
    """What is there after a run without errors."""
    clients: int = CLIENTS
    large: bool = False
    """Moves so much that a short run leaves it out."""


def _small(seconds: float) -> tuple[Objects, ...]:
    return (SMALL_OBJECTS(seconds),)


def _mib(seconds: float) -> tuple[Objects, ...]:
    return (MIB_OBJECTS(seconds),)


def _rows() -> Iterator[Scenario]:
    # First, while a worker has not yet grown by anything else.
    yield from _memory_rows()
    yield Scenario(
        name="get-4k",
        about="GET of 4 KiB",
        needs=_small,
        scripts=reading(SMALL_OBJECTS, get),
    )
    yield Scenario(
        name="head", about="HEAD of 4 KiB", needs=_small, scripts=reading(SMALL_OBJECTS, head)
    )
    # Those that need many objects come early: what filling takes too long, the others make up for.
    yield Scenario(
        name="list-313",
        about="LIST of a prefix of 313 keys",
        needs=listed_objects,
        scripts=list_prefix,
    )
    yield Scenario(
        name="list-1000",
        about="LIST of a full page, from the middle",
        needs=listed_objects,
        scripts=list_page,
    )
    yield Scenario(
        name="delete-4k", about="DELETE of 4 KiB", needs=doomed_objects, scripts=delete_each
    )
    yield Scenario(name="put-4k", about="PUT of 4 KiB, each key new", scripts=put_new)
    yield Scenario(
        name="put-4k-same",
        about="PUT of 4 KiB over what is there",
        needs=lambda _: (SAME_OBJECTS,),
        scripts=put_same,
    )
    yield Scenario(
        name="get-1m", about="GET of 1 MiB", needs=_mib, scripts=reading(MIB_OBJECTS, get)
    )
    for kind, about in (
        (Upload.SHA256, "its SHA-256 signed"),
        (Upload.UNSIGNED, "UNSIGNED-PAYLOAD"),
        (Upload.CHUNKED, "aws-chunked, signed chunks of 64 KiB"),
        (Upload.TRAILER_CRC32, "unsigned, CRC-32 in the trailer"),
        (Upload.TRAILER_CRC64NVME, "unsigned, CRC-64/NVME in the trailer"),
    ):
        yield Scenario(
            name=f"put-1m-{kind.value}", about=f"PUT of 1 MiB, {about}", scripts=put_mib(kind)
        )
    yield Scenario(
        name="copy-1m", about="CopyObject of 1 MiB, by the server", needs=_mib, scripts=copy_mib
    )
    yield Scenario(
        name="mixed",
        about="64 KiB: 45 GET, 30 HEAD, 15 PUT, 10 DELETE",
        needs=lambda seconds: (MEDIUM_OBJECTS(seconds),),
        scripts=mixed,
    )
    yield from _large_rows()


def _memory_rows() -> Iterator[Scenario]:
    yield Scenario(
        name="memory-put",
        about="PUT of 1 GiB once: peak memory",
        scripts=put_huge,
        leaves=HUGE_OBJECT,
        clients=1,
        large=True,
    )
    yield Scenario(
        name="memory-get",
        about="GET of 1 GiB once: peak memory",
        needs=lambda _: (HUGE_OBJECT,),
        scripts=get_huge,
        clients=1,
        large=True,
    )


def _large_rows() -> Iterator[Scenario]:
    yield Scenario(
        name="put-64m",
        about="PUT of 64 MiB, UNSIGNED-PAYLOAD",
        scripts=put_large,
        leaves=LARGE_OBJECTS,
        clients=LARGE_CLIENTS,
        large=True,
    )
    yield Scenario(
        name="get-64m",
        about="GET of 64 MiB",
        needs=lambda _: (LARGE_OBJECTS,),
        scripts=get_large,
        clients=LARGE_CLIENTS,
        large=True,
    )
    yield Scenario(
        name="multipart-64m",
        about="64 MiB in 4 parts, create to complete",
        scripts=multipart,
        clients=LARGE_CLIENTS,
        large=True,
    )


SCENARIOS: Mapping[str, Scenario] = {row.name: row for row in _rows()}
"""By name, in the order in which they run."""
