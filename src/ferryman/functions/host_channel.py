"""Read and write the channel of a host. Part of the program ``host.py``, with its rules."""

import fcntl
import os
from _json import encode_basestring_ascii


def out_of_the_way(descriptor: int) -> int:
    """Move a descriptor to a high number, as programs reuse low ones."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 200)
    os.close(descriptor)
    return moved


def read(channel: int, length: int) -> bytes | None:
    """Read exactly so many bytes; None at the end."""
    data = bytearray()
    while len(data) < length:
        part = os.read(channel, min(length - len(data), 1 << 20))
        if not part:
            return None
        data += part
    return bytes(data)


def send(channel: int, members: "dict[str, object]") -> None:
    """Write a line of JSON with these members: texts, whole numbers, booleans and None."""
    fields = (
        f"{encode_basestring_ascii(name)}: {as_json(value)}" for name, value in members.items()
    )
    line = f"{{{', '.join(fields)}}}\n".encode()
    while line:
        line = line[os.write(channel, line) :]


def as_json(value: object) -> str:
    """Return a text, a whole number, a boolean or None in JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else encode_basestring_ascii(str(value))
