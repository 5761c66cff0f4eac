"""The command line."""

import io
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer import Typer


def main() -> None:
    """Run the ``ferryman`` command."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character shows its number; it must not end a command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        _app(sys.argv[1:2])()
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


def _app(words: list[str]) -> "Typer":
    """Return the command line: with one command if the first word is its name, else with all.

    Importing all takes a third of a second; ``serve`` and ``worker`` need no client either.
    """
    if words in (["serve"], ["worker"]):
        from ferryman.server import quick_start

        quick_start.prepare()
        from ferryman.cli import serve
        from ferryman.cli.new_app import new_app

        platform = new_app()
        platform.command()(serve.serve)
        platform.command()(serve.worker)
        return platform
    from ferryman.cli.app import COMMANDS, build

    return build(words if COMMANDS.keys() >= {*words} and words else COMMANDS)
