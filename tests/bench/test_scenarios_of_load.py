"""What the scenarios send."""

import datetime as dt
from collections import Counter
from itertools import islice

import pytest

from bench.answer import Answer
from bench.client import problem, request_line
from bench.content import KIB, MIB
from bench.exchange import Exchange, Script
from bench.requests import Requests
from bench.run import NAMES, chosen
from bench.scenarios import SCENARIOS
from bench.scripts import Plan
from sigv4.sign import Credentials

PLAN_SECONDS = 1.0


def plan(clients: int, seconds: float = PLAN_SECONDS) -> Plan:
    requests = Requests(
        host="127.0.0.1:9000",
        bucket="bench-1",
        credentials=Credentials(access_key="BENCHKEY", secret="secret"),
        region="us-east-1",
        now=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    )
    return Plan(requests=requests, seconds=seconds, clients=clients)


def script(name: str, client: int = 0, seconds: float = PLAN_SECONDS) -> Script:
    scenario = SCENARIOS[name]
    return scenario.scripts(plan(scenario.clients, seconds))(client)


def sent(name: str, client: int = 0, at_most: int = 4000) -> list[Exchange]:
    return list(islice(script(name, client), at_most))


def written(exchanges: list[Exchange]) -> set[str]:
    lines = map(request_line, exchanges)
    return {line for line in lines if line.startswith(("PUT", "DELETE"))}


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_client_writes_what_another_writes(name: str) -> None:
    clients = SCENARIOS[name].clients
    each = [written(sent(name, client, 200)) for client in range(clients)]
    assert sum(map(len, each)) == len(set().union(*each))


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name.startswith(("get", "head"))])
def test_what_is_read_was_put_before(name: str) -> None:
    scenario = SCENARIOS[name]
    there = {objects.key(n) for objects in scenario.needs(1) for n in range(objects.count)}
    for client in range(scenario.clients):
        read = {request_line(each).split("/", 2)[2] for each in sent(name, client, 500)}
        assert read <= there


@pytest.mark.parametrize("name", ["get-64m", "memory-get"])
def test_what_a_scenario_leaves_is_what_the_next_needs(name: str) -> None:
    before = SCENARIOS[name.replace("get", "put") if name != "memory-get" else "memory-put"]
    (needed,) = SCENARIOS[name].needs(1)
    assert before.leaves == needed
    put = set().union(*(written(sent(before.name, client, 1)) for client in range(before.clients)))
    assert put == {f"PUT /bench-1/{needed.key(n)}" for n in range(needed.count)}


def test_each_new_key_is_put_once_and_their_number_is_bounded() -> None:
    exchanges = sent("put-4k", at_most=10**6)
    assert len(exchanges) == int(PLAN_SECONDS * 5000) // 16
    assert len(written(exchanges)) == len(exchanges)


def test_deleting_deletes_each_object_once() -> None:
    scenario = SCENARIOS["delete-4k"]
    (doomed,) = scenario.needs(PLAN_SECONDS)
    lines = Counter(
        request_line(each) for client in range(16) for each in sent("delete-4k", client, 10**6)
    )
    assert lines == Counter(f"DELETE /bench-1/{doomed.key(n)}" for n in range(doomed.count))


def test_the_mixture_is_45_30_15_10_and_deletes_only_what_it_put() -> None:
    exchanges = sent("mixed", 3, 20_000)
    methods = Counter(request_line(each).split(" ")[0] for each in exchanges)
    for method, share in (("GET", 0.45), ("HEAD", 0.30), ("PUT", 0.15), ("DELETE", 0.10)):
        assert methods[method] / len(exchanges) == pytest.approx(share, abs=0.02)
    there: set[str] = set()
    for line in map(request_line, exchanges):
        method, path = line.split(" ")
        if method == "PUT":
            there.add(path)
        elif method == "DELETE":
            there.remove(path)
    assert {each.moved for each in exchanges} == {0, 64 * KIB}


