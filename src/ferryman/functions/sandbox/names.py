"""The name server of a sandbox: it answers only names that an app may reach, and forwards nothing.

Each name gets its own address in 127.64.0.0/16, so an accepted connection tells which name was
meant. Since no query is forwarded, none can leak data.
"""

import struct
from collections.abc import Callable
from ipaddress import IPv4Address

_HEADER = struct.Struct(">HHHHHH")
_ANSWER = struct.Struct(">HHHIH4s")
_FIRST = int(IPv4Address("127.64.0.1"))
_MOST = 1000
"""Names of one sandbox: an app with a wildcard could ask for any number."""
_RESPONSE, _RECURSION, _AVAILABLE, _NO_SUCH_NAME = 0x8000, 0x0100, 0x0080, 3
_A, _INTERNET = 1, 1
_POINTER = 0xC000
_TTL_SECONDS = 60


class NameServer:
    """The addresses of the names that ``known`` allows."""

    def __init__(self, known: Callable[[str], bool]) -> None:
        self._known = known
        self._addresses: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def name_of(self, address: str) -> str | None:
        """Return the name that was given this address."""
        return self._names.get(address)

    def address_of(self, name: str) -> str | None:
        """Return the address of a name; None if it may not be reached."""
        name = name.lower().rstrip(".")
        if name not in self._addresses:
            if len(self._addresses) >= _MOST or not self._known(name):
                return None
            address = str(IPv4Address(_FIRST + len(self._addresses)))
            self._addresses[name], self._names[address] = address, name
        return self._addresses[name]

    def answer(self, query: bytes) -> bytes | None:
        """Return the response to a DNS message; None if it is not a question for one name."""
        try:
            number, flags, questions, *_ = _HEADER.unpack_from(query)
            name, end = _question(query)
            kind, family = struct.unpack_from(">HH", query, end)
        except (struct.error, IndexError, UnicodeDecodeError):
            return None
        if questions != 1 or flags & _RESPONSE:
            return None
        address = self.address_of(name) if family == _INTERNET else None
        record = b""
        if address is not None and kind == _A:
            data = IPv4Address(address).packed
            record = _ANSWER.pack(_POINTER | _HEADER.size, _A, _INTERNET, _TTL_SECONDS, 4, data)
        code = 0 if address is not None else _NO_SUCH_NAME
        flags = _RESPONSE | flags & _RECURSION | _AVAILABLE | code
        head = _HEADER.pack(number, flags, 1, 1 if record else 0, 0, 0)
        return head + query[_HEADER.size : end + 4] + record


def _question(query: bytes) -> tuple[str, int]:
    """Return the name in a message, and where it ends."""
    labels, at = [], _HEADER.size
    while length := query[at]:
        if length > 63:
            raise IndexError
        labels.append(query[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels), at + 1
