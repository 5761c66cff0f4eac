"""Read and write the channel of a host. Part of the program ``host.py``, with its rules."""

import fcntl
import os
from _json import encode_basestring_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def out_of_the_way(descriptor: int) -> int:
    """Move a descriptor to a high number, as programs reuse low ones."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 200)
    os.close(descriptor)
    return moved


LENGTH_BYTES = 8
ENDED_WELL = b'{"call": %d, "state": "done", "error": null, "left": "", "ended": ""}\n'


def read(channel: int) -> bytes | None:
    """Read a request, whose length stands before it; None at the end.

    The worker sends the next one only after an answer, so most are read at once.
    """
    data, length = b"", LENGTH_BYTES
    while len(data) < length:
        part = os.read(channel, 1 << 16)
        if not part:
            return None
        data = data + part if data else part
        if length == LENGTH_BYTES <= len(data):
            length += int.from_bytes(data[:LENGTH_BYTES])
    return data[LENGTH_BYTES:]


def set_variables(variables: "dict[str, str]") -> None:
    """Set the variables of the environment that have another value."""
    for name, value in variables.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def send_end(
    channel: int, call: int, left: str, ended: str, failed: "Mapping[str, object]"
) -> None:
    """Write the last answer to a call."""
    if left or ended or failed["error"] is not None:
        members = {"call": call, "state": "done", "left": left, "ended": ended}
        send(channel, {**members, **failed})
    else:
        os.write(channel, ENDED_WELL % call)


def send(channel: int, members: "Mapping[str, object]") -> None:
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
