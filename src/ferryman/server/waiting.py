"""A ``serve`` that is begun before its command is known, and imports until it is (ADR 125).

``python -m ferryman serve --waits-until-it-is-told`` reads a line of what it is to become from
standard input. If there is none, it ends with whoever began it.
"""

import os
import select
import subprocess
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import msgspec

from ferryman.server.own_program import own_program, told_line

WORD = "--waits-until-it-is-told"
"""Long enough for lists of processes to show the words of its forks in its place."""

_MODULES = (
    *("ferryman.config", "ferryman.store.embedded", "ferryman.server.serve"),
    *("ferryman.store.database", "ferryman.services.platform", "ferryman.server.build"),
    *("ferryman.api.application", "ferryman.server.run_api", "ferryman.cli.serve"),
)
"""In the order in which `serve` needs them; each takes up to a tenth of a second."""


class Order(msgspec.Struct, frozen=True):
    """The words after ``serve``, the folder to run in, more variables, and the file to print to."""

    words: list[str]
    folder: str
    variables: dict[str, str]
    log: str


class WaitingServe(subprocess.Popen[bytes]):
    """A ``serve`` that waits until it is ``told`` what to do."""

    told = False


def begin() -> WaitingServe:
    """Begin one, with a session of its own; tell it or end it. Raises ``OSError``."""
    return WaitingServe(
        own_program("ferryman", "serve", WORD),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def tell(process: WaitingServe, order: Order) -> bool:
    """Let it become `serve`; return False if it has ended."""
    if process.poll() is not None or process.stdin is None:
        return False
    try:
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        process.stdin.flush()
    except (OSError, UnicodeEncodeError):  # it has just ended, or names are no text
        return False
    process.told = True
    return True


def end(process: WaitingServe) -> None:
    """End one that was told nothing, whatever it imports just now."""
    process.kill()
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()


def words_when_told() -> list[str] | None:
    """Import until the order comes, and take it over; return the words after ``ferryman``.

    Returns None if it does not come.
    """
    for name in _MODULES:
        if select.select([0], [], [], 0)[0]:
            break
        # What cannot be imported is said in the file to print to, when `serve` needs it.
        with suppress(Exception):
            import_module(name)
    line = told_line()
    if line is None:
        return None
    order = msgspec.json.decode(line, type=Order)
    os.chdir(order.folder)
    os.environ.update(order.variables)
    output = os.open(Path(order.log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    return ["serve", *order.words]
