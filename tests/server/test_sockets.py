"""Sockets: shared by workers, refused with cause and fix."""

import socket

import pytest

from gateway.server.failure import StartError
from gateway.server.sockets import listening, reserve
from gateway.settings.address import Address, parse_address


def test_a_reserved_port_is_shared_by_workers_and_does_not_listen_itself() -> None:
    with reserve(parse_address("127.0.0.1:0")) as reserved:
        target = reserved.getsockname()
        assert target[1] != 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(target, timeout=5)
        with listening(reserved) as one, listening(reserved) as two:
            one.listen()
            two.listen()
            socket.create_connection(target, timeout=5).close()


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            StartError, match=rf"port {port} is in use.*ss -ltnp.*--address"
        ) as caught:
            reserve(Address(host="127.0.0.1", port=port))
    assert caught.value.exit == 2


def test_a_port_that_is_shared_by_someone_else_is_in_use_too() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StartError, match="is in use"):
            reserve(Address(host="127.0.0.1", port=taken.getsockname()[1]))


def test_a_port_that_another_server_has_reserved_is_in_use_before_it_listens() -> None:
    with reserve(parse_address("127.0.0.1:0")) as reserved:
        port = reserved.getsockname()[1]
        with pytest.raises(StartError, match="is in use"):
            reserve(Address(host="127.0.0.1", port=port))
        with pytest.raises(StartError, match="is in use"):
            reserve(Address(host="", port=port))


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("192.0.2.1:9000", "no address of this machine"),  # TEST-NET-1, RFC 5737
        ("no-such-host.invalid:9000", "is not known"),
    ],
)
def test_an_address_that_is_not_ours_is_refused(address: str, cause: str) -> None:
    with pytest.raises(StartError, match=cause):
        reserve(parse_address(address))


def test_all_interfaces_are_reached_by_loopback() -> None:
    with reserve(parse_address(":0")) as reserved:
        port = reserved.getsockname()[1]
        with listening(reserved) as sock:
            sock.listen()
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
