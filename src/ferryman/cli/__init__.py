"""The command line."""

import io
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer import Typer


def main() -> None:
    """Run the ``ferryman`` command."""
    _open_streams()
    if sys.platform != "win32":
        _hear_signals()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character shows its number; it must not end a command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    words = sys.argv[1:]
    try:
        if words[:1] in (["serve"], ["worker"]):
            _run_platform(words)
        elif words[:1] == ["dev"]:
            _run_dev(words)
        else:
            _app(words[:1])()
    except KeyboardInterrupt:  # before the command line is read
        sys.exit(130)
    except UnicodeEncodeError as error:
        # Bytes from outside that are not UTF-8, which Python keeps as surrogates.
        if not any("\ud800" <= sign <= "\udfff" for sign in error.object[error.start : error.end]):
            raise
        print(
            "ferryman: expected names and texts in UTF-8; found other bytes. "
            "Rename the file, or correct the option or variable.",
            file=sys.stderr,
        )
        sys.exit(2)


def _open_streams() -> None:
    """Open the standard streams that we were started without.

    Or files and sockets would get their numbers, and what we print would go there.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):  # there is no such device
                # The lowest number that is free, which is this one.
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
                setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _hear_signals() -> None:
    """Let signals arrive that whoever started us has blocked, or ignores.

    Else nothing but SIGKILL would end us, and we would not be told how our children ended.
    """
    told = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
    if {*told} & signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, told)
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _run_platform(words: list[str]) -> None:
    """Run ``serve`` or ``worker``, without importing any other command.

    Importing all takes a third of a second, and these two need no client either.
    """
    from ferryman import processor_group, time_slice
    from ferryman.cli.forks import forks_of
    from ferryman.server import quick_start, waiting

    quick_start.prepare()
    time_slice.shorten(for_children=True)  # also the database, if it is ours
    if words[1:2] == [waiting.WORD]:
        told = waiting.words_when_told()
        if told is None:
            return
        sys.argv[1:] = words = told
    with processor_group.own_group(), forks_of(words) as begun:
        from ferryman.cli import serve
        from ferryman.cli.new_app import new_app

        platform = new_app()
        platform.command()(serve.serve)
        platform.command()(serve.worker)
        platform(obj=begun)


def _run_dev(words: list[str]) -> None:
    """Run ``dev``, beside whose imports its ``serve`` imports already."""
    from ferryman.cli.forks import waiting_serve

    with waiting_serve(words) as begun:
        _app(words[:1])(obj=begun)


def _app(words: list[str]) -> "Typer":
    """Return the command line: with one command if the first word is its name, else with all."""
    from ferryman.cli.app import COMMANDS, build

    return build(words if COMMANDS.keys() >= {*words} and words else COMMANDS)
