"""MinIO's client, mc. Its ``admin`` talks MinIO's own API, which is not S3 and not ours."""

import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.building import go_install
from conformance.outcome import Case, Place, Suite
from tests.clients.bodies import MIB, content, digests, etag, harvest, plant, sha256
from tests.clients.programs import Run, run

_PACKAGE = "github.com/minio/mc"
_VERSION = "v0.0.0-20250313080218-cf909e1063a9"
_NASTY = ("a+b c", "é/日本/😀", "100%25%", "a%2Fb", "q?x=1&y", "~tilde", "semi;colon,@", "[x]{}^")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mc:
    """The program with an alias ``our``."""

    place: Place

    def run(self, *words: str, stdin: bytes = b"") -> Run:
        """Run it to its end, whatever it says."""
        home = self.place.folder / "home"
        home.mkdir(exist_ok=True)
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
        return run(
            [self.place.program, "--config-dir", home / "mc", "--disable-pager", *words],
            environment=environment,
            folder=self.place.folder,
            stdin=stdin,
            timeout_s=120,
        )

    def __call__(self, *words: str, stdin: bytes = b"") -> Run:
        """Run it; AssertionError if it fails."""
        return self.run(*words, stdin=stdin).succeeded()

    def json(self, *words: str) -> list[Any]:
        """The documents it prints, one a line."""
        lines = self("--json", *words).text.splitlines()
        return [json.loads(line) for line in lines if line.strip()]

    @property
    def bucket(self) -> str:
        """The case's bucket, as mc spells it."""
        return f"our/{self.place.bucket}"

    def plant(self, **files: bytes) -> None:
        """Write files into the working folder."""
        plant(self.place.folder, files)

    def path(self, name: str) -> Path:
        """A file in the working folder."""
        return self.place.folder / name

    def keys(self) -> list[str]:
        """Every key of the bucket, in the order listed."""
        return [each["key"] for each in self.json("ls", "--recursive", self.bucket)]


def _with_alias(place: Place) -> Mc:
    mc = Mc(place=place)
    end = place.endpoint
    mc("alias", "set", "our", end.url, end.access_key, end.secret_key, "--api", "S3v4",
       "--path", "on")  # fmt: skip
    return mc


def _alias(mc: Mc) -> None:
    listed = mc.json("alias", "ls", "our")
    assert listed[0]["URL"].rstrip("/") == mc.place.endpoint.url
    wrong = mc.run(
        "alias", "set", "wrong", mc.place.endpoint.url, mc.place.endpoint.access_key, "wrong-secret"
    )
    wrong.refused()


def _buckets(mc: Mc) -> None:
    other = f"{mc.bucket}-b"
    mc("mb", other)
    assert f"{mc.place.bucket}-b/" in [each["key"] for each in mc.json("ls", "our")]
    mc("mb", "--ignore-existing", other)
    mc("pipe", f"{other}/k", stdin=b"x")
    mc.run("rb", other).refused()
    mc("rb", "--force", other)
    assert f"{mc.place.bucket}-b/" not in [each["key"] for each in mc.json("ls", "our")]


def _copies(mc: Mc) -> None:
    files = {"small": content(70_000), "empty": b"", "big": content(40 * MIB)}
    mc.plant(**files)
    for name, data in files.items():
        mc("cp", name, f"{mc.bucket}/dir/{name}")
        mc("cp", f"{mc.bucket}/dir/{name}", f"got-{name}")
        assert sha256(mc.path(f"got-{name}").read_bytes()) == sha256(data), name
    parts = [files["big"][start : start + 16 * MIB] for start in range(0, 40 * MIB, 16 * MIB)]
    told = mc.json("stat", f"{mc.bucket}/dir/big")[0]
    assert told["etag"] == etag(*parts).strip('"'), told


def _copies_on_the_server(mc: Mc) -> None:
    mc.plant(f=content(100_000))
    mc("cp", "--attr", "a=1;Cache-Control=max-age=9", "f", f"{mc.bucket}/from")
    mc("cp", f"{mc.bucket}/from", f"{mc.bucket}/x y/é+")
    mc("mv", f"{mc.bucket}/from", f"{mc.bucket}/moved")
    assert mc.keys() == ["moved", "x y/é+"]
    told = mc.json("stat", f"{mc.bucket}/x y/é+")[0]["metadata"]
    assert told["X-Amz-Meta-A"] == "1", told
    assert told["Cache-Control"] == "max-age=9", told
    assert sha256(mc("cat", f"{mc.bucket}/x y/é+").output) == sha256(content(100_000))


