"""OpenTofu: its state in S3, locked by a conditional write, as Terraform does too."""

import json
import os
import select
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from conformance.building import go_build_of
from conformance.outcome import Case, Place, Suite
from conformance.scripted import environment
from tests.clients.boto import client
from tests.clients.programs import Run, run

_MODULE = "github.com/opentofu/opentofu"
_VERSION = "v1.12.6"
_KEY = "some/where/terraform.tfstate"
_LOCK = f"{_KEY}.tflock"
_LOCKED_S = 30.0


class _Tofu:
    """The program in a folder of its own, whose state is in the case's bucket."""

    def __init__(self, place: Place, name: str = "infrastructure", **backend: Any) -> None:
        self.place = place
        self.folder = place.folder / name
        self.folder.mkdir()
        settings = {
            "bucket": place.bucket,
            "key": _KEY,
            "region": place.endpoint.region,
            "endpoints": {"s3": place.endpoint.url},
            "use_path_style": True,
            "use_lockfile": True,
            "skip_credentials_validation": True,
            "skip_requesting_account_id": True,
            "skip_region_validation": True,
            "skip_metadata_api_check": True,
            **backend,
        }
        self.write("backend.tf.json", {"terraform": {"backend": {"s3": settings}}})
        self.write("value.tf.json", {"variable": {"v": {"default": "of no importance"}}})
        self.resource("one", input="${var.v}")

    def write(self, name: str, document: Any) -> None:
        (self.folder / name).write_text(json.dumps(document))

    def resource(self, name: str, **arguments: Any) -> None:
        """Write a file with a resource that needs no provider."""
        self.write(f"{name}.tf.json", {"resource": {"terraform_data": {name: arguments}}})

    def __call__(self, *words: str) -> Run:
        return self.run(*words).succeeded()

    def run(self, *words: str) -> Run:
        return run(self.command(*words), environment=self.environment, folder=self.folder)

    def command(self, *words: str) -> list[str | Path]:
        return [self.place.program, *words, *_quiet(words[0])]

    @property
    def environment(self) -> dict[str, str]:
        return {**environment(self.place), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}

    def applied(self, value: str, *words: str) -> Run:
        return self("apply", "-auto-approve", f"-var=v={value}", *words)

    def state(self) -> Any:
        return self("state", "pull").json()


def _quiet(command: str) -> list[str]:
    asking = ("init", "plan", "apply", "destroy")
    return ["-input=false", "-no-color"] if command in asking else []


def _outputs(state: Any) -> list[str]:
    """What the resources of a state have been given."""
    return [each["instances"][0]["attributes"]["output"]["value"] for each in state["resources"]]


def _stored(place: Place) -> list[str]:
    with client(place.endpoint) as s3:
        listed = s3.list_objects_v2(Bucket=place.bucket)
    return [each["Key"] for each in listed.get("Contents", [])]


def _applies(tofu: _Tofu) -> None:
    tofu("init")
    tofu.applied("first")
    assert _outputs(tofu.state()) == ["first"]
    colleague = _Tofu(tofu.place, "colleague")
    colleague("init")
    colleague("plan", "-detailed-exitcode", "-var=v=first")
    colleague.applied("second")
    assert _outputs(tofu.state()) == ["second"]
    assert _stored(tofu.place) == [_KEY]
    tofu("destroy", "-auto-approve")
    assert tofu.state()["resources"] == []


def _keeps_large_states(tofu: _Tofu) -> None:
    large = "é日本 " * 400_000
    tofu.resource("large", input=large)
    tofu("init")
    tofu.applied("small")
    assert _outputs(tofu.state()) == [large, "small"]
    with client(tofu.place.endpoint) as s3:
        body = s3.get_object(Bucket=tofu.place.bucket, Key=_KEY)["Body"].read()
    assert json.loads(body) == tofu.state()


@contextmanager
def _holding_the_lock(tofu: _Tofu) -> Iterator[None]:
    """``tofu`` applies, and holds the lock until the context is left: a provisioner waits for a word."""
    pipes = tofu.folder / "begun", tofu.folder / "ended"
    waits = {"local-exec": {"command": f"echo > {pipes[0]}; read word < {pipes[1]}"}}
    tofu.resource("slow", input="slow", provisioner=[waits])
    with ExitStack() as opened:
        begun, ended = (opened.enter_context(_pipe(path)) for path in pipes)
        pool = opened.enter_context(ThreadPoolExecutor(1))
        applied = pool.submit(tofu, "apply", "-auto-approve")
        try:
            ready, _, _ = select.select([begun], [], [], _LOCKED_S)
            assert ready, f"it did not begin: {applied}"
            yield
        finally:
            os.write(ended, b"go on\n")
        applied.result()


