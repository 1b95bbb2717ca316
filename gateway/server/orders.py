"""What parent and worker tell each other: lines of JSON on the worker's standard input and output.

They hold secrets, so they go through pipes and are never arguments, environment or log. Before the
first order come the files that a worker is to hold (``processes.py``): first the socket to listen on,
which the parent keeps as well.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gateway.access.credentials import Credentials
from gateway.settings.model import Settings

_UNSENT = {"root_access_key", "root_secret_key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first order: all a worker needs to know."""

    number: int
    """0 to workers-1; of a worker and of the one that replaces it."""
    metrics_number: int
    """Its own among all that run at once."""
    first: bool
    """No other worker lives: recovery and bootstrap are this one's."""
    factory: str
    """``module:function`` that composes the application."""
    settings: dict[str, Any] = field(repr=False)
    access_key: str
    secret_key: str = field(repr=False)
    catalog: str
    """Path of the catalog's file."""
    metrics_folder: str | None
    """Where the workers keep their metrics, if those are asked for."""

    @property
    def credentials(self) -> Credentials:
        return Credentials(root_access_key=self.access_key, root_secret_key=self.secret_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a worker says of its start."""

    kind: Literal["ready", "failed"]
    message: str = ""
    exit: int = 0


def dump_settings(settings: Settings) -> dict[str, Any]:
    """The settings as plain values, for a worker: with the secrets of storages, without the root's."""
    return settings.model_dump(mode="json", exclude=_UNSENT)


def start_line(start: Start) -> bytes:
    return json.dumps(asdict(start)).encode() + b"\n"


def read_start(descriptor: int) -> Start:
    """Read the first order, and not a byte more. EOFError if the parent is gone."""
    with os.fdopen(os.dup(descriptor), "rb", buffering=0) as stream:
        line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError("no order to start")
    return Start(**json.loads(line))


def drain_line(*, handed_over: bool = False) -> bytes:
    """``handed_over``: a successor has the socket, and is ready."""
    return json.dumps({"order": "hand over" if handed_over else "drain"}).encode() + b"\n"


def reload_line(settings: Settings) -> bytes:
    return json.dumps({"order": "reload", "settings": dump_settings(settings)}).encode() + b"\n"


def read_order(line: bytes) -> tuple[str, Settings | None]:
    """``drain``, ``hand over``, or ``reload`` with the new settings."""
    order = json.loads(line)
    if order["order"] == "reload":
        return "reload", Settings.model_validate(order["settings"])
    return str(order["order"]), None


def report_line(report: Report) -> bytes:
    return json.dumps(asdict(report)).encode() + b"\n"


def read_report(line: bytes) -> Report:
    return Report(**json.loads(line))
