"""The lines of container services that ``ferryman dev`` is yet to show."""

from collections import deque
from collections.abc import Iterator

from ferryman.client.text import Line, clean

MOST_LINES = 5_000
MOST_CHARACTERS = 4 << 20


class ServiceLines:
    """Lines that one thread says and another shows; of a program that prints on and on, not all.

    Each of the numbers is written by one of the two threads alone.
    """

    def __init__(self) -> None:
        self._lines: deque[Line] = deque()
        self._said = self._shown = 0  # characters
        self._left_out = self._told = 0  # lines

    def say(self, text: str, style: str) -> None:
        """Keep a line until it is shown, if it has a style or there is room for it."""
        held = self._said - self._shown
        if style or (len(self._lines) < MOST_LINES and held < MOST_CHARACTERS):
            self._said += len(text)
            self._lines.append((text, style))
        else:
            self._left_out += 1

    def new(self) -> Iterator[Line]:
        """Return the lines since the last call, and how many more there were."""
        for _ in range(len(self._lines)):
            text, style = self._lines.popleft()
            self._shown += len(text)
            yield f"service   {clean(text)}", style
        left_out = self._left_out - self._told
        if left_out:
            self._told += left_out
            yield f"service   {left_out} more lines are left out", ""
