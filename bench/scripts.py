"""What one client sends in each scenario, and the objects that are there for it.

Every script ends by itself or at the deadline, and the keys it writes are either counted beforehand
or a few used over and over. A client works on its own keys.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from itertools import count

from bench.content import GIB, KIB, MIB, Content
from bench.exchange import Exchange, Script
from bench.requests import Requests, Upload

CLIENTS = 16
LARGE_CLIENTS = 4
_LISTED = 313
_PAGE = 1000
_MOST_KEYS = 100_000
_PART = Content(size=16 * MIB)
_SMALL = Content(size=4 * KIB)
_MEDIUM = Content(size=64 * KIB)
_MIB = Content(size=MIB)
_LARGE = Content(size=64 * MIB)
_HUGE = Content(size=GIB)
_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """``count`` objects of one content, ``<prefix>000000`` and on."""

    prefix: str
    count: int
    content: Content

    def key(self, number: int) -> str:
        return f"{self.prefix}{number:06d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run of one scenario: ``seconds`` are the most it can last."""

    requests: Requests
    seconds: float
    clients: int


Scripts = Callable[[int], Script]
"""The script of the client with that number, from 0."""


def put_script(requests: Requests, objects: Objects, number: int, clients: int) -> Script:
    """Put every object once; ``number`` of so many ``clients`` puts its share."""
    for each in range(number, objects.count, clients):
        yield _put(requests, objects.key(each), objects.content, Upload.SHA256)


def _put(requests: Requests, key: str, content: Content, kind: Upload) -> Exchange:
    made = requests.upload(key, content, kind)
    return Exchange(head=made.head, body=made.body, moved=content.size)


def get(requests: Requests, key: str, content: Content) -> Exchange:
    made = requests.plain("GET", key)
    return Exchange(head=made.head, content=content, moved=content.size)


def head(requests: Requests, key: str, content: Content) -> Exchange:
    made = requests.plain("HEAD", key)
    return Exchange(head=made.head, content=content, without_body=True)


def _delete(requests: Requests, key: str) -> Exchange:
    return Exchange(head=requests.plain("DELETE", key).head, status=204)


def _over_and_over(exchanges: list[Exchange], client: int) -> Script:
    # Clients begin at different places, so that they do not march over the keys together.
    at = client * len(exchanges) // CLIENTS
    while True:
        at = (at + 1) % len(exchanges)
        yield exchanges[at]


def _once(exchanges: list[Exchange]) -> Script:
    for at in range(len(exchanges)):
        yield exchanges[at]


def _objects(prefix: str, content: Content, full: int, short: int) -> Callable[[float], Objects]:
    def sized(seconds: float) -> Objects:
        return Objects(prefix=prefix, count=full if seconds > 4 else short, content=content)

    return sized


SMALL_OBJECTS = _objects("small/", _SMALL, 500, 64)
MEDIUM_OBJECTS = _objects("medium/", _MEDIUM, 500, 64)
MIB_OBJECTS = _objects("mib/", _MIB, 200, 16)
SAME_OBJECTS = Objects(prefix="same/", count=CLIENTS * 4, content=_SMALL)
LARGE_OBJECTS = Objects(prefix="large/", count=LARGE_CLIENTS, content=_LARGE)
HUGE_OBJECT = Objects(prefix="huge/", count=1, content=_HUGE)


def reading(
    objects: Callable[[float], Objects], make: Callable[[Requests, str, Content], Exchange]
) -> Callable[[Plan], Scripts]:
    def scripts(plan: Plan) -> Scripts:
        read = objects(plan.seconds)
        made = [make(plan.requests, read.key(each), read.content) for each in range(read.count)]
        return lambda client: _over_and_over(made, client)

    return scripts


def put_new(plan: Plan) -> Scripts:
    number = min(_MOST_KEYS, int(plan.seconds * 5000)) // plan.clients

    def script(client: int) -> Script:
        keys = (f"new/{client:02d}/{each:06d}" for each in range(number))
        return _once([_put(plan.requests, key, _SMALL, Upload.SHA256) for key in keys])

    return script


def put_same(plan: Plan) -> Scripts:
    return lambda client: _over_and_over(
        [
            _put(plan.requests, SAME_OBJECTS.key(client * 4 + each), _SMALL, Upload.SHA256)
            for each in range(4)
        ],
        client,
    )


def put_mib(kind: Upload) -> Callable[[Plan], Scripts]:
    def scripts(plan: Plan) -> Scripts:
        return lambda client: _over_and_over(
            [_put(plan.requests, f"written/{client:02d}/{each}", _MIB, kind) for each in range(8)],
            client,
        )

    return scripts


def put_large(plan: Plan) -> Scripts:
    return lambda client: _over_and_over(
        [_put(plan.requests, LARGE_OBJECTS.key(client), _LARGE, Upload.UNSIGNED)], client
    )


def get_large(plan: Plan) -> Scripts:
    return lambda client: _over_and_over(
        [get(plan.requests, LARGE_OBJECTS.key(client), _LARGE)], client
    )


def put_huge(plan: Plan) -> Scripts:
    return lambda _: _once([_put(plan.requests, HUGE_OBJECT.key(0), _HUGE, Upload.UNSIGNED)])


def get_huge(plan: Plan) -> Scripts:
    return lambda _: _once([get(plan.requests, HUGE_OBJECT.key(0), _HUGE)])


def multipart(plan: Plan) -> Scripts:
    return lambda client: _uploads(plan.requests, f"parts/{client}")


