"""nginx: the settings that all of ours have, and how it is started with them."""

from bench.peers.kinds import Place

_SETTINGS = """\
{main}
daemon off;
worker_processes 1;
pid {place.directory}/pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  client_body_temp_path {place.directory}/body;
  proxy_temp_path {place.directory}/proxy;
  fastcgi_temp_path {place.directory}/fastcgi;
  uwsgi_temp_path {place.directory}/uwsgi;
  scgi_temp_path {place.directory}/scgi;
  server {{
    listen 127.0.0.1:{place.port} reuseport;
    root {place.data};
    {server}
  }}
}}
"""


def prepare(place: Place, *, main: str = "", server: str = "") -> None:
    """Make its directories and settings; ``main`` and ``server`` are added where those words say."""
    place.data.mkdir()
    settings = _SETTINGS.format(place=place, main=main, server=server)
    (place.directory / "nginx.conf").write_text(settings)


def command(place: Place) -> list[str]:
    """Starts it with what was prepared."""
    settings = place.directory / "nginx.conf"
    return [str(place.program), "-p", str(place.directory), "-c", str(settings)]
