"""/-/dev/ as ``s3front dev`` serves it: what it takes, and whom it answers."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.observe.event import RequestEvent
from gateway.s3.message import Request
from gateway.s3.target import Domains
from gateway.testing.control import Control
from gateway.testing.faults import Aim, Cut, Delay, Fail, Faults, WrongChecksum
from gateway.testing.journal import Journal, recorded

GET = Aim(operation="GetObject", bucket="photos", key="a")


class Sent:
    """A body that is there."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length = len(data)

    async def read(self, *, at_once: bool = False) -> bytes:
        data, self._data = self._data, b""
        return data


class Asked:
    """A control and what it controls."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.journal = Journal()
        self.resets = 0
        self._control = Control(
            faults=self.faults,
            journal=self.journal,
            domains=Domains(["localhost"]),
            reset=self._reset,
        )

    async def _reset(self) -> None:
        self.resets += 1

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        peer: str = "127.0.0.1",
        host: str = "127.0.0.1:9000",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and document; 0 and None if it is not for the control."""
        raw, _, query = path.partition("?")
        request = Request(
            id="1",
            method=method,
            path=raw,
            query=query,
            headers=headers or {},
            body=Sent(body),
            peer=peer,
            host=host,
        )
        response = asyncio.run(self._control(request))
        if response is None:
            return 0, None
        assert response.headers["Content-Type"] == "application/json"
        assert isinstance(response.body, bytes)
        return response.status, json.loads(response.body)

    def arm(self, **fields: object) -> tuple[int, Any]:
        return self.ask("POST", "/-/dev/faults", json.dumps(fields).encode())


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.mark.parametrize(
    ("fields", "effect"),
    [
        ({"kind": "fail", "operation": "*", "code": "SlowDown", "message": "No."},
         Fail(code="SlowDown", message="No.")),
        ({"kind": "fail", "operation": "GetObject"}, Fail(code="InternalError", message=None)),
        ({"kind": "delay", "operation": "GetObject", "seconds": 1.5}, Delay(seconds=1.5)),
        ({"kind": "cut", "operation": "GetObject"}, Cut(after_bytes=None)),
        ({"kind": "cut", "operation": "GetObject", "after_bytes": 7}, Cut(after_bytes=7)),
        ({"kind": "wrong_checksum"}, WrongChecksum()),
    ],
)  # fmt: skip
def test_each_kind_is_armed(asked: Asked, fields: dict[str, Any], effect: object) -> None:
    status, told = asked.arm(**fields, bucket="pho*", key="[ab]", nth=2, times=None)
    assert status == 201
    assert asked.faults.due(GET) == []
    assert asked.faults.due(GET) == [effect]
    assert told.items() >= {"bucket": "pho*", "key": "[ab]", "nth": 2, "times": None}.items()
    assert told.items() >= fields.items()
    (listed,) = asked.ask("GET", "/-/dev/faults")[1]["faults"]
    assert listed == told | {"seen": 2, "fired": 1}


def test_one_or_all_are_cleared(asked: Asked) -> None:
    ids = [asked.arm(kind="fail", operation="*")[1]["id"] for _ in range(3)]
    assert asked.ask("DELETE", f"/-/dev/faults/{ids[1]}") == (200, {})
    assert [fault.number for fault in asked.faults.armed] == [ids[0], ids[2]]
    assert asked.ask("DELETE", f"/-/dev/faults/{ids[1]}")[0] == 404
    assert asked.ask("DELETE", "/-/dev/faults") == (200, {})
    assert asked.faults.armed == ()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 60_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "kind is one of"),
        (b'{"kind": ["fail"]}', "kind is one of"),
        (b'{"kind": "clear"}', "kind is one of"),
        (b'{"kind": "__init__"}', "kind is one of"),
        (b'{"kind": "fail"}', "needs operation"),
        (b'{"kind": "delay", "operation": "*"}', "needs operation and seconds"),
        (b'{"kind": "fail", "operation": "*", "sekonds": 1}', "takes no 'sekonds'"),
        (b'{"kind": "delay", "operation": "*", "sekonds": 1}', "Did you mean 'seconds'?"),
        (b'{"kind": "delay", "operation": "*", "seconds": 1e9}', "A delay is"),
        (b'{"kind": "fail", "operation": "GetObjekt"}', "Did you mean 'GetObject'?"),
        (b'{"kind": "fail", "operation": 7}', "no operation 7"),
        (b'{"kind": "fail", "operation": ["*"]}', "no operation ['*']"),
        (b'{"kind": "fail", "operation": "*", "code": {}}', "no error code {}"),
        (b'{"kind": "fail", "operation": "*", "message": "a\\nb"}', "message"),
        (b'{"kind": "fail", "operation": "*", "bucket": null}', "patterns"),
        (b'{"kind": "fail", "operation": "*", "nth": "1"}', "nth"),
    ],
)
def test_what_cannot_be_armed_is_told(asked: Asked, body: bytes, says: str) -> None:
    status, told = asked.ask("POST", "/-/dev/faults", body)
    assert status == 400
    assert says in told["error"]
    assert asked.faults.armed == ()