def _uploads(requests: Requests, key: str) -> Script:
    create = requests.plain("POST", key, [("uploads", "")])
    parts = range(1, _LARGE.size // _PART.size + 1)
    while True:
        answer = yield Exchange(head=create.head, last=False, check=_contains(b"<UploadId>"))
        found = _UPLOAD_ID.search(answer.body) if answer is not None else None
        if found is None:
            continue
        upload = ("uploadId", unescape(found[1].decode()))
        etags = []
        for part in parts:
            query = [("partNumber", str(part)), upload]
            made = requests.upload(key, _PART, Upload.UNSIGNED, query)
            answer = yield Exchange(head=made.head, body=made.body, first=False, last=False)
            if answer is None or answer.status != 200:
                break
            etags.append(answer.header("etag") or "")
        if len(etags) < len(parts):
            continue
        done = requests.plain("POST", key, [upload], body=_completion(etags))
        yield Exchange(
            head=done.head,
            body=done.body,
            first=False,
            moved=_LARGE.size,
            check=_contains(b"<CompleteMultipartUploadResult"),
        )


def _completion(etags: list[str]) -> bytes:
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag.replace(chr(34), '&quot;')}</ETag></Part>"
        for number, etag in enumerate(etags, 1)
    )
    return f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()


def _contains(text: bytes) -> Callable[[bytes], str | None]:
    # S3 answers 200 before it knows how a copy or a completion ends.
    def check(body: bytes) -> str | None:
        if text in body:
            return None
        return f"200 without {text.decode()}: {body[:300].decode('utf-8', 'replace')}"

    return check


def _has_keys(number: int) -> Callable[[bytes], str | None]:
    def check(body: bytes) -> str | None:
        found = body.count(b"<Key>")
        return None if found == number else f"{found} keys listed instead of {number}"

    return check


def listed_objects(seconds: float) -> tuple[Objects, ...]:
    folders = 8 if seconds > 4 else 4
    return tuple(
        Objects(prefix=f"list/{folder:02d}/", count=_LISTED, content=Content(size=16))
        for folder in range(folders)
    )


def list_prefix(plan: Plan) -> Scripts:
    folders = listed_objects(plan.seconds)

    def script(client: int) -> Script:
        prefix = folders[client % len(folders)].prefix
        query = [("list-type", "2"), ("prefix", prefix)]
        head = plan.requests.plain("GET", "", query).head
        return _over_and_over([Exchange(head=head, check=_has_keys(_LISTED))], client)

    return script


def list_page(plan: Plan) -> Scripts:
    folders = listed_objects(plan.seconds)
    # In the middle, with keys before and behind it.
    after = (len(folders) * _LISTED - _PAGE) // 2
    start = folders[after // _LISTED].key(after % _LISTED)
    query = [("list-type", "2"), ("prefix", "list/"), ("start-after", start)]
    head = plan.requests.plain("GET", "", query).head
    page = Exchange(head=head, check=_has_keys(_PAGE))
    return lambda client: _over_and_over([page], client)


def doomed_objects(seconds: float) -> tuple[Objects, ...]:
    return (Objects(prefix="doomed/", count=min(10_000, int(seconds * 400)), content=_SMALL),)


def delete_each(plan: Plan) -> Scripts:
    (objects,) = doomed_objects(plan.seconds)

    def script(client: int) -> Script:
        mine = range(client, objects.count, plan.clients)
        return _once([_delete(plan.requests, objects.key(each)) for each in mine])

    return script


def copy_mib(plan: Plan) -> Scripts:
    requests = plan.requests
    sources = MIB_OBJECTS(plan.seconds)

    def copy(client: int, each: int) -> Exchange:
        source = requests.path(sources.key((client * 8 + each) % sources.count))
        to = f"copied/{client:02d}/{each}"
        made = requests.plain("PUT", to, headers={"x-amz-copy-source": source})
        return Exchange(head=made.head, check=_contains(b"<CopyObjectResult"), moved=MIB)

    return lambda client: _over_and_over([copy(client, each) for each in range(8)], client)


def mixed(plan: Plan) -> Scripts:
    requests, there = plan.requests, MEDIUM_OBJECTS(plan.seconds)
    keys = [there.key(each) for each in range(there.count)]
    gets = [get(requests, key, _MEDIUM) for key in keys]
    heads = [head(requests, key, _MEDIUM) for key in keys]

    def script(client: int) -> Script:
        own = [f"mixed/{client:02d}/{each:02d}" for each in range(64)]
        puts = [_put(requests, key, _MEDIUM, Upload.SHA256) for key in own]
        deletes = [_delete(requests, key) for key in own]
        return _mixture(random.Random(client), gets, heads, puts, deletes)

    return script


def _mixture(
    chance: random.Random,
    gets: list[Exchange],
    heads: list[Exchange],
    puts: list[Exchange],
    deletes: list[Exchange],
) -> Script:
    """45 % GET, 30 % HEAD, 15 % PUT, 10 % DELETE of what this client has put."""
    written: list[int] = []
    numbers = count()
    while True:
        roll = chance.random()
        if roll < 0.45:
            yield gets[int(chance.random() * len(gets))]
        elif roll < 0.75:
            yield heads[int(chance.random() * len(heads))]
        elif roll < 0.90 or not written:
            number = next(numbers) % len(puts)
            yield puts[number]
            if number not in written:
                written.append(number)
        else:
            yield deletes[written.pop(0)]
