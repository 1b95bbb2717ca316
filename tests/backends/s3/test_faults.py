"""What goes wrong on the way to a service: the right error, in time, and never wrong bytes."""

from collections.abc import Awaitable, Callable, Mapping

import pytest

from backends.errors import (
    Damaged,
    Denied,
    Full,
    NotFound,
    StorageError,
    Throttled,
    Unavailable,
)
from backends.interface import PIECE, Fingerprint, Storage
from tests.backends.making import body, bytes_at, drained, paths
from tests.backends.s3.conftest import OLD, Rig
from tests.faulty_proxy.faults import (
    CutAnswer,
    CutRequest,
    Fault,
    NoAnswer,
    Rewrite,
    Say,
    SayAfter,
    StallAnswer,
    StallRequest,
)

LARGE = bytes(range(256)) * 4 * 1024  # four pieces: sent as a stream

Verb = Callable[[Storage, Fingerprint], Awaitable[object]]


async def write(storage: Storage, _of: Fingerprint) -> object:
    return await storage.write("b/new", body(b"data"), size=4)


async def write_large(storage: Storage, _of: Fingerprint) -> object:
    pieces = body(*(LARGE[at : at + PIECE] for at in range(0, len(LARGE), PIECE)))
    return await storage.write("b/new", pieces, size=len(LARGE))


async def upload(storage: Storage, _of: Fingerprint) -> object:
    id = await storage.begin_parts("b/new")
    tag = await storage.write_part("b/new", id, 1, body(b"data"), size=4)
    return await storage.complete_parts("b/new", id, [(1, tag)])


VERBS: Mapping[str, Verb] = {
    "stat": lambda storage, _of: storage.stat("b/old"),
    "read": lambda storage, _of: bytes_at(storage, "b/old"),
    "list": lambda storage, _of: paths(storage),
    "write": write,
    "write-large": write_large,
    "delete": lambda storage, _of: storage.delete("b/old"),
    "copy": lambda storage, of: storage.copy("b/old", "b/new", only_if=of),
    "begin": lambda storage, _of: storage.begin_parts("b/new"),
    "upload": upload,
    "abort": lambda storage, _of: storage.abort_parts("b/old", "none"),
}
ERROR = b"<Error><Code>%s</Code><Message>no</Message></Error>"
REFUSALS: Mapping[str, tuple[Say, type[StorageError]]] = {
    "500": (Say(500), Unavailable),
    "502 of a proxy": (Say(502, (("Content-Type", "text/html"),), b"<html>"), Unavailable),
    "503": (Say(503, (("Retry-After", "7"),), ERROR % b"SlowDown"), Throttled),
    "429": (Say(429, (("Retry-After", "7"),)), Throttled),
    "507": (Say(507), Full),
    "quota": (Say(403, (), ERROR % b"QuotaExceeded"), Full),
    "403": (Say(403, (), ERROR % b"AccessDenied"), Denied),
    "401": (Say(401), Denied),
    "no bucket": (Say(404, (), ERROR % b"NoSuchBucket"), Unavailable),
    "wrong key": (Say(403, (), ERROR % b"InvalidAccessKeyId"), Denied),
    "wrong secret": (Say(403, (), ERROR % b"SignatureDoesNotMatch"), Denied),
    "elsewhere": (Say(307, (("Location", "http://127.0.0.1:1/stolen"),)), Unavailable),
    "other region": (Say(301, (), ERROR % b"PermanentRedirect"), Unavailable),
    "no XML": (Say(400, (), b"\xff<"), Unavailable),
    "entities": (
        Say(400, (), b'<!DOCTYPE x [<!ENTITY a "b">]><Error><Code>&a;</Code></Error>'),
        Unavailable,
    ),
}


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refusal_has_its_meaning(rig: Rig, name: str, refusal: str) -> None:
    say, error = REFUSALS[refusal]
    if name == "stat" and refusal == "quota":
        error = Denied  # an answer to HEAD has no document
    # A refusal without a document makes the storage look again.
    rig.fail(*[say] * 3)
    with pytest.raises(error) as caught:
        await VERBS[name](rig.storage, rig.of)
    assert type(caught.value) is error
    if isinstance(caught.value, Throttled):
        assert caught.value.after_s == 7
    rig.proxy.faults.clear()
    assert await paths(rig.straight) == ["b/old"]


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("fault", [StallRequest(), NoAnswer(), StallAnswer(0)], ids=repr)
async def test_no_answer_is_unavailable(rig: Rig, name: str, fault: Fault) -> None:
    # GET and HEAD are asked again where a connection ends.
    rig.fail(fault, fault)
    if isinstance(fault, StallAnswer) and name in {
        "stat",
        "delete",
        "abort",
        "write",
        "write-large",
    }:
        return  # the answer has no body
    with pytest.raises((Unavailable, NotFound) if name == "abort" else Unavailable):
        await VERBS[name](rig.storage, rig.of)


@pytest.mark.parametrize("after", [0, 1, PIECE + 7, len(LARGE) - 1])
async def test_a_body_that_is_cut_on_its_way_stores_nothing(rig: Rig, after: int) -> None:
    rig.fail(CutRequest(after))
    with pytest.raises(Unavailable):
        await write_large(rig.storage, rig.of)
    assert len(rig.proxy.requests) == 1
    assert await paths(rig.straight) == ["b/old"]


async def test_what_was_stored_may_be_called_unavailable(rig: Rig) -> None:
    rig.fail(SayAfter(Say(500)))
    with pytest.raises(Unavailable):
        await write(rig.storage, rig.of)
    assert await bytes_at(rig.straight, "b/new") == b"data"


