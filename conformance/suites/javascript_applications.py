"""What Node.js applications keep files in S3 with, from npm: javascript/applications.mjs."""

import shutil
from pathlib import Path

from conformance.building import npm_packages
from conformance.outcome import Suite
from conformance.scripted import scripted

_SOURCE = Path(__file__).resolve().parent / "javascript"
_PROGRAM = "applications.mjs"
_CASES = {
    "minio": "minio: parts, copies, links, removal",
    "forms": "multer-s3: forms with files",
    "tus": "tus: an upload in several requests",
    "flydrive": "flydrive: copy, move, list, links",
    "unstorage": "unstorage: items",
}


def _build(folder: Path) -> Path:
    """The program beside the packages, where Node.js looks for them."""
    return Path(shutil.copy(_SOURCE / _PROGRAM, npm_packages(_SOURCE, folder)))


SUITE = Suite(
    name="javascript",
    version="pins in suites/javascript/package-lock.json",
    build=_build,
    cases=scripted(lambda program: ["node", program], _CASES),
)
