"""Conditions decide between clients of two workers: one winner, no lost update."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live.client import Answer, Client

CLIENTS = 64


def all_at_once(do: Callable[[int], Answer]) -> list[Answer]:
    """What ``do`` of each client gave; they begin together."""
    together = threading.Barrier(CLIENTS)

    def one(number: int) -> Answer:
        together.wait(30)
        return do(number)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(one, range(CLIENTS)))


def winner(answers: list[Answer]) -> int:
    """Which client's write was done. All others were refused by their condition."""
    assert Counter(answer.status for answer in answers) == {200: 1, 412: CLIENTS - 1}
    assert all(answer.code == "PreconditionFailed" for answer in answers if answer.status != 200)
    return next(number for number, answer in enumerate(answers) if answer.status == 200)


@pytest.mark.parametrize("key", ["put", "deep/put"])
def test_one_of_64_puts_creates_the_object(client: Client, key: str) -> None:
    won = winner(
        all_at_once(
            lambda number: client.put("shared", key, f"by {number}".encode(), if_none_match="*")
        )
    )
    assert client.get("shared", key).body == f"by {won}".encode()


def test_one_of_64_copies_creates_the_object(client: Client) -> None:
    for number in range(CLIENTS):
        client.put("shared", f"source/{number}", f"by {number}".encode())
    won = winner(
        all_at_once(
            lambda number: client.request(
                "PUT",
                "/shared/copied",
                headers={"x-amz-copy-source": f"/shared/source/{number}", "if-none-match": "*"},
            )
        )
    )
    assert client.get("shared", "copied").body == f"by {won}".encode()


def test_one_of_64_completions_creates_the_object(client: Client) -> None:
    uploads = []
    for number in range(CLIENTS):
        upload = client.start_upload("shared", "completed")
        part = client.put_part("shared", "completed", upload, 1, f"by {number}".encode())
        uploads.append((upload, part.headers["etag"]))

    def complete(number: int) -> Answer:
        upload, etag = uploads[number]
        return client.complete("shared", "completed", upload, [(1, etag)], if_none_match="*")

    won = winner(all_at_once(complete))
    assert client.get("shared", "completed").body == f"by {won}".encode()
    # The others may still be completed without the condition, or aborted.
    left = client.request("GET", "/shared", "uploads&prefix=completed").texts("Upload/UploadId")
    assert sorted(left) == sorted(id for number, (id, _) in enumerate(uploads) if number != won)
    other = (won + 1) % CLIENTS
    id, etag = uploads[other]
    assert client.complete("shared", "completed", id, [(1, etag)]).status == 200
    assert client.get("shared", "completed").body == f"by {other}".encode()


def test_one_of_64_deletes_finds_the_version_it_names(client: Client) -> None:
    etag = client.put("shared", "deleted", b"version").headers["etag"]
    answers = all_at_once(
        lambda _: client.request("DELETE", "/shared/deleted", headers={"if-match": etag})
    )
    assert Counter(answer.status for answer in answers) == {204: 1, 404: CLIENTS - 1}


def test_a_counter_kept_by_if_match_loses_no_increment(client: Client) -> None:
    """Read, add one, write if unchanged: each success is one step."""
    client.put("shared", "counter", b"0")
    successes: Counter[int] = Counter()

    def count(number: int) -> None:
        for _ in range(25):
            seen = client.get("shared", "counter")
            more = str(int(seen.body) + 1).encode()
            answer = client.put("shared", "counter", more, if_match=seen.headers["etag"])
            assert answer.status in {200, 412}, answer
            successes[number] += answer.status == 200

    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(count, number) for number in range(8)]:
            each.result()
    assert int(client.get("shared", "counter").body) == sum(successes.values())
    assert sum(successes.values()) >= 25
