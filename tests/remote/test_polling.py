"""Polls: what others did to an indexed bucket is found, and nothing that only seems so."""

import base64
import hashlib
import random
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from backends.errors import Denied, Unavailable
from backends.interface import Can, Limits, Stored
from backends.remote_memory import AS_S3
from gateway.jobs import polling
from gateway.jobs.following import Following
from gateway.jobs.indexing import Indexing
from gateway.jobs.polling import Polling
from gateway.observe.tally import Tally
from gateway.service.context import Watching
from gateway.service.finding import Outcome
from tests.backends.making import body
from tests.live.server import Live
from tests.remote.conftest import Serve
from tests.remote.failing_storage import FailingStorage, Fault
from tests.remote.left import swept
from tests.remote.test_files_of_others import drop, identified, is_known, take, unindexed
from tests.remote.test_indexing import bucket_of, look_of
from tests.seeds import seed

LONG_AGO_S = 1_000.0


class Hand:
    """Polls when it is told to. With ``settled``, what was changed before counts as old."""

    def __init__(self, live: Live, *, settled: bool = True) -> None:
        self.live = live
        poll_s = -LONG_AGO_S if settled else LONG_AGO_S
        self._polling = Polling(live.services, look_of(live), poll_s)

    def poll(self) -> Outcome:
        return self.live.run(self._polling.poll(bucket_of(self.live)))

    def keys(self) -> list[str]:
        return self.live.client.keys("bucket")


def test_new_and_changed_files_are_found(live: Live, storage: FailingStorage) -> None:
    hand = Hand(live)
    live.client.put("bucket", "ours", b"ours", x_amz_meta_colour="blue")
    live.client.put("bucket", "same", b"same")
    drop(live, storage, "bucket/dir/new", b"new")
    drop(live, storage, "bucket/ours", b"changed")
    outcome = hand.poll()
    assert (outcome.adopted, outcome.changed, outcome.refused) == (1, 1, 0)
    assert hand.keys() == ["dir/new", "ours", "same"]
    answer = live.client.request("HEAD", "/bucket/ours")
    assert answer.headers["content-length"] == "7"
    assert answer.headers["x-amz-meta-colour"] == "blue"
    assert not hand.poll().anything


def test_what_was_changed_lately_is_seen_twice_first(live: Live, storage: FailingStorage) -> None:
    hand = Hand(live, settled=False)
    drop(live, storage, "bucket/key", b"half")
    assert not hand.poll().anything
    drop(live, storage, "bucket/key", b"half and half")
    assert not hand.poll().anything
    assert hand.poll().adopted == 1
    assert live.client.request("HEAD", "/bucket/key").headers["content-length"] == "13"


def test_what_is_gone_is_missed_twice_and_comes_back(live: Live, storage: FailingStorage) -> None:
    identified(live)
    hand = Hand(live)
    live.client.put("bucket", "key", b"ours", x_amz_meta_colour="blue")
    take(live, storage, "bucket/key")
    assert not hand.poll().anything
    assert hand.keys() == ["key"]
    assert hand.poll().missing == 1
    assert hand.keys() == []
    drop(live, storage, "bucket/key", b"ours")
    assert hand.poll().restored == 1
    assert live.client.get("bucket", "key").headers["x-amz-meta-colour"] == "blue"


