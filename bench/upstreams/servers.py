"""The upstreams, and S3front in front of one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.peers import nginx
from bench.peers.kinds import Kind, Place
from bench.peers.processes import Running
from bench.peers.servers import KINDS

HELD = "held"
"""The bucket of the upstream that the gateway has for a storage, where the upstream has buckets."""

_MAIN = """\
load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
master_process off;"""
_SERVER = """\
client_max_body_size 0;
    dav_methods PUT DELETE MKCOL COPY MOVE;
    dav_ext_methods PROPFIND OPTIONS;
    create_full_put_path on;"""


_NGINX = Kind(
    name="webdav",
    shown="WebDAV: nginx with dav-ext, 1 process",
    durability="page cache, no fsync",
    package="nginx",
    prepare=lambda place: nginx.prepare(place, main=_MAIN, server=_SERVER),
    speaks_s3=False,
    command=nginx.command,
)


def _dav_settings(upstream: Running) -> Mapping[str, str]:
    return {"type": "webdav", "endpoint": upstream.endpoint, "prefix": HELD}


def _s3_settings(upstream: Running) -> Mapping[str, str]:
    place = upstream.place
    return {
        "type": "s3",
        "endpoint": upstream.endpoint,
        "bucket": HELD,
        "region": "us-east-1",
        "profile": "versitygw",
        "access_key": place.access_key,
        "secret_key": place.secret_key,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A server, and the settings of a storage that it is."""

    kind: Kind
    settings: Callable[[Running], Mapping[str, str]]


UPSTREAMS: Mapping[str, Upstream] = {
    "webdav": Upstream(kind=_NGINX, settings=_dav_settings),
    "s3": Upstream(kind=KINDS["versitygw"], settings=_s3_settings),
}
"""By the type of storage."""


def front_of(upstream: Upstream, server: Running) -> Kind:
    """S3front, one worker, with ``server`` for its only storage."""
    settings = upstream.settings(server)

    def prepare(place: Place) -> None:
        place.data.mkdir()
        lines = [f'{name} = "{value}"' for name, value in settings.items()]
        text = ['default_storage = "up"', f'catalog = "sqlite://{place.data}/catalog.db"', ""]
        text += ["[storages.up]", *lines, "allow_private = true"]
        (place.directory / "s3front.toml").write_text("\n".join(text))

    return Kind(
        name="s3front",
        shown="S3front",
        durability="of the upstream; catalog in the page cache",
        prepare=prepare,
        command=_command,
        environment=lambda place: {
            "S3FRONT_ROOT_ACCESS_KEY": place.access_key,
            "S3FRONT_ROOT_SECRET_KEY": place.secret_key,
        },
    )


def _command(place: Place) -> Sequence[str]:
    options = {
        "config": str(place.directory / "s3front.toml"),
        "address": f"127.0.0.1:{place.port}",
        "workers": "1",
        "durability": "relaxed",
        "log-format": "off",
        # Nothing is to be done meanwhile that nobody has asked for.
        "poll-seconds": "0",
        "scrub": "false",
        "fail-fast": "true",
    }
    return [str(place.program), "serve", *(f"--{name}={value}" for name, value in options.items())]
