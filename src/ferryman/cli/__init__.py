"""The command line."""

import io
import sys


def main() -> None:
    """Run the ``ferryman`` command."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character shows its number; it must not end a command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    from ferryman.cli.app import app

    try:
        app()
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
