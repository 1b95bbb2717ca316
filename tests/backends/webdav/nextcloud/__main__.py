"""``PORT FOLDER``: serves until it is ended. Name and password come from the environment."""

import os
import sys
from pathlib import Path

from aiohttp import web

from tests.backends.webdav.nextcloud.server import application


def main() -> None:
    port, folder = sys.argv[1:]
    app = application(Path(folder), os.environ["DAV_USER"], os.environ["DAV_PASSWORD"])
    web.run_app(app, host="127.0.0.1", port=int(port), print=None, access_log=None)


if __name__ == "__main__":
    main()
