"""S3front in processes of its own, in front of one real server of others."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.backends.webdav.servers import Running
from tests.linearizable.workers import Workers, workers


def webdav_settings_of(server: Running) -> dict[str, object]:
    """A storage in a folder of it, named in the configuration."""
    return {
        "type": "webdav",
        "endpoint": server.url,
        "prefix": "s3",
        "allow_private": True,
        **server.settings,
    }


@contextlib.contextmanager
def fronting(folder: Path, storage: Mapping[str, object], **settings: Any) -> Iterator[Workers]:
    """Two workers, their catalog in ``folder``, the bytes on ``storage``. ``settings``: others of the server."""
    file = folder / "s3front.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in storage.items()]
    file.write_text("\n".join(["[storages.far]", *lines, ""]))
    data = folder / "data"
    data.mkdir(exist_ok=True)
    catalog = str(folder / "catalog.db")
    with workers(data, file=str(file), catalog=catalog, **settings) as server:
        yield server