def answer(status: int = 200, body: bytes = b"", etag: str = "") -> Answer:
    return Answer(
        status=status,
        head=f'HTTP/1.1 {status} x\r\nETag: "{etag}"'.encode(),
        body=body,
        length=len(body),
        as_expected=True,
        closes=False,
    )


def test_a_multipart_upload_sends_each_part_and_completes_with_their_etags() -> None:
    upload = script("multipart-64m")
    create = next(upload)
    assert request_line(create) == "POST /bench-1/parts/0?uploads="
    exchange = upload.send(answer(body=b"<UploadId>a&amp;b</UploadId>"))
    for number in range(1, 5):
        assert request_line(exchange).endswith(f"?partNumber={number}&uploadId=a%26b")
        assert sum(map(len, exchange.body)) == 16 * MIB
        assert (exchange.first, exchange.last) == (False, False)
        exchange = upload.send(answer(etag=f"e{number}"))
    assert request_line(exchange) == "POST /bench-1/parts/0?uploadId=a%26b"
    assert b"<PartNumber>4</PartNumber><ETag>&quot;e4&quot;</ETag>" in exchange.body[0]
    assert (exchange.first, exchange.last, exchange.moved) == (False, True, 64 * MIB)
    assert problem(exchange, answer(body=b"<CompleteMultipartUploadResult/>")) is None
    assert problem(exchange, answer(body=b"<Error/>")) is not None
    assert request_line(upload.send(answer())) == request_line(create)


@pytest.mark.parametrize("failing", [0, 1, 4])
def test_a_multipart_upload_that_fails_begins_anew(failing: int) -> None:
    upload = script("multipart-64m")
    create = request_line(next(upload))
    exchange = None
    for step in range(failing + 1):
        good = answer(body=b"<UploadId>u</UploadId>", etag="e")
        exchange = upload.send(good if step < failing else answer(500))
    assert exchange is not None
    assert request_line(exchange) == create


@pytest.mark.parametrize(("name", "keys"), [("list-313", 313), ("list-1000", 1000)])
@pytest.mark.parametrize("seconds", [1.0, 10.0])
def test_a_listing_must_have_all_its_keys(name: str, keys: int, seconds: float) -> None:
    (exchange,) = islice(script(name, seconds=seconds), 1)
    assert problem(exchange, answer(body=b"<Key>" * keys)) is None
    assert problem(exchange, answer(body=b"<Key>" * (keys - 1))) is not None


@pytest.mark.parametrize("seconds", [1.0, 10.0])
def test_a_page_is_full_and_not_the_last(seconds: float) -> None:
    needs = SCENARIOS["list-1000"].needs(seconds)
    keys = sorted(objects.key(n) for objects in needs for n in range(objects.count))
    (exchange,) = islice(script("list-1000", seconds=seconds), 1)
    after = request_line(exchange).partition("start-after=")[2].replace("%2F", "/")
    assert sum(key > after.partition("&")[0] for key in keys) > 1000


def test_a_copy_that_fails_within_200_is_an_error() -> None:
    (exchange,) = islice(script("copy-1m"), 1)
    assert b"\r\nx-amz-copy-source: /bench-1/mib/" in exchange.head
    assert problem(exchange, answer(body=b"<CopyObjectResult/>")) is None
    assert problem(exchange, answer(body=b"<Error/>")) is not None


def test_a_short_run_leaves_out_what_is_large() -> None:
    short, seconds = chosen([], 30)
    assert seconds == 30
    assert set(NAMES) - set(short) == {name for name, row in SCENARIOS.items() if row.large}
    assert chosen([], None)[0] == list(NAMES)


def test_a_name_selects_itself_or_all_that_begin_so() -> None:
    assert chosen(["put-4k"], None)[0] == ["put-4k"]
    assert chosen(["memory", "head"], 30) == (["memory-put", "memory-get", "head"], 30)
    assert len(chosen(["put-1m"], None)[0]) == 5
    with pytest.raises(KeyError):
        chosen(["put-4"], None)
