"""A server that came back, and its directory, held against the journal."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import apsw

from tests.crash.journal import ABSENT, Journal
from tests.crash.workload import Upload, Workload, wrong
from tests.live.client import Client, quoted


def check_objects(
    client: Client, journal: Journal, bucket: str, *, until: int | None = None, settle: bool = False
) -> list[str]:
    """What is wrong with the objects of a bucket: each must be one that may be there, whole, with
    its metadata, and GET, HEAD and the listing must agree."""
    problems: list[str] = []
    listing = client.request("GET", f"/{bucket}", "list-type=2")
    if listing.status != 200:
        return [f"{bucket}: listing: {listing}"]
    entries = {
        entry.findtext("Key", ""): (entry.findtext("ETag"), entry.findtext("Size"))
        for entry in listing.xml().findall("Contents")
    }
    for key in journal.keys(bucket):
        allowed = journal.allowed(bucket, key, until=until)
        got = client.get(bucket, key)
        problem = wrong(journal, allowed, got)
        listed = entries.pop(key, None)
        if problem is not None:
            problems.append(f"{bucket}/{key}: {problem}")
            continue
        head = client.request("HEAD", f"/{bucket}/{quoted(key)}")
        if (got.status == 200) != (listed is not None) or head.status != got.status:
            problems.append(f"{bucket}/{key}: GET {got.status}, HEAD {head.status}, {listed}")
        elif listed is not None:
            told = {(a.headers["etag"], a.headers["content-length"]) for a in (got, head)}
            told.add((listed[0] or "", listed[1] or ""))
            if len(told) != 1:
                problems.append(f"{bucket}/{key}: {told}")
        if settle:
            token = got.headers["x-amz-meta-token"] if got.status == 200 else ABSENT
            journal.settle(bucket, key, token)
    problems += [f"{bucket}/{key}: nobody ever put it" for key in entries]
    return problems


def check_buckets(
    client: Client, journal: Journal, buckets: Sequence[str], *, until: int | None = None
) -> list[str]:
    """What is wrong with the buckets that clients made and removed beside their own."""
    problems = []
    found = set(client.request("GET", "/").texts("Buckets/Bucket/Name")) - set(buckets)
    for bucket in [f"{bucket}-beside" for bucket in buckets]:
        allowed = journal.allowed(bucket, "", until=until)
        there = bucket if bucket in found else ABSENT
        if there not in allowed:
            problems.append(f"bucket {bucket}: {there!r} is there, allowed was {sorted(allowed)}")
        if until is None:
            journal.settle(bucket, "", there)
    return problems


def check_uploads(client: Client, uploads: Sequence[Upload]) -> list[str]:
    """What is wrong with uploads whose parts were all acknowledged: each must still list them."""
    problems = []
    for upload in uploads:
        path = f"/{upload.bucket}/{quoted(upload.key)}"
        answer = client.request("GET", path, f"uploadId={upload.id}")
        if answer.status != 200 or answer.texts("Part/ETag") != [e for _, e in upload.etags]:
            problems.append(f"parts of {upload.id} of {path}: {answer} {answer.body!r}")
    return problems


def check_all(client: Client, workload: Workload, buckets: Sequence[str]) -> list[str]:
    """What is wrong with the uploads and the objects of the buckets, and with which buckets there are."""
    problems = check_uploads(client, workload.uploads)
    for bucket in buckets:
        problems += check_objects(client, workload.journal, bucket, settle=True)
    return problems + check_buckets(client, workload.journal, buckets)


def doomed(root: Path) -> list[str]:
    """Paths whose bytes nobody owns any more and of which that is still noted."""
    with contextlib.closing(_reading(root / ".s3front" / "catalog.db")) as connection:
        return [path for (path,) in connection.execute("SELECT path FROM locations")]


def leftovers(root: Path) -> list[str]:
    """What lies in the directory of a server at rest that no row accounts for.

    Every file in a bucket's folder or under a path of our own is an object's, every staged one an
    upload's, nothing is doomed.
    """
    state = root / ".s3front"
    with contextlib.closing(_reading(state / "catalog.db")) as connection:
        paths = {
            path or f"{bucket}/{key.decode()}"
            for bucket, key, path in connection.execute(
                "SELECT b.name, o.key, o.path FROM objects o JOIN buckets b ON b.id = o.bucket_id"
            )
        }
        uploads = {id for (id,) in connection.execute("SELECT id FROM uploads")}
        parts = {
            f"part-{id}-{number}-{attempt}"
            for id, number, attempt in connection.execute(
                "SELECT upload_id, number, attempt FROM parts WHERE offset IS NULL"
            )
        }
    problems = [f"doomed: {path}" for path in doomed(root)]
    there = {
        str(file.relative_to(root))
        for folder in (*_buckets(root), state / "o")
        for file in folder.rglob("*")
        if file.is_file()
    }
    problems += [f"a file of no object: {path}" for path in sorted(there - paths)]
    problems += [f"no file: {path}" for path in sorted(paths - there)]
    staged = {file.name for file in (state / "staged").iterdir()}
    of_uploads = {f"upload-{id}" for id in uploads} | parts
    problems += [f"staged: {name}" for name in sorted(staged - of_uploads)]
    return problems


def _reading(catalog: Path) -> apsw.Connection:
    connection = apsw.Connection(str(catalog), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(10_000)
    return connection


def _buckets(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir() and path.name != ".s3front"]
