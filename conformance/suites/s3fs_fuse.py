"""s3fs-fuse, Debian's: a bucket as a folder of the file system."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.building import debian, debian_version
from conformance.outcome import BuildError, Case, Place, Suite
from conformance.scripted import environment
from tests.clients.bodies import MIB, content, digests, harvest, plant, sha256
from tests.clients.boto import client
from tests.clients.programs import run

_FILES = {
    "big": content(24 * MIB),
    "empty": b"",
    **{f"d{number % 3}/é {number}": content(5_000 + number, number) for number in range(12)},
}


@contextmanager
def _mounted(place: Place, name: str = "mounted") -> Iterator[Path]:
    """The case's bucket as a folder; unmounted at the end, which sends what is not sent."""
    keys = place.folder / "passwd-s3fs"
    keys.write_text(f"{place.endpoint.access_key}:{place.endpoint.secret_key}")
    keys.chmod(0o600)
    folder = place.folder / name
    folder.mkdir()
    options = [f"url={place.endpoint.url}", "use_path_request_style", f"passwd_file={keys}"]
    words = [word for option in options for word in ("-o", option)]
    settings = {
        each: value for each, value in environment(place).items() if not each.startswith("AWS_")
    }
    run(
        [place.program, place.bucket, folder, *words], environment=settings, folder=place.folder
    ).succeeded()
    try:
        yield folder
    finally:
        subprocess.run(["fusermount", "-u", folder], check=True, timeout=30)


def _holds_trees(place: Place) -> None:
    with _mounted(place) as mounted:
        plant(mounted / "tree", _FILES)
        assert harvest(mounted / "tree") == digests(_FILES)
        (mounted / "tree").rename(mounted / "moved")
    with _mounted(place, "again") as mounted:
        assert harvest(mounted / "moved") == digests(_FILES)
        assert [each.name for each in mounted.iterdir()] == ["moved"]
        shutil.rmtree(mounted / "moved")
    with client(place.endpoint) as s3:
        assert s3.list_objects_v2(Bucket=place.bucket)["KeyCount"] == 0


def _writes_into_files(place: Place) -> None:
    data = bytearray(content(30 * MIB))
    with _mounted(place) as mounted:
        (mounted / "f").write_bytes(data)
        with (mounted / "f").open("r+b") as file:
            file.seek(12 * MIB)
            file.write(b"in the middle")
        with (mounted / "f").open("ab") as file:
            file.write(b"at the end")
    data[12 * MIB : 12 * MIB + 13] = b"in the middle"
    data += b"at the end"
    with client(place.endpoint) as s3:
        stored = s3.get_object(Bucket=place.bucket, Key="f")["Body"].read()
    assert sha256(stored) == sha256(bytes(data))


def _keeps_attributes(place: Place) -> None:
    with _mounted(place) as mounted:
        plant(mounted, {"f": b"x"})
        (mounted / "f").chmod(0o640)
        (mounted / "link").symlink_to("f")
    with _mounted(place, "again") as mounted:
        told = (mounted / "f").stat()
        assert (told.st_mode & 0o777, told.st_mtime) == (0o640, 1_700_000_000)
        assert (mounted / "link").read_bytes() == b"x"


def _shows_what_others_put(place: Place) -> None:
    with client(place.endpoint) as s3:
        s3.put_object(Bucket=place.bucket, Key="a/b/c", Body=b"put")
    with _mounted(place) as mounted:
        assert (mounted / "a/b/c").read_bytes() == b"put"
        assert [each.name for each in (mounted / "a").iterdir()] == ["b"]


_CASES: dict[str, Callable[[Place], None]] = {
    "trees of files: write, rename, remove": _holds_trees,
    "write into files, append": _writes_into_files,
    "modes, times, links": _keeps_attributes,
    "objects of others": _shows_what_others_put,
}


def _build(_: Path) -> Path:
    if not Path("/dev/fuse").exists():
        raise BuildError("/dev/fuse is missing: this system mounts nothing")
    return debian("/usr/bin/s3fs", "s3fs", "fuse3")


SUITE = Suite(
    name="s3fs_fuse",
    version=debian_version("s3fs"),
    build=_build,
    cases=[Case(name=name, run=do) for name, do in _CASES.items()],
)
