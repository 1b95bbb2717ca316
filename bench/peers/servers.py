"""How each server is started, and what its acknowledgement of a write means."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.peers import nginx
from bench.peers.kinds import Kind, Place
from bench.peers.loaded import KEYS_BUCKET, WITHOUT_FILES, prepared_keys
from bench.peers.rows import CRC_BUCKET, DEEP

RELAXED = "page cache, no fsync"


def _root_keys(place: Place) -> Mapping[str, str]:
    return {
        "S3FRONT_ROOT_ACCESS_KEY": place.access_key,
        "S3FRONT_ROOT_SECRET_KEY": place.secret_key,
    }


def _ours(shown: str, name: str, durability: str, *options: str) -> Kind:
    stated = RELAXED if durability == "relaxed" else "file, directory and catalog synced"
    return Kind(
        name=name,
        shown=shown,
        durability=stated,
        command=lambda place: [
            str(place.program),
            "serve",
            str(place.data),
            "--address",
            f"127.0.0.1:{place.port}",
            "--log-format",
            "off",
            "--durability",
            durability,
            *options,
        ],
        environment=_root_keys,
    )


_S3PROXY = """\
s3proxy.endpoint=http://127.0.0.1:{place.port}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity={place.access_key}
s3proxy.credential={place.secret_key}
s3proxy.v4-max-non-chunked-request-size=134217728
s3proxy.v4-max-chunk-size=134217728
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir={place.data}
"""
_LOGBACK = """\
<configuration>
  <appender name="STDERR" class="ch.qos.logback.core.ConsoleAppender">
    <target>System.err</target>
    <encoder><pattern>%level %logger %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="STDERR"/></root>
</configuration>
"""


def _prepare_s3proxy(place: Place) -> None:
    place.data.mkdir()
    (place.directory / "s3proxy.conf").write_text(_S3PROXY.format(place=place))
    (place.directory / "logback.xml").write_text(_LOGBACK)


def _prepare_nginx(place: Place) -> None:
    nginx.prepare(place, server="open_file_cache off;")
    # A master that runs as root gives its workers to a user who must be able to read the files.
    for folder in (place.directory, place.data):
        folder.chmod(0o755)


def _prepare_crc(place: Place) -> None:
    place.data.mkdir()
    _crc_settings(place).write_text(
        f'[storages.data]\ntype = "local"\nroot = "{place.data}"\n'
        f'[[buckets]]\nname = "{CRC_BUCKET}"\netag = "crc64nvme"\n'
    )


def _crc_settings(place: Place) -> Path:
    return place.directory / "s3front.toml"


WITH_KEYS = _ours("S3front, 10 million keys", "s3front-10m", "relaxed", *WITHOUT_FILES)
"""Ours, for a catalog without files."""


def _with_crc_etags() -> Kind:
    ours = _ours("S3front, ETags are CRCs, 1 worker", "s3front-crc", "relaxed", "--workers", "1")
    return replace(
        ours,
        prepare=_prepare_crc,
        command=lambda place: [
            *(word for word in ours.command(place) if word != str(place.data)),
            "--config",
            str(_crc_settings(place)),
        ],
        buckets=frozenset({CRC_BUCKET}),
    )


_KINDS = (
    _ours("S3front, relaxed, 1 worker", "s3front", "relaxed", "--workers", "1"),
    _ours("S3front, relaxed, 2 workers", "s3front-2", "relaxed", "--workers", "2"),
    _with_crc_etags(),
    _ours("S3front, full, 1 worker", "s3front-full", "full", "--workers", "1"),
    _ours("S3front, full, 2 workers", "s3front-full-2", "full", "--workers", "2"),
    replace(WITH_KEYS, prepare=prepared_keys(WITH_KEYS, DEEP), buckets=frozenset({KEYS_BUCKET})),
    Kind(
        name="versitygw",
        shown="versitygw",
        durability=RELAXED,
        package="versitygw",
        command=lambda place: [
            str(place.program),
            "--port",
            f"127.0.0.1:{place.port}",
            "--quiet",
            "--keep-alive",
            "posix",
            str(place.data),
        ],
        environment=lambda place: {
            "ROOT_ACCESS_KEY": place.access_key,
            "ROOT_SECRET_KEY": place.secret_key,
        },
    ),
    Kind(
        name="minio",
        shown="MinIO",
        durability="fdatasync of the file, its directory not synced",
        package="minio",
        command=lambda place: [
            str(place.program),
            "server",
            "--address",
            f"127.0.0.1:{place.port}",
            "--quiet",
            str(place.data),
        ],
        environment=lambda place: {
            "MINIO_ROOT_USER": place.access_key,
            "MINIO_ROOT_PASSWORD": place.secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "CI": "true",  # It takes a drive that is the system's own.
        },
    ),
    Kind(
        name="rclone",
        shown="rclone",
        durability=f"{RELAXED}; metadata in memory, lost on restart",
        package="rclone",
        command=lambda place: [
            str(place.program),
            "--config",
            "/dev/null",
            "serve",
            "s3",
            "--addr",
            f"127.0.0.1:{place.port}",
            "--vfs-cache-mode",
            "off",
            str(place.data),
        ],
        # One word of a list of words: in quotes, for it holds a comma.
        environment=lambda place: {"RCLONE_AUTH_KEY": f'"{place.access_key},{place.secret_key}"'},
    ),
    Kind(
        name="s3proxy",
        shown="s3proxy",
        durability=RELAXED,
        package="s3proxy",
        warm_cpu_s=20.0,
        prepare=_prepare_s3proxy,
        command=lambda place: [
            "java",
            f"-Dlogback.configurationFile={place.directory / 'logback.xml'}",
            "--class-path",
            f"{place.program}/*",
            "org.gaul.s3proxy.Main",
            "--properties",
            str(place.directory / "s3proxy.conf"),
        ],
    ),
    Kind(
        name="nginx",
        shown="nginx, unsigned, 1 worker",
        durability="serves files only",
        package="nginx",
        prepare=_prepare_nginx,
        speaks_s3=False,
        is_a_limit=True,
        command=nginx.command,
    ),
    Kind(
        name="least",
        shown="the least in Python",
        durability=f"{RELAXED}; no S3 server",
        is_a_limit=True,
        command=lambda place: [
            sys.executable,
            str(Path(__file__).with_name("least.py")),
            str(place.port),
            str(place.data),
        ],
        environment=_root_keys,
    ),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}
"""By name, in the order of a round."""


def our_program() -> Path:
    """``s3front`` of this environment."""
    return Path(sys.executable).with_name("s3front")
