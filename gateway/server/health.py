"""Whether this server lives and whether it should be sent requests."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum

import structlog

from gateway.s3.message import Response

_log = structlog.get_logger("s3front.health")
_PROBE_S = 2.0
_MINIO = "minio"


class State(Enum):
    """Where a worker is in its life."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


class Health:
    """Answers ``/-/live``, ``/-/ready`` and MinIO's health paths.

    ``probe`` raises if the catalog cannot be read. ``bucket_exists`` tells whether there is a
    bucket: MinIO's paths are answered only while no bucket named ``minio`` could be meant.
    """

    def __init__(
        self,
        *,
        probe: Callable[[], Awaitable[None]],
        bucket_exists: Callable[[str], Awaitable[bool]],
    ) -> None:
        self.state = State.STARTING
        self._probe = probe
        self._bucket_exists = bucket_exists

    async def answer(self, path: str) -> Response | None:
        """The answer to a raw path, None if it is none of health's."""
        match path:
            case "/-/live":
                return _text(200, "live")
            case "/-/ready":
                return await self._ready()
            case "/minio/health/live" if await self._is_ours():
                return _text(200, "live")
            case "/minio/health/ready" | "/minio/health/cluster" if await self._is_ours():
                return await self._ready()
        return _text(404, "not found") if path.startswith("/-/") else None

    async def _ready(self) -> Response:
        if self.state is not State.READY:
            return _text(503, self.state.value)
        try:
            async with asyncio.timeout(_PROBE_S):
                await self._probe()
        except Exception as error:  # noqa: BLE001 - whatever it is, we are not ready
            _log.warning("not ready", cause=type(error).__name__)
            return _text(503, "catalog unavailable")
        return _text(200, "ready")

    async def _is_ours(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_S):
                return not await self._bucket_exists(_MINIO)
        except Exception:  # noqa: BLE001 - a health check must answer when the catalog does not
            return True


def _text(status: int, text: str) -> Response:
    return Response(
        status=status,
        headers={"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"},
        body=f"{text}\n".encode(),
    )
