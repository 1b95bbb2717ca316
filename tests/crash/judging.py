"""What is there after an attempt, judged by a server started again on its directory."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.crash.checking import check_objects, check_uploads, leftovers
from tests.crash.journal import Outcome, content
from tests.crash.operations import (
    BUCKET,
    EMPTY,
    LATER,
    OPERATIONS,
    PART_ANEW,
    UPLOADS,
    Operation,
    journal_of,
    upload_of,
)
from tests.live.client import Client, quoted
from tests.live.server import running


def outcome_of(result: Mapping[str, Any]) -> Outcome:
    """Of the operation that was attempted, and perhaps asked again."""
    status = result.get("status")
    again = result.get("again")
    if again is not None and again < 300:
        return Outcome.ACKNOWLEDGED
    if status is None or status >= 500:
        return Outcome.UNKNOWN
    return Outcome.ACKNOWLEDGED if status < 300 else Outcome.REFUSED


def problems_after(
    root: Path, name: str, facts: Mapping[str, Any], result: Mapping[str, Any]
) -> list[str]:
    """What is wrong: with the answer, with what is there afterwards, with what was left behind."""
    operation, outcome = OPERATIONS[name], outcome_of(result)
    journal = journal_of()
    problems = []
    if result["hung"]:
        problems.append("it hung")
    if not result["died"]:
        problems += _of_the_answer(result)
        journal.note(LATER, content(LATER, 5))
        journal.settle(BUCKET, LATER, LATER)
    if operation.key is not None:
        if operation.token:
            journal.note(operation.token, operation.body)
        asked = journal.invoke(BUCKET, operation.key, operation.token)
        journal.end(asked, outcome)
    with running(root, durability="relaxed") as live:
        problems += check_objects(live.client, journal, BUCKET)
        problems += _of_buckets(live.client, operation, outcome)
        problems += leftovers(root)
        for key in UPLOADS:
            if key == operation.upload:
                problems += _of_the_upload(live.client, facts, key, operation, outcome)
            else:
                problems += check_uploads(live.client, [upload_of(facts, key)])
    return problems


def _of_the_answer(result: Mapping[str, Any]) -> list[str]:
    problems = []
    if result["synced_again"]:
        problems.append(f"fsync was tried again after it had failed: {result['synced_again']}")
    if result["put_later"] != 200:
        problems.append(f"a later put was answered {result['put_later']}")
    if result["again"] not in {None, 200, 204, 404, 409}:
        problems.append(f"asked again it was answered {result['again']}")
    if result["hit"] is None and result["status"] >= 300:
        problems.append(f"it failed without a fault: {result['status']} {result['code']}")
    return problems


def _of_buckets(client: Client, operation: Operation, outcome: Outcome) -> list[str]:
    before = {BUCKET, EMPTY}
    after = before if operation.bucket is None else before ^ {operation.bucket}
    allowed = {
        Outcome.ACKNOWLEDGED: [after],
        Outcome.REFUSED: [before],
        Outcome.UNKNOWN: [before, after],
    }[outcome]
    found = set(client.request("GET", "/").texts("Buckets/Bucket/Name"))
    return [] if found in allowed else [f"buckets: {found}, not one of {allowed}"]


def _of_the_upload(
    client: Client,
    facts: Mapping[str, Any],
    key: str,
    operation: Operation,
    outcome: Outcome,
) -> list[str]:
    """Of the upload that was changed: its parts are those before or after, it can be completed
    still unless it was ended, and it was ended if and only if its object is there."""
    upload = upload_of(facts, key)
    listed = client.request("GET", f"/{BUCKET}/{quoted(key)}", f"uploadId={upload.id}")
    is_there = client.get(BUCKET, key).status == 200
    ends = operation.ends_upload
    if listed.status == 404:
        if not ends or (outcome is Outcome.REFUSED):
            return [f"the upload of {key} is gone: {outcome}"]
        return [] if is_there == bool(operation.body) else [f"{key}: upload and object are gone"]
    if ends and (outcome is Outcome.ACKNOWLEDGED or is_there):
        return [f"the upload of {key} is still there: {outcome}, object {is_there}"]
    before = upload.etags
    after = [(1, f'"{hashlib.md5(PART_ANEW).hexdigest()}"')]
    allowed = {
        Outcome.ACKNOWLEDGED: [before if ends else after],
        Outcome.REFUSED: [before],
        Outcome.UNKNOWN: [before] if ends else [before, after],
    }[outcome]
    found = [(1, etag) for etag in listed.texts("Part/ETag")]
    if found not in allowed:
        return [f"parts of {key}: {found}, not one of {allowed}"]
    if not found:
        return []
    done = client.complete(BUCKET, key, upload.id, found)
    body = PART_ANEW if found == after else upload.parts[0]
    if done.status != 200 or client.get(BUCKET, key).body != body:
        return [f"the upload of {key} cannot be completed: {done} {done.body!r}"]
    return []
