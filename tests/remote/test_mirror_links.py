"""Links of a mirror lead to the member that would be read, and to none that lacks what is asked for."""

from collections.abc import Mapping

import pytest

from backends.errors import Unsupported
from backends.interface import Can, Limits, Stored
from backends.mirror.marking import marked
from backends.mirror.storage import Mirror
from backends.remote_memory import AS_S3, S3_LIMITS, RemoteMemoryStorage
from gateway.service import seen
from tests.backends.making import body, drained
from tests.backends.mirror.members import Shaky, Time, mirror_of
from tests.backends.mirror.mirrors import put, repaired
from tests.live.server import Live
from tests.remote.conftest import Serve
from tests.remote.left import swept
from tests.remote.test_links import presigned


class Linking(RemoteMemoryStorage):
    def __init__(self, name: str, can: Can = AS_S3 | Can.LINK) -> None:
        super().__init__(can, S3_LIMITS)
        self.name = name

    def link(self, stored: Stored, *, seconds: int, answer_with: Mapping[str, str]) -> str:
        return f"https://{self.name}.example/{stored.path}"


class Stand:
    """A server on a mirror whose members give links."""

    def __init__(self, serve: Serve, **can: Can) -> None:
        self.time = Time()
        names = ("nas", "cloud")
        self.members = {
            name: Shaky(Linking(name, can.get(name, AS_S3 | Can.LINK))) for name in names
        }
        self.mirror = mirror_of(self.members, time=self.time)
        self.live: Live = serve(self.mirror)
        self.live.services.links.direct = {"main", *names}
        self.put(b"ours")

    def put(self, data: bytes) -> None:
        assert self.live.client.put("bucket", "a.jpg", data).status == 200

    def repair(self) -> None:
        self.live.run(self.live.services.remover.settled())
        self.live.run(repaired(self.mirror))

    def linked(self) -> str:
        """The host that a client is sent to; "" if the answer has the bytes."""
        answer = presigned(self.live)
        assert answer.status in {200, 307}, answer.body
        return answer.headers.get("location", "").removeprefix("https://").partition(".")[0]


@pytest.fixture
def stand(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Stand:
    monkeypatch.setattr(seen, "HOLDS_S", -1.0)
    return Stand(serve)


def test_clients_are_sent_to_who_would_be_read(stand: Stand) -> None:
    assert stand.linked() == "nas"
    stand.repair()
    stand.members["nas"].is_down = True
    assert stand.linked() == "cloud"
    stand.members["nas"].is_down = False
    stand.time.now_s += 100
    assert stand.linked() == "nas"


def test_nobody_is_sent_to_a_member_that_lacks_it_or_has_an_older_one(stand: Stand) -> None:
    stand.repair()
    stand.members["nas"].is_down = True
    stand.live.client.delete("bucket", "a.jpg")
    stand.live.run(swept(stand.live.services))
    stand.put(b"newer")
    stand.members["nas"].is_down = False
    stand.time.now_s += 100
    path = "bucket/a.jpg"
    assert stand.live.run(drained_at(stand.members["nas"], path)) == b"ours"
    assert stand.linked() == "cloud"
    stand.members["cloud"].is_down = True
    assert presigned(stand.live).status == 503


async def drained_at(member: Shaky, path: str) -> bytes:
    return await drained(await member.read(path))


def test_a_member_that_is_back_with_other_bytes_is_not_linked_to(stand: Stand) -> None:
    stand.repair()
    other = put(
        stand.members["nas"], "bucket/a.jpg", b"old", description=marked("bucket/a.jpg", 7, None)
    )
    stand.live.run(other)
    assert stand.linked() == "cloud"
    stand.repair()
    assert stand.linked() == "nas"


def test_a_look_that_holds_is_no_link_to_who_does_not_answer_any_more(
    serve: Serve,
) -> None:
    stand = Stand(serve)
    stand.repair()
    assert stand.linked() == "nas"
    stand.members["nas"].is_down = True
    for _ in range(3):
        assert stand.live.client.get("bucket", "a.jpg").body == b"ours"
    assert stand.linked() == ""


def test_only_to_members_that_may_be_linked_to(stand: Stand) -> None:
    stand.repair()
    stand.live.services.links.direct = {"main", "cloud"}
    assert stand.linked() == ""
    stand.members["nas"].is_down = True
    assert stand.linked() == "cloud"


def test_a_member_that_gives_no_links_is_read_here(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "HOLDS_S", -1.0)
    stand = Stand(serve, nas=AS_S3)
    stand.repair()
    assert stand.linked() == ""
    stand.members["nas"].is_down = True
    assert stand.linked() == "cloud"


async def test_what_no_member_has_told_has_no_link() -> None:
    mirror = mirror_of({name: Linking(name) for name in ("nas", "cloud")})
    await mirror.open()
    stored = await mirror.write("b/k", body(b"data"), size=4)
    with pytest.raises(Unsupported):
        mirror.link(stored, seconds=9, answer_with={})
    told = await mirror.stat("b/k")
    assert mirror.link(told, seconds=9, answer_with={}) == "https://nas.example/b/k"


async def test_a_mirror_of_files_has_none() -> None:
    storages = {name: RemoteMemoryStorage(AS_S3, Limits()) for name in ("nas", "cloud")}
    mirror: Mirror = mirror_of(storages)
    await mirror.open()
    await put(mirror, "b/k", b"data")
    assert Can.LINK not in mirror.can
    stored = await mirror.stat("b/k")
    with pytest.raises(Unsupported):
        mirror.link(stored, seconds=9, answer_with={})
