"""What a fork takes over, as a new program would: descriptors, variables and words (ADR 107)."""

import ctypes
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

_SHOWN = (45, 46, 47, 48)
"""Where arguments and variables begin and end, in what follows the name in ``/proc/self/stat``."""


class Command(msgspec.Struct, frozen=True):
    """What a fork becomes: a program, its words for the list of processes, and its variables.

    The descriptors that come with it get ``numbers``; one may get several.
    """

    program: str
    words: list[str]
    variables: dict[str, str]
    without: list[str]
    numbers: list[list[int]]


def become(command: Command, descriptors: Sequence[int]) -> None:
    """Take over what a new program would be given."""
    above = max([*descriptors, *(each for numbers in command.numbers for each in numbers)]) + 1
    moved = [_moved(each, above) for each in descriptors]
    for descriptor, numbers in zip(moved, command.numbers, strict=True):
        for number in numbers:
            os.dup2(descriptor, number, inheritable=number <= 2)
        os.close(descriptor)
    for name in command.without:
        os.environ.pop(name, None)
    os.environ.update(command.variables)
    sys.argv = list(command.words)
    with suppress(OSError, ValueError):
        show(command.words)


def _moved(descriptor: int, above: int) -> int:
    """Move a descriptor out of the way of the numbers that others get."""
    from fcntl import F_DUPFD_CLOEXEC, fcntl

    moved: int = fcntl(descriptor, F_DUPFD_CLOEXEC, above)
    os.close(descriptor)
    return moved


def keep_variables() -> None:
    """Copy the variables, so that none is left where the system shows those of a process."""
    os.environ.update(dict(os.environ))


def show(words: Sequence[str]) -> None:
    """Let lists of processes show these words, and no variables: both are still those of `serve`.

    Its variables may be secrets that are not for workers.
    """
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end, variables, variables_end = (int(stat[each]) for each in _SHOWN)
    text = b"".join(os.fsencode(word) + b"\0" for word in (sys.executable, "-m", *words))
    ctypes.memmove(start, text[: end - start - 1].ljust(end - start, b"\0"), end - start)
    ctypes.memset(variables, 0, variables_end - variables)