def _checksum(algorithm: str) -> Callable[[Mc], None]:
    def run_case(mc: Mc) -> None:
        data = content(20 * MIB)
        mc.plant(f=data)
        mc("put", "--checksum", algorithm, "f", f"{mc.bucket}/f")
        mc("get", f"{mc.bucket}/f", "down")
        assert sha256(mc.path("down").read_bytes()) == sha256(data)

    return run_case


def _pipes(mc: Mc) -> None:
    data = content(20 * MIB)
    mc("pipe", f"{mc.bucket}/stream", stdin=data)
    assert sha256(mc("cat", f"{mc.bucket}/stream").output) == sha256(data)
    mc("pipe", f"{mc.bucket}/lines", stdin=b"1\n2\n3\n")
    assert mc("head", "-n", "2", f"{mc.bucket}/lines").output == b"1\n2\n"
    assert mc("cat", "--offset", "2", f"{mc.bucket}/lines").output == b"2\n3\n"


def _mirrors(mc: Mc) -> None:
    files = {f"d{number % 3}/f{number}": content(100 + number, number) for number in range(20)}
    plant(mc.path("up"), files)
    mc("mirror", "up", f"{mc.bucket}/p")
    mc.path("up/d0/f0").unlink()
    plant(mc.path("up"), {"d1/f1": b"changed"})
    mc("mirror", "--overwrite", "--remove", "up", f"{mc.bucket}/p")
    mc("mirror", f"{mc.bucket}/p", "down")
    assert harvest(mc.path("down")) == harvest(mc.path("up"))
    mc("mirror", f"{mc.bucket}/p", f"{mc.bucket}/q")
    assert len(mc.keys()) == 38


def _nasty_names(mc: Mc) -> None:
    files = {f"d/{name}": name.encode() for name in _NASTY}
    plant(mc.path("up"), files)
    mc("cp", "--recursive", "up/", f"{mc.bucket}/")
    assert mc.keys() == sorted(files, key=str.encode)
    mc("cp", "--recursive", f"{mc.bucket}/", "down/")
    assert harvest(mc.path("down")) == digests(files)
    for name, data in files.items():
        assert mc("cat", f"{mc.bucket}/{name}").output == data, name


def _lists(mc: Mc) -> None:
    for key in ("a", "d/b", "d/e/c"):
        mc("pipe", f"{mc.bucket}/{key}", stdin=b"12345")
    assert [each["key"] for each in mc.json("ls", mc.bucket)] == ["a", "d/"]
    assert mc.keys() == ["a", "d/b", "d/e/c"]
    assert mc.json("du", mc.bucket)[-1]["size"] == 15
    found = mc("find", mc.bucket, "--name", "*c").text.split()
    assert found == [f"{mc.bucket}/d/e/c"]
    assert "d" in mc("tree", mc.bucket).text


def _stats(mc: Mc) -> None:
    mc.plant(k=b"12345")
    mc("cp", "k", f"{mc.bucket}/k")
    told = mc.json("stat", f"{mc.bucket}/k")[0]
    assert (told["size"], told["etag"]) == (5, etag(b"12345").strip('"'))
    mc("stat", mc.bucket)
    mc.run("stat", f"{mc.bucket}/absent").refused()


def _differs(mc: Mc) -> None:
    for key in ("a/same", "b/same", "a/one", "b/two"):
        mc("pipe", f"{mc.bucket}/{key}", stdin=b"1")
    mc("pipe", f"{mc.bucket}/a/longer", stdin=b"22")
    mc("pipe", f"{mc.bucket}/b/longer", stdin=b"333")
    lines = mc("diff", f"{mc.bucket}/a", f"{mc.bucket}/b").text.split("\n")
    marked = {line.split()[-1].rpartition("/")[2]: line[0] for line in lines if line}
    assert marked == {"one": "<", "two": ">", "longer": "!"}, marked


def _removes(mc: Mc) -> None:
    for number in range(12):
        mc("pipe", f"{mc.bucket}/d{number % 2}/{number}", stdin=b"")
    mc("rm", f"{mc.bucket}/d0/0")
    mc("rm", "--recursive", "--force", f"{mc.bucket}/d1/")
    assert mc.keys() == [f"d0/{number}" for number in (10, 2, 4, 6, 8)]
    mc("rm", "--recursive", "--force", "--older-than", "1d", f"{mc.bucket}/d0/")
    assert len(mc.keys()) == 5


