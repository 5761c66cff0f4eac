"""What is kept of a function's output."""

import asyncio
import fcntl
import os
import re
import termios
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.domain.outcome import bounded
from ferryman.functions import capture
from ferryman.functions.capture import Excerpt, Live, OutputPipe

LIMIT = 120


def kept(chunks: list[bytes], limit: int = LIMIT) -> str:
    """What is kept of a stream that arrives in these pieces."""
    excerpt = Excerpt(limit)
    for chunk in chunks:
        excerpt.add(chunk)
    return excerpt.text()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=20))
def test_both_ends_are_kept_however_they_arrive(chunks: list[bytes]) -> None:
    """Within the limit, and the same for every way to cut the stream into pieces."""
    whole = b"".join(chunks)
    text = kept(chunks)
    assert text == kept([whole])
    assert bounded(text, LIMIT) == text, "nothing is left to cut out later"
    readable = whole.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    if len(readable.encode()) <= LIMIT and len(whole) <= LIMIT:
        assert text == readable
    else:
        assert f"[... {len(whole)} bytes in all ...]" in text


@pytest.mark.parametrize("piece", [b"0123456789abcdef" * 64, b"\xff\0" * 512, "ü漢".encode() * 200])
def test_the_number_of_bytes_is_that_of_the_whole(piece: bytes) -> None:
    """20 MB are 20 MB, also where bytes are replaced by longer characters."""
    pieces = [piece] * 20_000
    text = kept(pieces, 8192)
    assert re.findall(r"\[\.\.\. (\d+) bytes in all \.\.\.\]", text) == [str(20_000 * len(piece))]
    assert len(text.encode()) <= 8192


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([b"a\nb\n"], ["a\nb"]),
        ([b"a", b"b\nc"], ["ab", "c"]),
        ([b"\xc3", b"\xbc\n"], ["ü"]),
        ([b"12345678\n", b"90\n"], ["12345678", "9"]),
        ([], []),
    ],
)
def test_whole_lines_are_told_as_they_come(pieces: list[bytes], told: list[str]) -> None:
    """A character that arrives in two pieces is one, and after ten bytes there is silence."""
    found: list[str] = []
    live = Live(found.append, limit=10)
    for piece in pieces:
        live.add(piece)
    live.end()
    assert found == told


@pytest.mark.parametrize("size", [1, 1 << 16], ids=["small", "large"])
def test_what_prints_without_end_is_not_read_without_a_pause(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """So calls of others are not behind it, however small its pieces are; nothing of it is lost."""
    monkeypatch.setattr(capture, "_PAUSE_SECONDS", 3600.0)
    monkeypatch.setattr(capture, "_AT_ONCE", 2)
    at_once = 2 + 1

    async def print_without_end() -> str:
        pipe = OutputPipe(LIMIT)
        pipe.begin()
        pipe.attend()
        for _ in range(at_once):
            os.write(pipe.write_end, b"x" * size)
            assert await left(pipe) == 0
        os.write(pipe.write_end, b"x" * size)
        assert await left(pipe) == size
        text = pipe.take()
        pipe.attend()
        os.write(pipe.write_end, b"more")
        assert await left(pipe) == 0
        assert pipe.take() == "more"
        pipe.close_write_end()
        pipe.close()
        return text

    expected = Excerpt(LIMIT)
    expected.add(b"x" * size * (at_once + 1))
    assert asyncio.run(print_without_end()) == expected.text()


async def left(pipe: OutputPipe) -> int:
    """Let the loop read; return the number of bytes that a pipe holds then."""
    for _ in range(100):
        await asyncio.sleep(0)
    number = array("i", [0])
    fcntl.ioctl(pipe.write_end, termios.FIONREAD, number)
    return number[0]
