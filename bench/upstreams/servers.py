"""The upstreams, and S3front in front of one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.peers.kinds import Kind, Place
from bench.peers.processes import Running
from bench.peers.servers import KINDS

HELD = "held"
"""The bucket of the upstream that the gateway has for a storage, where the upstream has buckets."""

_DAV = """\
load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
daemon off;
master_process off;
worker_processes 1;
pid {place.directory}/pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  client_max_body_size 0;
  client_body_temp_path {place.directory}/body;
  proxy_temp_path {place.directory}/proxy;
  fastcgi_temp_path {place.directory}/fastcgi;
  uwsgi_temp_path {place.directory}/uwsgi;
  scgi_temp_path {place.directory}/scgi;
  server {{
    listen 127.0.0.1:{place.port} reuseport;
    location / {{
      root {place.data};
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS;
      create_full_put_path on;
    }}
  }}
}}
"""


def _prepare_dav(place: Place) -> None:
    place.data.mkdir()
    (place.directory / "nginx.conf").write_text(_DAV.format(place=place))


_NGINX = Kind(
    name="webdav",
    shown="WebDAV: nginx with dav-ext, 1 process",
    durability="page cache, no fsync",
    package="nginx",
    prepare=_prepare_dav,
    speaks_s3=False,
    command=lambda place: [
        str(place.program),
        "-p",
        str(place.directory),
        "-c",
        str(place.directory / "nginx.conf"),
    ],
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