def _shares(mc: Mc) -> None:
    mc("pipe", f"{mc.bucket}/a b+é", stdin=b"shared")
    url = mc.json("share", "download", "--expire", "1h", f"{mc.bucket}/a b+é")[0]["share"]
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"shared"


def _tags(mc: Mc) -> None:
    mc("pipe", f"{mc.bucket}/k", stdin=b"x")
    mc("tag", "set", f"{mc.bucket}/k", "color=blue&size=5 m")
    told = mc.json("tag", "list", f"{mc.bucket}/k")[0]["tagset"]
    assert told == {"color": "blue", "size": "5 m"}, told
    mc("tag", "remove", f"{mc.bucket}/k")
    assert "No tags" in mc.run("tag", "list", f"{mc.bucket}/k").text


def _is_ready(mc: Mc) -> None:
    mc("ready", "our")
    mc("ping", "--count", "1", "our")


def _probes(mc: Mc) -> None:
    assert mc("anonymous", "get", mc.bucket).text.split()[-1].strip("`.") == "private"
    assert "un-versioned" in mc("version", "info", mc.bucket).text
    mc.run("encrypt", "info", mc.bucket).refused("encryption configuration was not found")
    mc.run("ilm", "rule", "ls", mc.bucket).refused("lifecycle")
    mc.run("tag", "list", mc.bucket).refused("No tags")
    mc.run("retention", "info", "--default", mc.bucket).refused()


def _incomplete(mc: Mc) -> None:
    assert mc.json("ls", "--incomplete", "--recursive", mc.bucket) == []
    mc("rm", "--incomplete", "--recursive", "--force", mc.bucket)


def _not_built(*words: str, says: str = "not implemented") -> Callable[[Mc], None]:
    """The command prints ``says``, in any case, and the bucket stays as it was."""

    def run_case(mc: Mc) -> None:
        mc("pipe", f"{mc.bucket}/k", stdin=b"x")
        done = mc.run(*(word.replace("BUCKET", mc.bucket) for word in words))
        said = f"{done.text}{done.errors}"
        assert says in said.lower(), said
        assert mc.keys() == ["k"]

    return run_case


_CASES: dict[str, Callable[[Mc], None]] = {
    "alias set, list and a wrong secret": _alias,
    "mb, ls, rb": _buckets,
    "cp up and down, in parts too": _copies,
    "cp and mv on the server, attributes": _copies_on_the_server,
    **{
        f"put --checksum {name}": _checksum(name)
        for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
    },
    "pipe, cat, head": _pipes,
    "mirror": _mirrors,
    "keys of any characters": _nasty_names,
    "ls, du, find, tree": _lists,
    "stat": _stats,
    "diff": _differs,
    "rm, rm -r --force": _removes,
    "share download": _shares,
    "tag": _tags,
    "ready, ping": _is_ready,
    "probes of what is not configured": _probes,
    "incomplete uploads": _incomplete,
    "version enable is refused": _not_built("version", "enable", "BUCKET"),
    "anonymous set is refused": _not_built("anonymous", "set", "download", "BUCKET"),
    "encrypt set is refused": _not_built("encrypt", "set", "sse-s3", "BUCKET"),
    # mc asks for the bucket's lock first and refuses by itself when there is none.
    "retention set is refused": _not_built(
        "retention", "set", "governance", "1d", "BUCKET/k", says="does not support locking"
    ),
    "retention set --default is refused": _not_built(
        "retention",
        "set",
        "--default",
        "governance",
        "1d",
        "BUCKET",
        says="does not support locking",
    ),
    "legalhold set is refused": _not_built(
        "legalhold", "set", "BUCKET/k", says="lock needs to be enabled"
    ),
    "ilm rule add is refused": _not_built("ilm", "rule", "add", "--expire-days", "1", "BUCKET"),
    "tag set on a bucket is refused": _not_built("tag", "set", "BUCKET", "a=1"),
    "sql is refused": _not_built(
        "sql",
        "--query",
        "select * from S3Object",
        "BUCKET/k",
        says="not implemented",
    ),
}


def _case(name: str, do: Callable[[Mc], None]) -> Case:
    return Case(name=name, run=lambda place: do(_with_alias(place)))


SUITE = Suite(
    name="mc",
    version=f"{_PACKAGE} {_VERSION}",
    build=lambda folder: go_install(_PACKAGE, _VERSION, folder),
    cases=[_case(name, do) for name, do in _CASES.items()],
)
