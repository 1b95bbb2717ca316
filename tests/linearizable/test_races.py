"""Operations that exclude each other, begun together at two workers: what is acknowledged is so."""

import http.client
import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.linearizable.workers import Workers
from tests.live.client import Answer, Client
from tests.seeds import seed

ROUNDS = 25
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def chance() -> random.Random:
    return random.Random(seed("races"))


def together(chance: random.Random, *actions: Callable[[], Answer]) -> list[Answer]:
    """Each on a thread of its own, begun at once, but for what the threads make of it."""
    begun = threading.Barrier(len(actions))
    order = chance.sample(range(len(actions)), len(actions))

    def one(number: int) -> tuple[int, Answer]:
        begun.wait(30)
        return number, actions[number]()

    with ThreadPoolExecutor(len(actions)) as pool:
        answers = dict(pool.map(one, order))
    return [answers[number] for number in range(len(actions))]


def part(client: Client, key: str, upload: str, body: bytes) -> tuple[int, str]:
    answer = client.put_part("shared", key, upload, 1, body)
    assert answer.status == 200, answer
    return 1, answer.headers["etag"]


def test_completing_at_eight_clients_makes_one_object(
    client: Client, chance: random.Random
) -> None:
    for number in range(ROUNDS):
        key, body = f"twice/{number}", f"body {number}".encode()
        upload = client.start_upload("shared", key)
        parts = [part(client, key, upload, body)]
        complete = partial(client.complete, "shared", key, upload, parts)
        answers = together(chance, *[complete] * 8)
        told = Counter((answer.status, answer.text("ETag")) for answer in answers)
        refused = [answer for answer in answers if answer.status != 200]
        # One that finds another one at it is asked to come again, and gets the same answer then.
        assert all(answer.status == 503 for answer in refused), refused
        again = complete()
        assert {etag for (status, etag) in told if status == 200} == {again.text("ETag")}
        assert client.get("shared", key).body == body
        assert not uploads_of(client, key)


def test_of_completing_and_aborting_one_is_done(
    server: Workers, client: Client, chance: random.Random
) -> None:
    for number in range(ROUNDS):
        key = f"abort/{number}"
        upload = client.start_upload("shared", key)
        parts = [part(client, key, upload, b"body")]
        done, aborted = together(
            chance,
            partial(client.complete, "shared", key, upload, parts),
            partial(client.request, "DELETE", f"/shared/{key}", f"uploadId={upload}"),
        )
        outcome = done.status, aborted.status
        assert outcome in {(200, 404), (404, 204)}, (done, aborted)
        assert client.get("shared", key).status == done.status
        assert not uploads_of(client, key)
    assert staged(server) == []


def test_no_part_that_was_acknowledged_is_lost_to_a_completion(
    client: Client, chance: random.Random
) -> None:
    """A part is sent again while the upload is completed with the first one."""
    for number in range(ROUNDS):
        key = f"late/{number}"
        upload = client.start_upload("shared", key)
        old = part(client, key, upload, b"old")
        done, sent = together(
            chance,
            partial(client.complete, "shared", key, upload, [old]),
            partial(client.put_part, "shared", key, upload, 1, b"new"),
        )
        outcome = done.status, sent.status
        assert outcome in {(200, 404), (400, 200)}, (done, sent)
        if done.status == 200:
            assert client.get("shared", key).body == b"old"
            continue
        # It came first: the list of parts is no longer true, and the upload goes on.
        assert done.code == "InvalidPart"
        assert client.get("shared", key).status == 404
        new = 1, sent.headers["etag"]
        assert client.complete("shared", key, upload, [new]).status == 200
        assert client.get("shared", key).body == b"new"


def put(client: Client, bucket: str) -> Callable[[], Answer]:
    return lambda: client.put(bucket, "key", b"body")


def completed(client: Client, bucket: str) -> Callable[[], Answer]:
    upload = client.start_upload(bucket, "key")
    etag = client.put_part(bucket, "key", upload, 1, b"body").headers["etag"]
    return lambda: client.complete(bucket, "key", upload, [(1, etag)])


def copied(client: Client, bucket: str) -> Callable[[], Answer]:
    client.put("shared", "source", b"body")
    headers = {"x-amz-copy-source": "/shared/source"}
    return lambda: client.request("PUT", f"/{bucket}/key", headers=headers)


@pytest.mark.parametrize("prepared", [put, completed, copied])
def test_no_object_is_in_a_bucket_that_was_deleted(
    server: Workers,
    client: Client,
    chance: random.Random,
    prepared: Callable[[Client, str], Callable[[], Answer]],
) -> None:
    for _ in range(ROUNDS // 2):
        bucket = client.make_bucket(f"race-{next(_numbers)}")
        write = prepared(client, bucket)
        delete = partial(client.request, "DELETE", f"/{bucket}")
        written, deleted = together(chance, write, delete)
        outcome = written.status, deleted.status
        assert outcome in {(200, 409), (404, 204)}, (written, deleted)
        if deleted.status == 204:
            assert written.code in {"NoSuchBucket", "NoSuchUpload"}
            assert client.get(bucket, "key").code == "NoSuchBucket"
            assert not (server.folder / bucket).exists()
            client.make_bucket(bucket)
            assert client.keys(bucket) == []
        else:
            assert client.keys(bucket) == ["key"]
            assert client.get(bucket, "key").body == b"body"
    assert staged(server) == []


def test_what_was_begun_in_a_bucket_does_not_end_in_one_made_again(client: Client) -> None:
    """Each transaction reads again what was looked up before it."""
    bucket = client.make_bucket(f"again-{next(_numbers)}")
    headers = client.headers("PUT", f"/{bucket}/key", payload_hash="UNSIGNED-PAYLOAD")
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
    try:
        connection.putrequest("PUT", f"/{bucket}/key", skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("content-length", "200000")
        connection.putheader("expect", "100-continue")
        connection.endheaders()
        # It is asked for the body once the bucket has been found.
        assert connection.sock.recv(1000).startswith(b"HTTP/1.1 100")
        connection.send(b"x" * 100_000)
        assert client.request("DELETE", f"/{bucket}").status == 204
        client.make_bucket(bucket)
        connection.send(b"x" * 100_000)
        answer = connection.getresponse()
        assert (answer.status, b"NoSuchBucket" in answer.read()) == (404, True)
    finally:
        connection.close()
    assert client.keys(bucket) == []


def test_a_change_of_buckets_holds_in_each_worker_at_once(client: Client) -> None:
    """Whichever worker answers next, it knows: caches are held against a shared counter."""
    bucket = f"known-{next(_numbers)}"
    for _ in range(30):
        client.make_bucket(bucket)
        for _ in range(3):
            assert client.put(bucket, "key", b"body").status == 200
        assert client.delete(bucket, "key").status == 204
        assert client.request("DELETE", f"/{bucket}").status == 204
        for _ in range(3):
            assert client.put(bucket, "key", b"body").code == "NoSuchBucket"
            assert client.request("HEAD", f"/{bucket}").status == 404


def staged(server: Workers) -> list[str]:
    """Names of staged bytes, of uploads and parts too."""
    return sorted(path.name for path in (server.folder / ".s3front" / "staged").iterdir())


def uploads_of(client: Client, key: str) -> list[str]:
    """Ids of the open uploads of one key."""
    answer = client.request("GET", "/shared", f"uploads&prefix={key.replace('/', '%2F')}")
    assert answer.status == 200, answer
    return answer.texts("Upload/UploadId")
