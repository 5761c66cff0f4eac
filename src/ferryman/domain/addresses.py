"""Tell addresses of the public internet from others: the SSRF guard lets apps reach no others.

A worker forwards what functions send to the platform from an address of its own, so that an API on
the same machine can tell such a call from any other.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

OF_FUNCTIONS = "127.64.0.1"
"""From here the calls of functions in a sandbox come."""

_IPV4_INSIDE = (
    IPv6Network("::/96"),
    IPv6Network("::ffff:0:0:0/96"),  # IPv4 addresses as written by a translator
    IPv6Network("64:ff9b::/96"),
)
_NOT_PUBLIC = (
    IPv6Network("64:ff9b:1::/48"),  # a translator to IPv4 in the local network
    IPv6Network("fec0::/10"),  # site-local addresses, before fc00::/7
    IPv4Network("168.63.129.16/32"),  # public by its number, but serves Azure's own machines
    # Special-purpose networks that not every version of Python knows.
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("3fff::/20"),
    IPv6Network("5f00::/16"),
)


def is_public(text: str) -> bool:
    """Return whether an IP address is public rather than of this machine or network."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(str(inner))
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast


def _inner(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that the network may translate this one to."""
    if any(address in network for network in _IPV4_INSIDE):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (None if teredo is None else teredo[1])
