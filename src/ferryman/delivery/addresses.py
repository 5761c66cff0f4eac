"""Where the platform may connect to on behalf of an app.

An app names the addresses that its events are posted to, so it could have the platform call
machines that only the platform can reach: a database, a cloud's metadata service. The check is
made on the address that is connected to, after the name was resolved, so a name that resolves
differently the second time gains nothing.
"""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

_IPV4_INSIDE = (
    IPv6Network("::/96"),
    IPv6Network("::ffff:0:0:0/96"),  # as a translator writes IPv4 addresses
    IPv6Network("64:ff9b::/96"),
)
_NOT_PUBLIC = (
    IPv6Network("64:ff9b:1::/48"),  # a translator to IPv4 of the own network
    IPv6Network("fec0::/10"),  # the own site, as it was called before fc00::/7
    IPv4Network("168.63.129.16/32"),  # a public one by its number; what hosts Azure's machines
    # Special ones that not every version of Python knows of.
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("3fff::/20"),
    IPv6Network("5f00::/16"),
)


class AddressRefusedError(OSError):
    """The platform does not connect there."""


def public_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket for an address of the public internet (aiohttp's ``socket_factory``).

    Raises :class:`AddressRefusedError` for every other one.
    """
    family, kind, protocol, _, address = info
    if not is_public(address[0]):
        raise AddressRefusedError(
            f"{address[0]} is not an address of the public internet; set "
            "FERRYMAN_PRIVATE_ADDRESSES=allow if the platform may connect there"
        )
    return socket.socket(family=family, type=kind, proto=protocol)


def is_public(text: str) -> bool:
    """Whether an IP address is one that anybody can reach, not only this machine or network."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(str(inner))
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that the network may pass this one on to."""
    if any(address in network for network in _IPV4_INSIDE):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (None if teredo is None else teredo[1])
