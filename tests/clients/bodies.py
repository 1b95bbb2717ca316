"""Bytes, digests and the keys that break servers."""

import hashlib
import os
import random
from collections.abc import Mapping
from pathlib import Path

MIB = 1024 * 1024


def content(size: int, seed: int = 0) -> bytes:
    """``size`` bytes that do not repeat, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256, which a failing assertion shows instead of megabytes."""
    return hashlib.sha256(data).hexdigest()


def etag(*parts: bytes) -> str:
    """The quoted ETag of an unencrypted object: MD5, or MD5 of the parts' MD5s and their number."""
    digests = [hashlib.md5(part).digest() for part in parts]
    if len(parts) == 1:
        return f'"{digests[0].hex()}"'
    return f'"{hashlib.md5(b"".join(digests)).hexdigest()}-{len(parts)}"'


def plant(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by relative name, dated 2023: S3 tells whole seconds, so that a file written in
    the same second as its object would look newer to a client that synchronises."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (1_700_000_000, 1_700_000_000))


def harvest(folder: Path) -> dict[str, str]:
    """Relative name ▶ SHA-256 of every file below ``folder``."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """Name ▶ SHA-256."""
    return {name: sha256(data) for name, data in sorted(files.items())}


KEYS: Mapping[str, str] = {
    "an empty segment": "a//b",
    "a leading slash": "/rooted",
    "a parent segment": "../x",
    "a parent segment inside": "up/../x",
    "a dot segment": "./x",
    "an escaped slash": "a%2Fb",
    "an escaped percent sign": "100%25%",
    "plus and space": "a+b c",
    "spaces at the ends": " both ends ",
    "accents, Japanese, an emoji": "é/日本/😀",
    "a decomposed accent": "e\u0301",
    "tilde and friends": "~!*'()-_.",
    "reserved characters": "&$@=;:?,#[]",
    "XML's own characters": "<a>&\"'</a>",
    "what URLs may not hold": '{}^\\`|"',
    "a newline": "line\nfeed",
    "a carriage return": "carriage\rreturn",
    "a tab": "ta\tb",
    "control characters": "bell\x07start\x01delete\x7f",
    "1,024 bytes": "k" * 1024,
    "1,024 bytes of three-byte characters": "日" * 341 + "k",
    "a segment above 255 bytes": "d/" + "s" * 300 + "/e",
    "a directory marker": "dir/",
    "a name of the reserved directory": ".s3front/catalog.db",
    "a query": "a?versionId=1",
    "a name of a device": "NUL",
    "the largest code point": "\U0010fffd",
}
"""What is special about a key ▶ the key."""
