"""What a server to be measured is: a program, its options, its place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One server's own: its directory, its port, its keys, its program."""

    directory: Path
    port: int
    access_key: str
    secret_key: str = field(repr=False)
    program: Path

    @property
    def data(self) -> Path:
        return self.directory / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A server with its options."""

    name: str
    shown: str
    durability: str
    """What is safe when a PUT is answered."""
    command: Callable[[Place], Sequence[str]]
    environment: Callable[[Place], Mapping[str, str]] = lambda _: {}
    prepare: Callable[[Place], None] = lambda place: place.data.mkdir()
    """Write what it needs before it starts."""
    package: str | None = None
    """Its key in PACKAGES; None is ours."""
    warm_cpu_s: float = 0.0
    """Processor seconds of load before anything is measured: a compiler at run time needs them."""
    speaks_s3: bool = True
    is_a_limit: bool = False
    """It is no S3 server, but shows what one could do at most: never the best peer."""
    buckets: frozenset[str] = frozenset()
    """Buckets that it has from the start."""
