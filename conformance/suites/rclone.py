"""rclone of today, built from its module: what the tests of Debian's older one do not ask."""

import json
from collections.abc import Callable

from conformance.building import go_install
from conformance.outcome import Case, Place, Suite
from conformance.scripted import environment
from tests.clients.bodies import MIB, content, digests, harvest, plant, sha256
from tests.clients.boto import client
from tests.clients.programs import Run, run

_PACKAGE = "github.com/rclone/rclone"
_VERSION = "v1.76.0"
_FILES = {
    **{f"d{number % 3}/f{number}": content(1000 + number, number) for number in range(12)},
    "big": content(23 * MIB, 99),
    "empty": b"",
    "a+b c/é 日本 😀": b"unicode",
    "100%25% a%2Fb": b"percent",
    "[brackets]{}^&$@=;:,'": b"marks",
    "control \x01\x1f\x7f": b"control",
    "line\nfeed\r": b"lines",
    " spaces ": b"spaces",
}
_CONTROL = "".join(map(chr, range(1, 32))) + "\x7f"


class _Rclone:
    """The program with remotes of the case's bucket: ``s3:`` and, above it, ``crypt:``."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.bucket = f"s3:{place.bucket}"
        end = place.endpoint
        s3 = {
            "TYPE": "s3",
            "PROVIDER": "Other",
            "ACCESS_KEY_ID": end.access_key,
            "SECRET_ACCESS_KEY": end.secret_key,
            "ENDPOINT": end.url,
            "REGION": end.region,
            "LIST_URL_ENCODE": "true",
            "CHUNK_SIZE": "5Mi",
            "UPLOAD_CUTOFF": "6Mi",
            "COPY_CUTOFF": "6Mi",
        }
        crypt = {
            "TYPE": "crypt",
            "REMOTE": f"{self.bucket}/encrypted",
            "PASSWORD": run(
                [place.program, "obscure", "of the remote"],
                environment=environment(place),
                folder=place.folder,
            ).text.strip(),
        }
        self.environment = {
            **environment(place),
            "RCLONE_CONFIG": str(place.folder / "rclone.conf"),
            **{f"RCLONE_CONFIG_S3_{name}": value for name, value in s3.items()},
            **{f"RCLONE_CONFIG_CRYPT_{name}": value for name, value in crypt.items()},
        }
        (place.folder / "rclone.conf").touch()
        plant(place.folder / "up", _FILES)

    def run(self, *words: str) -> Run:
        """Run it to its end, whatever it says. It asks once: a retry would hide what went wrong."""
        return run(
            [self.place.program, "--retries=1", "--low-level-retries=1", *words],
            environment=self.environment,
            folder=self.place.folder,
            timeout_s=120,
        )

    def __call__(self, *words: str) -> Run:
        return self.run(*words).succeeded()

    def files(self, name: str) -> dict[str, str]:
        """Name ▶ SHA-256 of the files in a folder."""
        return harvest(self.place.folder / name)

    def stored(self) -> list[str]:
        """The keys of the bucket."""
        with client(self.place.endpoint) as s3:
            listed = s3.list_objects_v2(Bucket=self.place.bucket)
        return [each["Key"] for each in listed.get("Contents", [])]


def _goes_there_and_back(rclone: _Rclone) -> None:
    rclone("copy", "up", f"{rclone.bucket}/p")
    rclone("check", "--download", "up", f"{rclone.bucket}/p")
    rclone("check", "up", f"{rclone.bucket}/p")
    rclone("sync", f"{rclone.bucket}/p", "down")
    assert rclone.files("down") == digests(_FILES)
    again = rclone("sync", "-v", "up", f"{rclone.bucket}/p").errors
    assert "Copied" not in again, again
    (rclone.place.folder / "up/big").write_bytes(content(23 * MIB, 98))
    rclone.run("check", "--download", "up", f"{rclone.bucket}/p").refused("1 differences found")


def _copies_on_the_server(rclone: _Rclone) -> None:
    rclone("copy", "up", f"{rclone.bucket}/p")
    for name in ("big", "a+b c/é 日本 😀", "empty", "line\nfeed\r"):
        told = rclone(
            "copyto", "-v", f"{rclone.bucket}/p/{name}", f"{rclone.bucket}/copy of {name}"
        )
        assert "server-side copy" in told.errors, told.errors
        rclone("moveto", f"{rclone.bucket}/copy of {name}", f"{rclone.bucket}/moved")
        assert sha256(rclone("cat", f"{rclone.bucket}/moved").output) == sha256(_FILES[name])
    assert not any(key.startswith("copy of") for key in rclone.stored())


def _reads_and_writes_in_parts_at_once(rclone: _Rclone) -> None:
    parts = [
        "--multi-thread-cutoff=5Mi",
        "--multi-thread-streams=4",
        "--multi-thread-chunk-size=5Mi",
    ]
    rclone("copyto", *parts, "up/big", f"{rclone.bucket}/big")
    rclone("copyto", *parts, f"{rclone.bucket}/big", "down/big")
    assert rclone.files("down") == digests({"big": _FILES["big"]})
    data = content(17 * MIB + 1)
    run(
        [rclone.place.program, "rcat", f"{rclone.bucket}/stream"],
        environment=rclone.environment,
        folder=rclone.place.folder,
        stdin=data,
    ).succeeded()
    assert sha256(rclone("cat", f"{rclone.bucket}/stream").output) == sha256(data)


def _keeps_metadata(rclone: _Rclone) -> None:
    told = {
        "content-type": "text/x-of-conformance",
        "cache-control": "max-age=60",
        "content-disposition": 'attachment; filename="a"',
        "content-encoding": "identity",
        "content-language": "en",
        "of-ours": "a b",
    }
    words = [f"--metadata-set={name}={value}" for name, value in told.items()]
    for name in ("big", "empty"):
        rclone("copyto", "-M", *words, f"up/{name}", f"{rclone.bucket}/{name}")
        rclone("copyto", "-M", f"{rclone.bucket}/{name}", f"{rclone.bucket}/of {name}")
        (listed,) = rclone("lsjson", "-M", f"{rclone.bucket}/of {name}").json()
        assert told.items() <= listed["Metadata"].items(), listed["Metadata"]


def _judges_the_storage(rclone: _Rclone) -> None:
    """``rclone test info``: which characters names may have, how long they may be.

    "renamed" are the control characters, which rclone itself shows by other ones.
    """
    rclone("test", "info", "--all", "--write-json=info.json", f"{rclone.bucket}/info")
    info = json.loads((rclone.place.folder / "info.json").read_text())
    for name, each in info.pop("ControlCharacters").items():
        listed = "renamed" if name in _CONTROL else "present"
        places = dict.fromkeys(("left", "middle", "right"), listed)
        assert each == {"WriteError": {}, "GetError": {}, "InList": places}, (name, each)
    assert info["MaxFileLength"] == 1024 - len("info/rclone-test-info-12345678/")
    can = {name: info[f"Can{name}"] for name in ("Stream", "WriteUnnormalized", "ReadUnnormalized")}
    assert all(can.values()), can
    assert not info["CanReadRenormalized"]


def _encrypts(rclone: _Rclone) -> None:
    rclone("sync", "up", "crypt:")
    rclone("cryptcheck", "up", "crypt:")
    assert not any("big" in key for key in rclone.stored())
    rclone("sync", "crypt:", "down")
    assert rclone.files("down") == digests(_FILES)


def _synchronises_both_ways(rclone: _Rclone) -> None:
    rclone("bisync", "--resync", "up", f"{rclone.bucket}/p")
    plant(rclone.place.folder, {"other/from far": b"far", "up/from near": b"near"})
    rclone("copy", "other", f"{rclone.bucket}/p")
    rclone("deletefile", f"{rclone.bucket}/p/empty")
    (rclone.place.folder / "up/ spaces ").unlink()
    rclone("bisync", "up", f"{rclone.bucket}/p")
    gone = {"empty", " spaces "}
    kept = {name: data for name, data in _FILES.items() if name not in gone}
    assert rclone.files("up") == digests({**kept, "from far": b"far", "from near": b"near"})
    rclone("check", "--download", "up", f"{rclone.bucket}/p")


def _keeps_empty_folders(rclone: _Rclone) -> None:
    (rclone.place.folder / "tree/a/b").mkdir(parents=True)
    plant(rclone.place.folder / "tree", {"c/d": b"d"})
    marked = ["--s3-directory-markers", "--create-empty-src-dirs"]
    rclone("copy", *marked, "tree", rclone.bucket)
    assert rclone.stored() == ["a/", "a/b/", "c/", "c/d"]
    rclone("copy", *marked, rclone.bucket, "back")
    assert (rclone.place.folder / "back/a/b").is_dir()
    rclone("rmdirs", "--s3-directory-markers", f"{rclone.bucket}/a")
    assert rclone.stored() == ["c/", "c/d"]


def _knows_that_there_are_no_versions(rclone: _Rclone) -> None:
    rclone("copyto", "up/empty", f"{rclone.bucket}/a")
    assert "Unversioned" in rclone("backend", "versioning", rclone.bucket).text
    assert rclone("lsf", "--s3-versions", rclone.bucket).text.split() == ["a"]
    rclone.run("backend", "versioning", rclone.bucket, "Enabled").refused("NotImplemented")
    rclone("backend", "cleanup-hidden", rclone.bucket)
    assert rclone.stored() == ["a"]


def _creates_only(rclone: _Rclone) -> None:
    """A header of the user's makes each upload a conditional one."""
    once = ["--header-upload", "If-None-Match: *", "--ignore-times", "--no-check-dest"]
    for name in ("d1/f1", "big"):
        rclone("copyto", *once, f"up/{name}", f"{rclone.bucket}/kept")
        rclone.run("copyto", *once, "up/d2/f2", f"{rclone.bucket}/kept").refused(
            "PreconditionFailed"
        )
        rclone.run("copyto", *once, "up/big", f"{rclone.bucket}/kept").refused("PreconditionFailed")
        assert sha256(rclone("cat", f"{rclone.bucket}/kept").output) == sha256(_FILES[name])
        rclone("deletefile", f"{rclone.bucket}/kept")


_CASES: dict[str, Callable[[_Rclone], None]] = {
    "copy, check --download, sync": _goes_there_and_back,
    "copyto, moveto on the server": _copies_on_the_server,
    "parts at once, both ways, streams": _reads_and_writes_in_parts_at_once,
    "metadata of its own and of HTTP": _keeps_metadata,
    "test info --all": _judges_the_storage,
    "crypt": _encrypts,
    "bisync": _synchronises_both_ways,
    "empty folders by markers": _keeps_empty_folders,
    "versions: none, enabling is refused": _knows_that_there_are_no_versions,
    "uploads that replace nothing": _creates_only,
}


def _case(name: str, do: Callable[[_Rclone], None]) -> Case:
    return Case(name=name, run=lambda place: do(_Rclone(place)))


SUITE = Suite(
    name="rclone",
    version=f"{_PACKAGE} {_VERSION}",
    build=lambda folder: go_install(_PACKAGE, _VERSION, folder),
    cases=[_case(name, do) for name, do in _CASES.items()],
)
