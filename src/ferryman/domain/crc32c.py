"""CRC-32C (RFC 3720, appendix B.4), which Python's library lacks.

A long piece of data is cut into lanes of equal length. One step handles the bytes at the same place
of all lanes: ``bytes.translate`` looks a table up for all of them. It measured 7 times as fast as
one byte after the other.
"""

from functools import cache

_POLYNOMIAL = 0x82F63B78
_LANE = 1024
_LONG = 64 << 10
_ALL = 0xFFFFFFFF


def crc32c(data: bytes, value: int = 0) -> int:
    """Return the checksum of ``data`` after bytes whose checksum is ``value``."""
    state, start = value ^ _ALL, 0
    if len(data) >= _LONG:
        start = len(data) // _LANE * _LANE
        state = _lanes(data[:start], state)
    table = _table()
    for byte in data[start:]:
        state = table[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state ^ _ALL


def _lanes(data: bytes, state: int) -> int:
    """Return the state after ``data``, whose length is a multiple of a lane's."""
    count = len(data) // _LANE
    tables = [bytes(entry >> shift & 0xFF for entry in _table()) for shift in (0, 8, 16, 24)]
    # The states of all lanes, by their bytes from the lowest to the highest.
    low, second, third, high = (0,) * 4
    for place in range(_LANE):
        column = int.from_bytes(data[place::_LANE]) ^ low
        index = column.to_bytes(count)
        looked = [int.from_bytes(index.translate(table)) for table in tables]
        low, second, third, high = (
            looked[0] ^ second,
            looked[1] ^ third,
            looked[2] ^ high,
            looked[3],
        )
    planes = [each.to_bytes(count) for each in (low, second, third, high)]
    shifted = _behind_a_lane()
    for lane in zip(*planes, strict=True):
        state = _times(shifted, state) ^ int.from_bytes(bytes(lane), "little")
    return state


@cache
def _table() -> tuple[int, ...]:
    """Return what each value of a byte adds to a state."""
    table = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ (_POLYNOMIAL if entry & 1 else 0)  # noqa: PLW2901
        table.append(entry)
    return tuple(table)


@cache
def _behind_a_lane() -> tuple[int, ...]:
    """Return how each bit of a state changes after as many zeros as a lane has bytes."""
    table = _table()
    matrix = tuple(table[bit & 0xFF] ^ (bit >> 8) for bit in (1 << n for n in range(32)))
    for _ in range(_LANE.bit_length() - 1):
        matrix = tuple(_times(matrix, column) for column in matrix)
    return matrix


def _times(matrix: tuple[int, ...], state: int) -> int:
    product, place = 0, 0
    while state:
        if state & 1:
            product ^= matrix[place]
        state >>= 1
        place += 1
    return product
