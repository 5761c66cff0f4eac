"""Helpers for commands that start a platform: its packages, steps on a terminal, signals."""

import importlib.util
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from ferryman import refusals

Step = Callable[[str], None]


@contextmanager
def reported_steps(*, quiet: bool = False) -> Iterator[Step]:
    """Yield a function that reports a step: on a terminal in one transient line, else a line each.

    Steps go to standard error, as standard output is for the command's own results; ``quiet``
    reports none.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if quiet:
        yield lambda _: None
    elif console.is_terminal:
        # ASCII, as a terminal need not be UTF-8.
        with console.status("", spinner="line") as status:
            yield lambda text: status.update(escape(f"{text} ..."))
    else:
        yield lambda text: console.print(f"{text} ...", markup=False)


def check_installed() -> None:
    """Raise a refusal if the platform's packages are not installed."""
    if importlib.util.find_spec("granian") is None:
        raise refusals.command.SERVER_NOT_INSTALLED()


def exit_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    """Exit on a signal by an exception, so that the children are ended on the way out."""
    signal.signal(number, signal.SIG_IGN)  # a second one must not cut that short
    sys.exit(128 + number)
