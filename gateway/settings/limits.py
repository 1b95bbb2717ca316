"""The settings that bound what clients may take."""

from typing import Annotated

from pydantic import BaseModel, Field

from gateway.settings.naming import Named

KIB, MIB, GIB, TIB = 1024, 1024**2, 1024**3, 1024**4


class LimitSettings(BaseModel):
    """Counts are those of one worker. What a client sees at each limit: docs/limits.md."""

    max_connections: Annotated[
        int, Named(flag="--max-connections", env="S3FRONT_MAX_CONNECTIONS", reloadable=True)
    ] = Field(default=8192, ge=8, le=1_000_000, description="Connections of a worker at once.")
    max_connections_per_address: Annotated[
        int,
        Named(
            flag="--max-connections-per-address",
            env="S3FRONT_MAX_CONNECTIONS_PER_ADDRESS",
            reloadable=True,
        ),
    ] = Field(
        default=1024,
        ge=1,
        le=1_000_000,
        description="Connections of a worker at once from one IPv4 address or one IPv6 network "
        "(/64); those of `trusted_proxies` are not counted by address.",
    )
    max_requests: Annotated[
        int, Named(flag="--max-requests", env="S3FRONT_MAX_REQUESTS", reloadable=True)
    ] = Field(
        default=2048,
        ge=1,
        le=1_000_000,
        description="Requests a worker answers at once; others wait.",
    )
    max_waiting_requests: Annotated[
        int,
        Named(flag="--max-waiting-requests", env="S3FRONT_MAX_WAITING_REQUESTS", reloadable=True),
    ] = Field(
        default=1024,
        ge=0,
        le=1_000_000,
        description="Requests of a worker that may wait for others, 10 seconds each.",
    )
    max_headers: Annotated[
        int, Named(flag="--max-headers", env="S3FRONT_MAX_HEADERS", reloadable=True)
    ] = Field(default=256, ge=32, le=4096, description="Header lines of a request.")
    max_header_bytes: Annotated[
        int, Named(flag="--max-header-bytes", env="S3FRONT_MAX_HEADER_BYTES", reloadable=True)
    ] = Field(
        default=16 * KIB,
        ge=4 * KIB,
        le=MIB,
        description="Bytes of a request's first line and headers together.",
    )
    header_seconds: Annotated[
        float, Named(flag="--header-seconds", env="S3FRONT_HEADER_SECONDS", reloadable=True)
    ] = Field(
        default=20.0,
        gt=0,
        le=3600,
        description="Time for a request's headers to arrive, for the first request on a connection "
        "from its start, and for the TLS handshake.",
    )
    idle_seconds: Annotated[
        float, Named(flag="--idle-seconds", env="S3FRONT_IDLE_SECONDS", reloadable=True)
    ] = Field(
        default=75.0,
        gt=0,
        le=86_400,
        description="How long a connection is kept open between two requests.",
    )
    body_stall_seconds: Annotated[
        float, Named(flag="--body-stall-seconds", env="S3FRONT_BODY_STALL_SECONDS", reloadable=True)
    ] = Field(
        default=60.0,
        gt=0,
        le=86_400,
        description="How long an upload may bring nothing.",
    )
    reader_stall_seconds: Annotated[
        float,
        Named(flag="--reader-stall-seconds", env="S3FRONT_READER_STALL_SECONDS", reloadable=True),
    ] = Field(
        default=60.0,
        gt=0,
        le=86_400,
        description="How long a client may take nothing of its answer.",
    )
    min_bytes_per_second: Annotated[
        int,
        Named(flag="--min-bytes-per-second", env="S3FRONT_MIN_BYTES_PER_SECOND", reloadable=True),
    ] = Field(
        default=256,
        ge=0,
        le=GIB,
        description="Slowest client that is served, beyond the times above; 0: no such bound.",
    )
    max_document_bytes: Annotated[
        int, Named(flag="--max-document-bytes", env="S3FRONT_MAX_DOCUMENT_BYTES")
    ] = Field(
        default=2 * MIB,
        ge=64 * KIB,
        le=64 * MIB,
        description="Bytes of an XML document in a request, with or without a length.",
    )
    max_put_bytes: Annotated[int, Named(flag="--max-put-bytes", env="S3FRONT_MAX_PUT_BYTES")] = (
        Field(
            default=5 * GIB,
            ge=1,
            le=50 * TIB,
            description="Bytes of one PutObject, part or copy.",
        )
    )
    max_object_bytes: Annotated[
        int, Named(flag="--max-object-bytes", env="S3FRONT_MAX_OBJECT_BYTES")
    ] = Field(
        default=5 * TIB,
        ge=1,
        le=50 * TIB,
        description="Bytes of an object put together from parts.",
    )
    max_parts: Annotated[int, Named(flag="--max-parts", env="S3FRONT_MAX_PARTS")] = Field(
        default=10_000, ge=1, le=10_000, description="Highest number of a part."
    )
