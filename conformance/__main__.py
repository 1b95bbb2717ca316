"""``python -m conformance``."""

import argparse
import os
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance import report
from conformance.outcome import BuildError, Case, Outcome, Place, Suite, deviations, judged
from conformance.suites import (
    django,
    duplicity,
    dvc,
    go,
    go_cdk,
    hadoop,
    java,
    javascript_applications,
    lakes,
    litestream,
    mc,
    mlflow,
    objstore,
    opentofu,
    perl,
    pocketbase,
    python_libraries,
    rclone,
    registry,
    restic,
    rust,
    rust_s3,
    s3fs_fuse,
    seaweedfs,
    spark,
    tusd,
    victoriametrics,
)
from tests.clients.boto import client, emptied
from tests.clients.endpoint import ROOT, STORAGES, Endpoint, configured, served

SUITES: tuple[Suite, ...] = (
    mc.SUITE,
    go.SUITE,
    go_cdk.SUITE,
    objstore.SUITE,
    rclone.SUITE,
    rust.SUITE,
    rust_s3.SUITE,
    java.SUITE,
    hadoop.SUITE,
    spark.SUITE,
    perl.SUITE,
    javascript_applications.SUITE,
    restic.SUITE,
    duplicity.SUITE,
    python_libraries.SUITE,
    lakes.SUITE,
    django.SUITE,
    dvc.SUITE,
    mlflow.SUITE,
    registry.SUITE,
    pocketbase.SUITE,
    litestream.SUITE,
    opentofu.SUITE,
    tusd.SUITE,
    victoriametrics.SUITE,
    seaweedfs.SUITE,
    s3fs_fuse.SUITE,
)
_HERE = Path(__file__).resolve().parent
_EPILOG = """\
examples:
  python -m conformance                        all suites, against a fresh server
  python -m conformance --suite mc             one suite
  python -m conformance --case 'mc: mirror'    one case; writes no report
  python -m conformance --list                 the cases, by name
  python -m conformance --storage webdav-nginx with the bytes there; writes no report of its own accord
  S3FRONT_TEST_ENDPOINT=https://... S3FRONT_TEST_ACCESS_KEY=... S3FRONT_TEST_SECRET_KEY=... \\
    python -m conformance --output /tmp/other  another server, for comparison

exit status: 0 all passed or deviate for a reason in deviations.toml; 1 a case failed, or passed
though deviations.toml says it cannot; 2 a client could not be built or an argument is wrong.
"""


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description="Build S3 clients at pinned versions below build/conformance, start a server "
        "on an empty directory, let each client do what its users do, write report.md and "
        "report.json.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [suite.name for suite in SUITES]
    parser.add_argument("--suite", choices=names, action="append", help="only this client")
    parser.add_argument("--case", action="append", help="only this case, spelt as --list does")
    parser.add_argument("--list", action="store_true", help="print the cases and stop")
    parser.add_argument("--build", action="store_true", help="build the clients and stop")
    parser.add_argument(
        "--storage", choices=sorted(STORAGES), default="", help="where the bytes are"
    )
    parser.add_argument("--output", type=Path, help="folder for the reports")
    arguments = parser.parse_args(words)
    unknown = set(arguments.case or ()) - _names()
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))} (--list prints them)")
    return arguments


def _names() -> frozenset[str]:
    return frozenset(f"{suite.name}: {case.name}" for suite in SUITES for case in suite.cases)


def main(words: Sequence[str] | None = None) -> int:
    """Run it; the exit status."""
    arguments = _arguments(words)
    if arguments.list:
        print("\n".join(f"{suite.name}: {case.name}" for suite in SUITES for case in suite.cases))
        return 0
    suites = [each for each in SUITES if not arguments.suite or each.name in arguments.suite]
    try:
        excused = deviations(_HERE / "deviations.toml", _names())
        programs = {suite.name: _built(suite) for suite in suites}
    except (BuildError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.build:
        return 0
    before = report.commit(ROOT)
    with (
        tempfile.TemporaryDirectory(prefix="conformance-") as scratch,
        _server(Path(scratch), arguments.storage) as endpoint,
    ):
        outcomes = [
            outcome
            for suite in suites
            for outcome in _outcomes(
                suite,
                Ground(program=programs[suite.name], endpoint=endpoint, scratch=Path(scratch)),
                only=arguments.case,
                excused=excused,
            )
        ]
    output = arguments.output or (None if arguments.storage else _HERE)
    if output is not None and not arguments.case:
        output.mkdir(parents=True, exist_ok=True)
        server = "S3front of this commit" if endpoint.is_s3front else endpoint.url
        if arguments.storage:
            server = f"{server}, its bytes on {arguments.storage}"
        report.write(
            report.Run(
                commit=before[0],
                is_clean=before[1],
                endpoint=server,
                suites=suites,
                outcomes=outcomes,
            ),
            output,
        )
    bad = sum(not outcome.is_good for outcome in outcomes)
    print(f"{len(outcomes) - bad} of {len(outcomes)} cases are as they should be")
    return 1 if bad else 0


def _built(suite: Suite) -> Path:
    print(f"building {suite.name} ({suite.version})", flush=True)
    return suite.build(ROOT / "build/conformance")


@contextmanager
def _server(scratch: Path, storage: str) -> Iterator[Endpoint]:
    other = configured(os.environ)
    if other is not None:
        yield other
        return
    with served(scratch / "data", scratch / "log", storage=storage) as endpoint:
        yield endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all cases of a suite stand on."""

    program: Path
    endpoint: Endpoint
    scratch: Path


def _outcomes(
    suite: Suite,
    ground: Ground,
    *,
    only: Sequence[str] | None,
    excused: Mapping[str, str],
) -> Iterator[Outcome]:
    for case in suite.cases:
        name = f"{suite.name}: {case.name}"
        if only and name not in only:
            continue
        started = time.monotonic()
        failure = _failure(case, ground)
        outcome = judged(
            suite.name,
            case.name,
            seconds=time.monotonic() - started,
            failure=failure,
            reason=excused.get(name),
        )
        print(f"{outcome.verdict:9} {name}", flush=True)
        if not outcome.is_good:
            print(f"          {outcome.words}", flush=True)
        yield outcome


def _failure(case: Case, ground: Ground) -> str | None:
    """Why the case failed, None if it did not. The bucket is removed either way."""
    folder = Path(tempfile.mkdtemp(dir=ground.scratch))
    bucket = f"conformance-{uuid.uuid4().hex[:16]}"
    try:
        with client(ground.endpoint) as s3:
            s3.create_bucket(Bucket=bucket)
            try:
                case.run(
                    Place(
                        endpoint=ground.endpoint,
                        program=ground.program,
                        folder=folder,
                        bucket=bucket,
                    )
                )
            finally:
                emptied(s3, bucket)
                s3.delete_bucket(Bucket=bucket)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is in the report
        return _words(error)
    return None


def _words(error: Exception) -> str:
    """What an exception says; a bare assert says its own line."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    said = str(error) or f"line {where.lineno} of {Path(where.filename).name}: {where.line}"
    return f"{type(error).__name__}: {said}"


if __name__ == "__main__":
    sys.exit(main())
