"""``host:port`` as it is written in settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen. ``host`` is "" for all interfaces, without brackets for IPv6."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def reachable_host(self) -> str:
        """A host by which this machine reaches the address: loopback for all interfaces."""
        if self.host in {"", "0.0.0.0"}:  # noqa: S104 - compared, not bound
            return "127.0.0.1"
        return "::1" if self.host == "::" else self.host

    @property
    def is_loopback(self) -> bool:
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")


def parse_address(text: str) -> Address:
    """``127.0.0.1:9000``, ``[::1]:9000``, ``localhost:9000``, ``:9000`` (all interfaces), ``9000``
    (loopback). Port 0 lets the system choose. Raises ValueError that says what is wrong."""
    host, colon, port = text.rpartition(":")
    if not colon:
        host = "127.0.0.1"
    elif host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address needs brackets around it")
    if not (port.isascii() and port.isdigit()):
        raise ValueError("it does not end in a port number")
    number = int(port)
    if number > 65535:
        raise ValueError("a port is at most 65535")
    if any(character.isspace() or character in "/@[]%" for character in host):
        raise ValueError("that is not a host name or an IP address")
    return Address(host=host, port=number)
