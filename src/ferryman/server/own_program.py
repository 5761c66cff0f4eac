"""How a program of ours is started by another one."""

import sys


def own_program(module: str, *words: str) -> list[str]:
    """Return the command that runs a module of ours with these words.

    It imports nothing from the folder it runs in, which may be an app's, whose ``queue.py`` or
    ``email.py`` is not the standard library's.
    """
    return [sys.executable, "-P", "-m", module, *words]