@contextmanager
def _pipe(path: Path) -> Iterator[int]:
    """A new named pipe, open both ways, so that nobody waits to open it."""
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locks(tofu: _Tofu) -> None:
    tofu("init")
    colleague = _Tofu(tofu.place, "colleague")
    colleague("init")
    with _holding_the_lock(tofu):
        with client(tofu.place.endpoint) as s3:
            held = s3.get_object(Bucket=tofu.place.bucket, Key=_LOCK)["Body"].read()
        refused = colleague.run("apply", "-auto-approve")
        refused.refused("Error acquiring the state lock", json.loads(held)["ID"])
    colleague("apply", "-auto-approve", "-target=terraform_data.one")
    assert _stored(tofu.place) == [_KEY]


def _breaks_locks(tofu: _Tofu) -> None:
    tofu("init")
    tofu.applied("before")
    lock = {"ID": "9db590f1-b6fe-c5f2-2678-8804f089deba", "Operation": "OperationTypeApply"}
    with client(tofu.place.endpoint) as s3:
        s3.put_object(Bucket=tofu.place.bucket, Key=_LOCK, Body=json.dumps(lock).encode())
    tofu.run("apply", "-auto-approve").refused("PreconditionFailed", lock["ID"])
    tofu("force-unlock", "-force", lock["ID"])
    tofu.applied("after")
    assert _outputs(tofu.state()) == ["after"]


def _waits_its_turn(tofu: _Tofu) -> None:
    """Six apply at once: each gets the lock, and none undoes another's state."""
    tofu("init")
    tofu.applied("0")
    before = tofu.state()
    others = [_Tofu(tofu.place, f"other-{number}") for number in range(6)]
    for other in others:
        other("init")
    with ThreadPoolExecutor(len(others)) as pool:
        done = [
            pool.submit(other.applied, f"value {number}", "-lock-timeout=60s")
            for number, other in enumerate(others)
        ]
        for each in done:
            each.result()
    after = tofu.state()
    assert after["lineage"] == before["lineage"]
    assert after["serial"] == before["serial"] + len(others), (before["serial"], after["serial"])
    assert _stored(tofu.place) == [_KEY]


def _has_workspaces(tofu: _Tofu) -> None:
    tofu("init")
    tofu.applied("of default")
    for name in ("staging", "production"):
        tofu("workspace", "new", name)
        tofu.applied(f"of {name}")
    listed = tofu("workspace", "list").text.replace("*", " ").split()
    assert listed == ["default", "production", "staging"]
    for name in listed:
        tofu("workspace", "select", name)
        assert _outputs(tofu.state()) == [f"of {name}"]
    tofu("workspace", "select", "default")
    tofu("workspace", "delete", "-force", "staging")
    assert _stored(tofu.place) == [f"env:/production/{_KEY}", _KEY]


def _moves_states(tofu: _Tofu) -> None:
    backend = tofu.folder / "backend.tf.json"
    s3 = backend.read_text()
    backend.unlink()
    tofu("init")
    tofu.applied("from a file")
    backend.write_text(s3)
    tofu("init", "-migrate-state", "-force-copy")
    assert _outputs(tofu.state()) == ["from a file"]
    backend.unlink()
    tofu("init", "-migrate-state", "-force-copy")
    assert _outputs(json.loads((tofu.folder / "terraform.tfstate").read_text())) == ["from a file"]


def _refuses_encryption(place: Place) -> None:
    tofu = _Tofu(place, encrypt=True)
    tofu("init")
    tofu.run("apply", "-auto-approve").refused("NotImplemented", "x-amz-server-side-encryption")
    assert _stored(place) == []


_CASES: dict[str, Callable[[_Tofu], None]] = {
    "apply, and a colleague after": _applies,
    "a state of megabytes": _keeps_large_states,
    "the lock holds others off": _locks,
    "force-unlock": _breaks_locks,
    "six apply at once": _waits_its_turn,
    "workspaces": _has_workspaces,
    "state from a file and back": _moves_states,
}


def _case(name: str, do: Callable[[_Tofu], None]) -> Case:
    return Case(name=name, run=lambda place: do(_Tofu(place)))


SUITE = Suite(
    name="opentofu",
    version=f"{_MODULE} {_VERSION}",
    build=lambda folder: go_build_of(_MODULE, _VERSION, "cmd/tofu", folder),
    cases=[
        *(_case(name, do) for name, do in _CASES.items()),
        Case(name="encryption is refused", run=_refuses_encryption),
    ],
)
