"""The log of events: structlog, configured once for each process."""

import json
import logging
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from gateway.observe.escaping import plain, word
from gateway.observe.sink import Sink

Form = Literal["auto", "text", "json", "off"]
Level = Literal["debug", "info", "warning", "error"]

_STANDARD_ERROR = 2
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def line_form(form: Form, sink: Sink) -> Literal["text", "json"]:
    """How events are written: ``auto`` and ``off`` look at where they go to."""
    if form in ("text", "json"):
        return form
    return "text" if sink.terminal else "json"


def access_form(form: Form, sink: Sink) -> Literal["text", "json", "off"]:
    """How requests are written."""
    return "off" if form == "off" else line_form(form, sink)


def configure(sink: Sink, *, form: Form, level: Level) -> None:
    """Send events of structlog, of ``logging`` and of ``warnings`` to the sink.

    May be called again to change form and level. Text from outside can neither end a line nor
    steer a terminal.
    """
    render = _text if line_form(form, sink) == "text" else _json
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: _SinkLogger(sink),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge())
    root.setLevel(max(_LEVELS[level], logging.WARNING))
    logging.captureWarnings(capture=True)


class _SinkLogger:
    """What structlog calls at the end of its chain."""

    def __init__(self, sink: Sink) -> None:
        self._put = sink.put

    def msg(self, line: str) -> None:
        self._put(line)

    debug = info = warning = error = critical = exception = log = msg


class _Bridge(logging.Handler):
    """Events of libraries that use ``logging`` (asyncio)."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            structlog.get_logger().log(
                record.levelno,
                record.getMessage(),
                logger=record.name,
                exc_info=record.exc_info or None,
            )
        except Exception:  # noqa: BLE001 - a log record must never stop what it tells about
            self.handleError(record)


def _json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    first = {name: event.pop(name, "") for name in ("time", "level", "event")}
    return json.dumps(first | dict(event), default=str).replace("\x7f", "\\u007f") + "\n"


def _text(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    time, level = event.pop("time", ""), event.pop("level", "")
    message, trace = event.pop("event", ""), event.pop("exception", None)
    parts = [str(time), str(level).upper(), plain(str(message))]
    parts += [f"{plain(str(key))}={word(str(value))}" for key, value in event.items()]
    line = " ".join(parts) + "\n"
    if trace is not None:
        line += "".join(f"    {plain(row)}\n" for row in str(trace).splitlines())
    return line


def stderr_sink() -> Sink:
    """The sink of this process: its standard error."""
    return Sink(_STANDARD_ERROR)
