"""``python -m conformance.services``: the behaviour of storages, on S3 services that are compiled here.

Exit status: 0 all is as it should be; 1 something is not; 2 a service could not be built or started.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import boto3

from bench.peers.packages import BUILD, PACKAGES
from bench.peers.processes import Running, running
from bench.peers.servers import KINDS
from bench.server import ServerError
from conformance.outcome import BuildError

_BUCKET = "conformance"
_LISTING = "tests/backends/test_listing_behaviour.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    """``excused``: tests that cannot pass, and why."""

    profile: str
    excused: Mapping[str, str]


_SERVICES: Mapping[str, _Service] = {
    "versitygw": _Service(profile="versitygw", excused={}),
    "minio": _Service(
        profile="minio",
        excused={
            f"{_LISTING}::test_a_listing_is_the_sorted_paths[s3-live]": "it lists nothing below a key"
        },
    ),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m conformance.services", description=__doc__)
    parser.add_argument("service", nargs="*", help=f"of {', '.join(_SERVICES)}; all if none")
    chosen = parser.parse_args(words).service or list(_SERVICES)
    unknown = sorted(set(chosen) - set(_SERVICES))
    if unknown:
        parser.error(f"no such service: {', '.join(unknown)}")
    worst = 0
    for name in chosen:
        try:
            worst = max(worst, _judged(name))
        except (BuildError, ServerError) as error:
            print(error, file=sys.stderr)
            return 2
    return worst


def _judged(name: str) -> int:
    service = _SERVICES[name]
    BUILD.mkdir(parents=True, exist_ok=True)
    program = PACKAGES[name].get(BUILD)
    kind = KINDS[name]
    for test, reason in service.excused.items():
        print(f"{name}: not asked, {reason}: {test}")
    with running(kind, program, None) as server, tempfile.TemporaryDirectory() as folder:
        _make_bucket(server)
        settings = Path(folder) / "settings.toml"
        settings.touch(mode=0o600)
        settings.write_text(_settings(server, service.profile))
        command = [sys.executable, "-m", "pytest", "-q", "-k", "s3-live", "tests/backends"]
        command += [word for test in service.excused for word in ("--deselect", test)]
        print(f"{name} {PACKAGES[name].version}", flush=True)
        done = subprocess.run(
            command, env={**os.environ, "S3FRONT_TEST_S3": str(settings)}, check=False
        )
    return 1 if done.returncode else 0


def _make_bucket(server: Running) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.place.access_key,
        aws_secret_access_key=server.place.secret_key,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=_BUCKET)


def _settings(server: Running, profile: str) -> str:
    lines = {
        "endpoint": server.endpoint,
        "bucket": _BUCKET,
        "access_key": server.place.access_key,
        "secret_key": server.place.secret_key,
        "profile": profile,
    }
    return (
        "".join(f'{name} = "{value}"\n' for name, value in lines.items()) + "allow_private = true\n"
    )


if __name__ == "__main__":
    sys.exit(main())
