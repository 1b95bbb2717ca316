"""Which addresses a storage may be reached at: asked of each address when it is connected to.

So a name that stands for another address than a moment ago gains nothing by it.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
"""All that IANA gives out to the open Internet: https://www.iana.org/assignments/ipv6-address-space.
Elsewhere are addresses of sites, translators and mappings that lead back into a network of one's own."""


def allows_private(settings: Mapping[str, object]) -> bool:
    """The setting ``allow_private``, which a variable of the environment gives as a text."""
    said = settings.get("allow_private", False)
    if isinstance(said, str):
        said = {"true": True, "false": False}.get(said.lower())
    if not isinstance(said, bool):
        raise ValueError("allow_private is true or false")  # noqa: TRY004 (one error)
    return said


class AddressRefused(OSError):
    """The address is not one that the settings allow."""


def is_public(address: str) -> bool:
    """Whether an address, or the IPv4 address that it embeds, belongs to the open Internet."""
    parsed = ip_address(address.partition("%")[0])
    embedded = _embedded(parsed) if isinstance(parsed, IPv6Address) else None
    if embedded is not None and not _is_global(embedded):
        return False
    if isinstance(parsed, IPv6Address):
        if parsed in _NAT64 or parsed.ipv4_mapped is not None:
            return True  # what it embeds was asked
        return parsed in _UNICAST and _is_global(parsed)
    return _is_global(parsed)


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_unspecified)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour
