"""SSRF guard: the addresses that the platform may connect to on behalf of an app.

An app chooses the URLs its events are posted to, so it could make the platform call machines that
only the platform can reach: a database, a cloud's metadata service. We check the address actually
connected to, after name resolution, so a name that resolves differently the second time (DNS
rebinding) gains nothing.
"""

import socket
from typing import Any

from ferryman.domain.addresses import is_public


class AddressRefusedError(OSError):
    """The platform does not connect to this address."""


def public_socket(info: tuple[Any, ...]) -> socket.socket:
    """Create a socket for a public address (aiohttp's ``socket_factory``).

    Raises :class:`AddressRefusedError` for any other address.
    """
    family, kind, protocol, _, address = info
    if not is_public(address[0]):
        raise AddressRefusedError(
            f"{address[0]} is not an address of the public internet; set "
            "FERRYMAN_PRIVATE_ADDRESSES=allow if the platform may connect there"
        )
    return socket.socket(family=family, type=kind, proto=protocol)
