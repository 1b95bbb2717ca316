"""One line for each request."""

import time
from functools import lru_cache
from typing import Literal

from gateway.observe.escaping import clipped, plain, quoted, word
from gateway.observe.event import RequestEvent
from gateway.observe.sink import Sink

_PATH = 1500
_AGENT = 200
_SHORT = 256


@lru_cache(maxsize=512)
def _repeated(text: str, most: int) -> str:
    """What many requests have alike, as JSON."""
    return quoted(clipped(text, most))


class AccessLog:
    """Formats events and puts them into a sink. ``write`` never blocks and never raises."""

    def __init__(self, sink: Sink, form: Literal["text", "json", "off"]) -> None:
        self._sink = sink
        self._form = form
        self._second = 0
        self._clock = ""

    def reconfigure(self, form: Literal["text", "json", "off"]) -> None:
        """Change the form for all later events."""
        self._form = form

    def write(self, event: RequestEvent) -> None:
        if self._form == "json":
            self._sink.put(self._json(event))
        elif self._form == "text":
            self._sink.put(self._text(event))

    def _json(self, event: RequestEvent) -> str:
        # By hand: a third of what json.dumps of a dict costs, on every request.
        head = (
            f'{{"time":"{self._time(event.started_ns)}","event":"request"'
            f',"id":{quoted(event.id)},"method":{_repeated(event.method, 32)}'
            f',"path":{quoted(clipped(event.path, _PATH))}'
            f',"operation":{_repeated(event.operation, _SHORT)}'
            f',"status":{event.status},"seconds":{event.seconds:.6f}'
            f',"bytes_in":{event.bytes_in},"bytes_out":{event.bytes_out}'
            f',"peer":{_repeated(event.peer, _SHORT)}'
        )
        parts = [head]
        if event.access_key is not None:
            parts.append(f',"access_key":{_repeated(event.access_key, _SHORT)}')
        if event.user_agent:
            parts.append(f',"user_agent":{_repeated(event.user_agent, _AGENT)}')
        if event.error_code is not None:
            parts.append(f',"error":{quoted(event.error_code)}')
        if event.hint is not None:
            parts.append(f',"hint":{quoted(clipped(event.hint, _PATH))}')
        if event.aborted:
            parts.append(',"aborted":true')
        parts.append("}\n")
        return "".join(parts)

    def _text(self, event: RequestEvent) -> str:
        parts = [
            self._time(event.started_ns),
            str(event.status) if event.status else "---",
            plain(clipped(event.method, 32)),
            word(clipped(event.path, _PATH)),
            plain(event.operation),
            f"{event.seconds * 1000:.1f}ms",
            f"in={event.bytes_in}",
            f"out={event.bytes_out}",
            f"peer={plain(event.peer)}",
        ]
        if event.access_key is not None:
            parts.append(f"key={word(clipped(event.access_key, _SHORT))}")
        if event.error_code is not None:
            parts.append(f"error={plain(event.error_code)}")
        if event.hint is not None:
            parts.append(f"hint={word(clipped(event.hint, _PATH))}")
        if event.aborted:
            parts.append("aborted")
        if event.user_agent:
            parts.append(f"agent={word(clipped(event.user_agent, _AGENT))}")
        parts.append(f"id={plain(event.id)}\n")
        return " ".join(parts)

    def _time(self, ns: int) -> str:
        """RFC 3339 in UTC, to the millisecond; the second is formatted once."""
        second, rest = divmod(ns, 1_000_000_000)
        if second != self._second:
            self._second = second
            self._clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._clock}.{rest // 1_000_000:03d}Z"
