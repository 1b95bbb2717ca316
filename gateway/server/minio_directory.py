"""Directories in which a MinIO server has kept objects in a form of its own."""

import json
from pathlib import Path

from backends.interface import RESERVED
from gateway.server.failure import Exit, StartError

_FORMAT = ".minio.sys/format.json"
_PLAIN = "fs"
_MOST_BYTES = 65_536


def refuse_minio_directory(root: Path) -> None:
    """StartError if MinIO's objects lie below ``root`` in pieces that only MinIO can read: their
    ``xl.meta`` and ``part.1`` would become objects.

    MinIO says in ``.minio.sys/format.json`` how it keeps them: ``xl`` and ``xl-single`` are pieces,
    ``fs`` (its filesystem mode, removed in October 2022) are plain files. Whatever else is there is
    no business of MinIO's. A directory that S3front has served before is served.
    """
    kept = _format(root / _FORMAT)
    if kept is None or kept == _PLAIN or (root / RESERVED).exists():
        return
    raise StartError(
        f"{root} is a MinIO server's directory: its objects lie there in pieces that only MinIO can "
        f"read ({_FORMAT} says {kept!r}). Serve another directory, and copy to it while MinIO runs "
        "at another port: mc mirror MINIO S3FRONT.",
        exit=Exit.STORAGE_FAILED,
    )


def _format(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            said = json.loads(opened.read(_MOST_BYTES))
    except (OSError, ValueError):
        return None
    kept = said.get("format") if isinstance(said, dict) else None
    return kept if isinstance(kept, str) else None
