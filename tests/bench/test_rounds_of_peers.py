"""Servers take turns, one at a time."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.accounting import connections, parse_established, tree
from bench.peers.kinds import Kind, Place
from bench.peers.processes import Running, new_place, running
from bench.peers.rounds import turns
from bench.peers.rows import ROWS
from bench.peers.servers import KINDS
from bench.server import ServerError

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1
   1: 0100007F:2328 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 101 1
   2: 0100007F:C001 0100007F:2328 01 00000000:00000000 00:00000000 00000000     0        0 102 1
   3: 0100007F:2328 0100007F:C002 06 00000000:00000000 00:00000000 00000000     0        0 0 1
"""


def test_only_what_is_connected_to_the_port_counts() -> None:
    assert parse_established(TCP, 9000) == {101}
    assert parse_established(TCP, 0xC001) == {102}
    assert parse_established(TCP, 80) == set()


def test_connections_are_those_of_the_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert connections([os.getpid()], port) == [0]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listening.accept()
            with accepted:
                assert connections([os.getpid()], port) == [1]


def test_servers_take_turns_in_each_round() -> None:
    kinds = [KINDS[name] for name in ("s3front", "s3front-2", "versitygw", "minio", "nginx")]
    order = [(number, kind.name) for number, kind in turns(ROWS["put-4k"], kinds, 2)]
    assert order == [
        *((1, name) for name in ("s3front", "versitygw", "minio")),
        *((2, name) for name in ("s3front", "versitygw", "minio")),
    ]


LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()[0].close()
"""
LISTENING = Kind(
    name="listener",
    shown="listener",
    durability="none",
    speaks_s3=False,
    command=lambda place: [sys.executable, "-c", LISTENER, str(place.port)],
)


@pytest.fixture
def listener() -> Iterator[Running]:
    with running(LISTENING, Path(sys.executable), None) as server:
        yield server


def test_a_server_that_is_held_does_not_run(listener: Running) -> None:
    def state() -> str:
        line = Path(f"/proc/{listener.pid}/stat").read_text()
        return line.rpartition(") ")[2][0]

    listener.hold()
    # The kernel stops it as soon as it would run: WUNTRACED tells that it has.
    _, status = os.waitpid(listener.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert os.WSTOPSIG(status) == signal.SIGSTOP
    assert state() == "T"
    listener.release()
    _, status = os.waitpid(listener.pid, os.WCONTINUED)
    assert os.WIFCONTINUED(status)
    assert state() in "RS"


def test_a_held_server_can_end_as_it_likes(tmp_path: Path) -> None:
    mark = tmp_path / "ended"
    goodbye = f"import signal; signal.signal(15, lambda *_: (open({str(mark)!r}, 'w'), 1 / 0))\n"
    polite = replace(
        LISTENING,
        command=lambda place: [sys.executable, "-c", goodbye + LISTENER, str(place.port)],
    )
    with running(polite, Path(sys.executable), None) as server:
        server.hold()
    assert mark.exists()
    assert not tree(server.pid)
    assert not server.place.directory.exists()


def test_a_server_that_ends_is_told_with_its_last_words() -> None:
    failing = Kind(
        name="failing",
        shown="failing",
        durability="none",
        command=lambda _: [sys.executable, "-c", "raise SystemExit('no such drive')"],
    )
    with (
        pytest.raises(ServerError, match="no such drive"),
        running(failing, Path(sys.executable), None),
    ):
        pass


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_secrets_are_not_on_a_command_line(kind: Kind, tmp_path: Path) -> None:
    place: Place = new_place(tmp_path, Path("/bin/true"))
    assert not any(place.secret_key in word for word in kind.command(place))
    assert place.secret_key not in repr(place)


def test_nothing_of_the_caller_reaches_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3FRONT_DURABILITY", "full")
    asking = Kind(
        name="asking",
        shown="asking",
        durability="none",
        command=lambda _: [
            sys.executable,
            "-c",
            "import os; raise SystemExit(str('S3FRONT_DURABILITY' in os.environ))",
        ],
    )
    with (
        pytest.raises(ServerError, match="False"),
        running(asking, Path(sys.executable), None),
    ):
        pass
