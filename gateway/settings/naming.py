"""What a setting is called."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """How a setting is called outside the file, and what may be done with it."""

    env: str
    flag: str | None = None
    minio: str | None = None
    """Name of the environment variable by which MinIO knows it."""
    many: bool = False
    """A list: comma separated in the environment, a flag given several times."""
    reloadable: bool = False
    """Taken over on SIGHUP, without a restart."""