@pytest.mark.parametrize("name", ["write", "upload"])
async def test_a_service_that_says_it_has_stored_nothing_has_not_stored_it(
    rig: Rig, name: str
) -> None:
    of_nothing = header(b"ETag", b'"d41d8cd98f00b204e9800998ecf8427e"')
    rig.fail(*[None] * (name == "upload"), of_nothing)
    with pytest.raises(Unavailable, match="stored nothing of"):
        await VERBS[name](rig.storage, rig.of)
    rig.fail(of_nothing)
    stored = await rig.storage.write("b/empty", body(), size=0)
    assert stored.fingerprint.size == 0


async def test_moto_takes_a_form_for_no_object(rig: Rig) -> None:
    """As services on web frameworks may; urllib and curl call all they send a form unless they are told."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    with pytest.raises(Unavailable, match="stored nothing of"):
        await rig.storage.write("b/new", body(b"data"), size=4, headers=form)


@pytest.mark.parametrize("after", [0, 1, len(OLD) - 1])
async def test_an_object_that_is_cut_is_damaged(rig: Rig, after: int) -> None:
    rig.fail(CutAnswer(after))
    content = await rig.storage.read("b/old", only_if=rig.of)
    with pytest.raises(Damaged):
        await drained(content)


@pytest.mark.parametrize("after", [0, 1, len(OLD) - 1])
async def test_an_object_that_stalls_is_unavailable(rig: Rig, after: int) -> None:
    rig.fail(StallAnswer(after))
    content = await rig.storage.read("b/old", only_if=rig.of)
    with pytest.raises(Unavailable):
        await drained(content)


def header(name: bytes, value: bytes) -> Rewrite:
    """Another value for a header, which is there."""

    def change(head: bytes, rest: bytes) -> tuple[bytes, bytes]:
        lines = head.split(b"\r\n")
        assert any(line.lower().startswith(name.lower() + b":") for line in lines)
        changed = [
            name + b": " + value if line.lower().startswith(name.lower() + b":") else line
            for line in lines
        ]
        return b"\r\n".join(changed), rest

    return Rewrite(change)


def without(name: bytes) -> Rewrite:
    """The header is gone."""

    def change(head: bytes, rest: bytes) -> tuple[bytes, bytes]:
        lines = head.split(b"\r\n")
        return b"\r\n".join(ln for ln in lines if not ln.lower().startswith(name.lower())), rest

    return Rewrite(change)


def whole_instead(_head: bytes, _rest: bytes) -> tuple[bytes, bytes]:
    """Range is ignored."""
    return b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: %d\r\n\r\n' % len(OLD), OLD


def longer(head: bytes, rest: bytes) -> tuple[bytes, bytes]:
    return head, rest + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"


LIES: Mapping[str, Fault] = {
    "another range": header(b"Content-Range", b"bytes 3-6/9"),
    "a shorter range": header(b"Content-Range", b"bytes 2-4/9"),
    "another size": header(b"Content-Range", b"bytes 2-5/4"),
    "no range": without(b"Content-Range"),
    "the whole": Rewrite(whole_instead),
    "other bytes": header(b"ETag", b'"another"'),
    "no ETag": without(b"ETag"),
    "two lengths": header(b"Content-Length", b"4\r\nContent-Length: 5"),
    "a longer length": header(b"Content-Length", b"5"),
    "a shorter length": header(b"Content-Length", b"3"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_range_is_right_or_an_error(rig: Rig, lie: str) -> None:
    rig.fail(LIES[lie], LIES[lie])
    with pytest.raises((Unavailable, Damaged)):
        await drained(await rig.storage.read("b/old", first=2, last=5, only_if=rig.of))
    rig.proxy.faults.clear()
    assert await drained(await rig.storage.read("b/old", first=2, last=5)) == OLD[2:6]


async def test_bytes_after_an_answer_belong_to_none(rig: Rig) -> None:
    rig.fail(Rewrite(longer))
    assert await bytes_at(rig.storage, "b/old") == OLD
    for _ in range(3):
        assert await bytes_at(rig.storage, "b/old") == OLD


async def test_an_error_that_comes_with_200_is_one(rig: Rig) -> None:
    said = Say(200, (), b"\n <?xml version='1.0'?>" + ERROR % b"InternalError")
    rig.fail(said)
    with pytest.raises(Unavailable):
        await rig.storage.copy("b/old", "b/new", only_if=rig.of)
    id = await rig.storage.begin_parts("b/new")
    tag = await rig.storage.write_part("b/new", id, 1, body(b"data"), size=4)
    rig.fail(said)
    with pytest.raises(Unavailable):
        await rig.storage.complete_parts("b/new", id, [(1, tag)])
    rig.fail(Say(200, (), ERROR % b"SlowDown"))
    with pytest.raises(Throttled):
        await rig.storage.complete_parts("b/new", id, [(1, tag)])
    assert await paths(rig.straight) == ["b/old"]


async def test_a_missing_bucket_is_no_missing_object(rig: Rig) -> None:
    """A HEAD says 404 for both."""
    rig.fail(Say(404), Say(404))
    with pytest.raises(Unavailable, match="no such bucket"):
        await rig.storage.stat("b/none")
    assert rig.proxy.requests[1].startswith("HEAD /bucket-")
    assert rig.proxy.requests[1].count("/") == 1
    with pytest.raises(NotFound):
        await rig.storage.stat("b/none")
    rig.fail()
    with pytest.raises(NotFound):
        await rig.storage.stat("b/none")
    assert len(rig.proxy.requests) == 1  # it was seen a moment ago


async def test_a_bucket_that_misses_an_object_is_there(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await rig.storage.read("b/none")
    rig.fail()
    with pytest.raises(NotFound):
        await rig.storage.stat("b/none")
    assert len(rig.proxy.requests) == 1