def test_a_document_is_bounded(asked: Asked) -> None:
    assert asked.ask("POST", "/-/dev/faults", b" " * 70_000)[0] == 413


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    ["kind", "operation", "code", "message", "seconds", "after_bytes", "bucket", "nth", "times"]
)


@settings(deadline=None)
@given(
    document=st.dictionaries(
        FIELDS, JSON | st.sampled_from(["fail", "cut", "*", "GetObject", "SlowDown"])
    )
)
def test_any_document_is_armed_or_refused(document: dict[str, object]) -> None:
    asked = Asked()
    status, _ = asked.ask("POST", "/-/dev/faults", json.dumps(document).encode())
    assert status in {201, 400}
    assert len(asked.faults.armed) == (status == 201)
    assert asked.ask("GET", "/-/dev/faults")[0] == 200
    asked.faults.due(GET)


def test_recorded_requests_are_told_and_chosen(asked: Asked) -> None:
    for operation, key in (("PutObject", "a"), ("GetObject", "a"), ("GetObject", "b")):
        event = RequestEvent(id=key, method="GET", path="/photos/a", peer="127.0.0.1")
        aim = Aim(operation=operation, bucket="photos", key=key)
        asked.journal.add(recorded(event, aim=aim))

    def told(query: str) -> list[tuple[str, str]]:
        status, document = asked.ask("GET", f"/-/dev/requests{query}")
        assert status == 200
        return [(one["operation"], one["key"]) for one in document["requests"]]

    assert told("") == [("PutObject", "a"), ("GetObject", "a"), ("GetObject", "b")]
    assert told("?operation=GetObject&bucket=photos&key=b") == [("GetObject", "b")]
    assert told("?bucket=other") == []
    for wrong in ("?operation=GetObjekt", "?op=GetObject", "?key=a&key=b"):
        assert asked.ask("GET", f"/-/dev/requests{wrong}")[0] == 400
    assert asked.ask("DELETE", "/-/dev/requests") == (200, {})
    assert told("") == []


def test_a_reset_is_asked_for(asked: Asked) -> None:
    assert asked.ask("POST", "/-/dev/reset") == (200, {})
    assert asked.resets == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/-/dev/"),
        ("GET", "/-/dev/reset"),
        ("PUT", "/-/dev/faults"),
        ("POST", "/-/dev/requests"),
        ("GET", "/-/dev/faults/1"),
        ("DELETE", "/-/dev/reset"),
        ("GET", "/-/dev/%66aults"),
    ],
)
def test_there_is_nothing_else(asked: Asked, method: str, path: str) -> None:
    assert asked.ask(method, path)[0] == 404
    assert asked.resets == 0


@pytest.mark.parametrize(
    "path", ["/", "/-/ready", "/-/devices", "/photos/-/dev/faults", "/-/DEV/faults"]
)
def test_what_is_not_for_it_is_left_alone(asked: Asked, path: str) -> None:
    assert asked.ask("GET", path) == (0, None)


@pytest.mark.parametrize("host", ["photos.localhost", "photos.localhost:9000", "A_.localhost"])
def test_below_a_buckets_host_it_is_a_key(asked: Asked, host: str) -> None:
    assert asked.ask("GET", "/-/dev/faults", host=host) == (0, None)


WHO: list[dict[str, Any]] = [
    {"peer": "10.0.0.7"},
    {"peer": "::ffff:10.0.0.7"},
    {"peer": "-"},
    {"host": "evil.example"},
    {"host": "evil.example:9000"},
    {"host": "127.0.0.1.evil.example:9000"},
    {"host": ""},
    {"headers": {"origin": "http://evil.example"}},
    {"headers": {"origin": "null"}},
    {"headers": {"x-forwarded-for": "127.0.0.1"}},
    {"headers": {"forwarded": "for=127.0.0.1"}},
    {"headers": {"via": "1.1 proxy"}},
]


@pytest.mark.parametrize("who", WHO, ids=str)
def test_others_are_refused(asked: Asked, who: dict[str, Any]) -> None:
    body = b'{"kind": "fail", "operation": "*"}'
    for method, path in (
        ("POST", "/-/dev/faults"), ("GET", "/-/dev/faults"), ("GET", "/-/dev/requests"),
        ("POST", "/-/dev/reset"), ("DELETE", "/-/dev/faults"),
    ):  # fmt: skip
        assert asked.ask(method, path, body, **who)[0] == 403
    assert asked.faults.armed == ()
    assert asked.resets == 0


@pytest.mark.parametrize(
    "who",
    [{"peer": "127.9.9.9"}, {"peer": "::1"}, {"peer": "::ffff:127.0.0.1"},
     {"host": "localhost"}, {"host": "LOCALHOST:9000"}, {"host": "[::1]:9000"}, {"host": "[::1]"}],
    ids=str,
)  # fmt: skip
def test_this_machine_is_answered(asked: Asked, who: dict[str, Any]) -> None:
    assert asked.ask("GET", "/-/dev/faults", **who) == (200, {"faults": []})
