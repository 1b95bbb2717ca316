"""Listening sockets: one port, shared by workers."""

import errno
import os
import resource
import socket

from gateway.server.failure import Exit, StartError
from gateway.settings.address import Address


def reserve(address: Address) -> socket.socket:
    """A bound socket that holds the port for the workers; it never listens.

    Port 0 becomes a free one: ask its ``getsockname``. Raises StartError with cause and fix if the
    port is in use, forbidden or not of this machine.
    """
    family, target = _resolve(address)
    if address.port:
        # Without SO_REUSEPORT, so that a server that shares its port with its own kind is seen too.
        with _bound(family, target, address, share=False):
            pass
    reserved = _bound(family, target, address, share=True)
    # What is bound with it and does not listen yet would be invisible to the probe of another server that
    # starts in the same second, and both would answer (socket(7)).
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return reserved


def listening(reserved: socket.socket) -> socket.socket:
    """Another socket on a reserved port, not yet listening: for one worker and its successors. OSError."""
    return _open(socket.AddressFamily(reserved.family), reserved.getsockname()[:2], share=True)


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one; returns what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
    return hard


def _resolve(address: Address) -> tuple[socket.AddressFamily, tuple[str, int]]:
    if not address.host:
        if socket.has_dualstack_ipv6():
            return socket.AF_INET6, ("::", address.port)
        return socket.AF_INET, ("0.0.0.0", address.port)  # noqa: S104 - asked for
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise StartError(
            f"address: {address.host!r} is not known: {error.strerror}. "
            "Use an IP address of this machine, or :PORT for all of them.",
            exit=Exit.BAD_CONFIGURATION,
        ) from None
    family, _, _, _, target = found[0]
    return family, (str(target[0]), address.port)


def _bound(
    family: socket.AddressFamily, target: tuple[str, int], address: Address, *, share: bool
) -> socket.socket:
    try:
        return _open(family, target, share=share)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            cause = f"port {address.port} is in use"
            fix = (
                f"Stop what listens there (`ss -ltnp 'sport = :{address.port}'` names it), "
                f"or choose another port: --address {address.host or ''}:{address.port + 1}"
            )
        elif error.errno == errno.EACCES:
            cause = f"uid {os.geteuid()} may not listen on port {address.port}"
            fix = "Use a port above 1023, or grant CAP_NET_BIND_SERVICE."
        elif error.errno == errno.EADDRNOTAVAIL:
            cause = f"{address.host} is no address of this machine"
            fix = "Use one of its addresses, or :PORT for all of them."
        else:
            cause, fix = f"{error.strerror}", "Choose another address."
        raise StartError(
            f"address: cannot listen on {address}: {cause}. {fix}", exit=Exit.BAD_CONFIGURATION
        ) from None


def _open(family: socket.AddressFamily, target: tuple[str, int], *, share: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            only = 0 if target[0] == "::" else 1
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        sock.bind(target)
    except BaseException:
        sock.close()
        raise
    return sock
