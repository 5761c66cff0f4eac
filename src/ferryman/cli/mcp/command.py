"""``ferryman mcp``: start the server of tools, or say what is missing."""

import os
import signal
import sys
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from ferryman import refusals
from ferryman.cli.output.printing import refuse
from ferryman.cli.session import DataDir, Session, Token, Url
from ferryman.client.local import DATA_DIR
from ferryman.client.text import refusal_facts
from ferryman.errors import ConfigError

_WANTED = 2


def serve_tools(
    *,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Offer tools that change something too: send an event or files, deliver again, "
            "move the virtual clock.",
        ),
    ] = False,
    folder: Annotated[
        Path, typer.Option(help="Folder of the app; tools read files only in it.")
    ] = Path(),
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Serve tools for a coding assistant over standard input and output, by the Model Context
    Protocol.

    The editor starts it. It starts without a platform too; the tools then say how to start one.
    """
    try:
        _check_package()
        if data_dir != DATA_DIR:
            data_dir = data_dir.expanduser().absolute()  # from where the command was typed
        os.chdir(folder)
    except ConfigError as refused:
        refuse(refusal_facts(refused))
    except OSError as error:
        raise typer.BadParameter(
            f"expected a folder; found {folder}: {error.strerror}", param_hint="--folder"
        ) from None
    from ferryman.cli.mcp.calls import Calls
    from ferryman.cli.mcp.server import serve

    # Its reader waits in a thread, which Python's own handling of Ctrl-C would wait for.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.stdin.isatty():
        typer.echo("Waits for an editor on standard input; Ctrl-C ends it.", err=True)
    session = partial(Session, url=url, token=token, data_dir=data_dir)
    serve(Calls(session, Path.cwd().resolve(), write))


def _check_package() -> None:
    try:
        found = version("mcp")
    except PackageNotFoundError:
        found = None
    if found is None or int(found.partition(".")[0]) != _WANTED:
        raise refusals.tool.PACKAGE_MISSING(
            wanted=f"{_WANTED}", found="none" if found is None else f"mcp {found}"
        )
