"""The ``ferryman`` command line before any command is added to it."""

from importlib.metadata import version
from typing import Annotated

import typer


def new_app() -> typer.Typer:
    """Return the command line with ``--version`` and no command yet."""
    app = typer.Typer(name="ferryman", no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(ferryman)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ferryman {version('ferryman')}")
        raise typer.Exit


def ferryman(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", help="Show the version.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    """Carry an app's data from a self-hosted server into the cloud."""
