"""How a program of ours is started by another one, and told what to do."""

import os
import sys


def own_program(module: str, *words: str) -> list[str]:
    """Return the command that runs a module of ours with these words.

    It imports nothing from the folder it runs in, which may be an app's, whose ``queue.py`` or
    ``email.py`` is not the standard library's.
    """
    return [sys.executable, "-P", "-m", module, *words]


def told_line() -> bytes | None:
    """Return the line by which whoever started a program of ours says more; None if they ended."""
    line = b""
    # Not sys.stdin, which would keep what the watchdog is to see.
    while not line.endswith(b"\n"):
        piece = os.read(0, 1 << 16)
        if not piece:
            return None
        line += piece
    return line