def test_what_a_listing_leaves_out_is_there_if_a_look_says_so(
    live: Live, storage: FailingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    identified(live)
    hand = Hand(live)
    live.client.put("bucket", "key", b"ours")

    async def nothing(_prefix: str, *, pass_over_closed: bool) -> AsyncGenerator[Stored, None]:
        for stored in [] if pass_over_closed else [await storage.stat("bucket/key")]:
            yield stored

    monkeypatch.setattr(storage, "list", nothing)
    for _ in range(3):
        assert not hand.poll().anything
    assert is_known(live, "key")


def test_what_fails_in_the_middle_says_nothing_of_what_is_gone(
    live: Live, storage: FailingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    identified(live)
    hand = Hand(live)
    live.client.put("bucket", "key", b"ours")
    take(live, storage, "bucket/key")
    with monkeypatch.context() as patch:

        def fails(_prefix: str, *, pass_over_closed: bool) -> AsyncGenerator[Stored, None]:
            raise Unavailable(f"it does not answer: {pass_over_closed}")

        patch.setattr(storage, "list", fails)
        with pytest.raises(Unavailable):
            hand.poll()
    assert not hand.poll().anything
    assert hand.poll().missing == 1


def test_without_its_mark_nothing_is_missing(live: Live, storage: FailingStorage) -> None:
    hand = Hand(live)
    live.client.put("bucket", "key", b"ours")
    take(live, storage, "bucket/key")
    with capture_logs() as logs:
        for _ in range(3):
            assert not hand.poll().anything
    assert "the storage is not known to be the one" in logs[-1]["event"]
    assert is_known(live, "key")


def test_too_many_at_once_are_not_believed(
    live: Live, storage: FailingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms: list[str] = []
    monkeypatch.setattr(Tally, "disbelieved", lambda _: alarms.append("alarm"))
    identified(live)
    watching = live.services.watching
    assert watching is not None
    limit = replace(watching.missing, count=3, share=0.5)
    look = replace(look_of(live), missing=limit)
    keys = [f"{number:02}" for number in range(10)]
    for key in keys:
        live.client.put("bucket", key, b"ours")
    for key in keys[:6]:
        take(live, storage, f"bucket/{key}")
    one = Polling(live.services, look, 1)
    live.run(one.poll(bucket_of(live)))
    assert not live.run(one.poll(bucket_of(live))).anything
    assert alarms == ["alarm"]
    assert live.client.keys("bucket") == keys
    drop(live, storage, "bucket/00", b"ours")
    assert live.run(one.poll(bucket_of(live))).missing == 5
    assert live.client.keys("bucket") == ["00", *keys[6:]]


def test_what_is_in_the_way_is_counted_once_and_stays(live: Live, storage: FailingStorage) -> None:
    hand = Hand(live)
    drop(live, storage, "bucket/key")
    live.client.put("bucket", "key", b"ours")
    live.run(swept(live.services))
    assert hand.poll().refused == 1
    assert hand.poll().refused == 0
    assert live.client.get("bucket", "key").body == b"ours"


def test_our_own_unfinished_work_is_nobodys(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = FailingStorage(Can.CREATE, Limits())
    live = serve(storage)
    hand = Hand(live)
    live.client.put("bucket", "removed", b"ours")

    async def away(_path: str) -> None:
        raise Unavailable("it does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "delete", away)
        live.client.delete("bucket", "removed")
        live.run(live.services.remover.settled())
        for _ in range(2):
            outcome = hand.poll()
            assert not outcome.anything
            assert not outcome.refused
        assert live.client.get("bucket", "removed").status == 404
    live.run(swept(live.services))
    assert hand.keys() == []


def test_memory_is_bounded(
    live: Live, storage: FailingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "_MOST_KEPT", 3)
    identified(live)
    hand = Hand(live, settled=False)
    for number in range(8):
        drop(live, storage, f"bucket/{number}")
    polls = 0
    while len(hand.keys()) < 8:
        hand.poll()
        polls += 1
        assert polls < 10
    assert polls > 2


def test_the_job_polls_when_it_is_time(live: Live, storage: FailingStorage) -> None:
    following = Following(live.services, look_of(live), 3_600)
    live.run(following.round())
    assert ".s3front/o/id/storage-id" in storage._paths
    drop(live, storage, "bucket/key")
    live.run(following.round())
    assert not is_known(live, "key")
    never = Following(live.services, look_of(live), 0)
    live.run(never.round())
    assert not is_known(live, "key")
    assert Watching(since_ns=0).poll_s == 300


# Whatever is done from inside and outside, in whatever order, in the end S3 shows what is there.

NAMES = ["a", "b", "c.txt", "d/a", "d/b", "d/e/a", "f-x"]
CHANGES, ROUNDS = 25, 6


class Chance:
    """Does one thing after another."""

    def __init__(self, live: Live, storage: FailingStorage, number: int) -> None:
        self.live = live
        self.storage = storage
        self.random = random.Random(number)
        self.done: list[str] = []
        self.hand = Hand(live)

    def change(self) -> None:
        doing = self.random.choice(
            [self.put, self.put, self.delete, self.drop, self.drop, self.take, self.get, self.poll]
        )
        name = self.random.choice(NAMES)
        self.done.append(f"{doing.__name__} {name}")
        doing(name)

    def put(self, name: str) -> None:
        data = self.random.randbytes(self.random.randrange(20))
        assert self.live.client.put("bucket", name, data).status == 200

    def delete(self, name: str) -> None:
        assert self.live.client.delete("bucket", name).status == 204

    def drop(self, name: str) -> None:
        drop(self.live, self.storage, f"bucket/{name}", self.random.randbytes(7))

    def take(self, name: str) -> None:
        take(self.live, self.storage, f"bucket/{name}")

    def get(self, name: str) -> None:
        assert self.live.client.get("bucket", name).status in {200, 404}

    def poll(self, _name: str) -> None:
        self.hand.poll()


@pytest.mark.timeout(120)
def test_in_the_end_all_that_is_there_is_shown(serve: Serve) -> None:
    number = seed("random changes behind a network")
    storage = FailingStorage(Can.CREATE, Limits())
    live = serve(storage)
    identified(live)
    watching = live.services.watching
    assert watching is not None
    object.__setattr__(watching, "missing", replace(watching.missing, count=10_000))
    chance = Chance(live, storage, number)
    for _ in range(ROUNDS):
        for _ in range(CHANGES):
            chance.change()
        live.run(swept(live.services))
        for _ in range(3):
            chance.hand.poll()
        check(live, storage, f"seed {number} after {chance.done}")


def check(live: Live, storage: FailingStorage, what: str) -> None:
    there = {
        path.removeprefix("bucket/"): kept.data
        for path, kept in storage._paths.items()
        if path.startswith("bucket/")
    }
    shown = {}
    for key in live.client.keys("bucket"):
        answer = live.client.get("bucket", key)
        assert answer.status == 200, (key, what)
        etag = answer.headers["etag"].strip('"')
        assert etag == hashlib.md5(answer.body).hexdigest() or etag.endswith("-0"), what
        shown[key] = answer.body
    assert there.keys() <= shown.keys(), what
    for key, data in shown.items():
        version = live.run(live.services.catalog.get(bucket_of(live), key))
        assert version is not None, what
        if version.location.path == f"bucket/{key}":
            assert there.get(key) == data, (key, what)


def test_a_leftover_of_ours_is_told_once(serve: Serve) -> None:
    storage = FailingStorage(AS_S3, Limits(max_description=2048))
    live = serve(storage)
    live.client.put("bucket", "key", b"ours")
    of = live.run(storage.stat("bucket/key"))
    live.client.delete("bucket", "key")
    live.run(swept(live.services))
    written = storage.write("bucket/key", body(b"ours"), size=4, description=of.description)
    live.run(written)
    hand = Hand(live)
    assert hand.poll().refused == 1
    assert hand.poll().refused == 0
    assert hand.keys() == []


class Closed(FailingStorage):
    """One name may be listed, and not looked at."""

    async def stat(self, path: str) -> Stored:
        if path == "bucket/closed":
            raise Denied("forbidden")
        return await super().stat(path)


def test_what_may_not_be_looked_at_keeps_nothing_from_being_found(serve: Serve) -> None:
    storage = Closed(AS_S3, Limits(max_description=2048))
    live = serve(storage)
    for key in ("before", "closed", "later"):
        drop(live, storage, f"bucket/{key}")
    hand = Hand(live)
    outcome = hand.poll()
    assert (outcome.adopted, outcome.refused) == (2, 1)
    assert hand.poll().refused == 0
    assert hand.keys() == ["before", "later"]
    assert live.client.get("bucket", "closed").status == 500
    unindexed(live)
    done = Indexing(look_of(live), bucket_of(live))
    assert live.run(done.run()).refused == 1
    assert bucket_of(live).indexed


def test_a_delete_is_no_matter_of_how_much_is_gone(live: Live, storage: FailingStorage) -> None:
    identified(live)
    watching = live.services.watching
    assert watching is not None
    object.__setattr__(watching, "missing", replace(watching.missing, count=0, share=0.0))
    unindexed(live)
    for key in ("a", "b"):
        live.client.put("bucket", key, b"ours")
        take(live, storage, f"bucket/{key}")
    assert live.client.get("bucket", "a").status == 503
    assert live.client.delete("bucket", "a").status == 204
    assert live.client.get("bucket", "a").status == 404
    live.run(storage.arm(Fault.UNAVAILABLE, 1))
    asked = b"<Delete><Object><Key>b</Key></Object></Delete>"
    md5 = base64.b64encode(hashlib.md5(asked).digest()).decode()
    answer = live.client.request(
        "POST", "/bucket", "delete", body=asked, headers={"content-md5": md5}
    )
    live.run(storage.disarm())
    assert answer.status == 200
    assert answer.text("Error/Code") == "ServiceUnavailable"
