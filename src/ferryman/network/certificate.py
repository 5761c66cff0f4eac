"""Read who issued a certificate, and for how long: the few fields that a message needs.

Python tells them only of certificates that it trusts, and the base install has no other reader.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_SEQUENCE, _SET, _CONTEXT_0, _OBJECT_ID = 0x30, 0x31, 0xA0, 0x06
_NAMES = {b"\x55\x04\x03": 0, b"\x55\x04\x0a": 1, b"\x55\x04\x0b": 2}
"""Common name, organisation and unit, in the order in which they are told."""
_ENCODINGS = {0x0C: "utf-8", 0x1E: "utf-16-be", 0x13: "ascii", 0x16: "ascii", 0x14: "latin-1"}
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate: names as people know them, empty if there is none."""

    subject: str
    issuer: str
    begins: datetime
    ends: datetime


def read_certificate(der: bytes) -> Certificate:
    """Read a certificate; raises ``ValueError`` if it is none."""
    try:
        [(_, outer)] = _children(der)
        (_, inner), *_ = _children(outer)
        fields = [each for each in _children(inner) if each[0] != _CONTEXT_0]
        _serial, _algorithm, issuer, validity, subject, *_ = (value for _, value in fields)
        begins, ends = (_time(kind, value) for kind, value in _children(validity))
    except (IndexError, ValueError) as error:
        raise ValueError("not a certificate") from error
    return Certificate(_name(subject), _name(issuer), begins, ends)


def _children(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        kind, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(data[at : at + count], "big"), at + count
        if at + size > len(data):
            raise ValueError("cut off")
        yield kind, data[at : at + size]
        at += size


def _name(data: bytes) -> str:
    parts: dict[int, str] = {}
    for _, group in _children(data):
        for _, pair in _children(group):
            (_, kind), (encoding, value) = _children(pair)
            rank = _NAMES.get(kind)
            if rank is not None:
                text = value.decode(_ENCODINGS.get(encoding, "latin-1"), "replace")
                parts.setdefault(rank, "".join(c for c in text if c.isprintable()))
    return ", ".join(parts[rank] for rank in sorted(parts))[:_SHOWN]


def _time(kind: int, value: bytes) -> datetime:
    text = value.decode("ascii")
    if kind == 0x17:  # two digits of the year, of 1950 to 2049
        text = ("20" if text[:2] < "50" else "19") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
