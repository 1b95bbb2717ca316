"""Who is asking."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Principal:
    """Someone whose signature was verified. Not frozen only because each request makes one."""

    access_key: str
