"""``ferryman version`` and ``ferryman constraints``: what is installed, and what was tested."""

from typing import Annotated

import typer

from ferryman.cli.output.printing import print_json


def version(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Show the version, and what it runs on, for a report of a problem."""
    from ferryman.devtools.installed import installed

    found = installed()
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        typer.echo(f"{name:<11} {value if value is not None else 'none'}")


def constraints() -> None:
    """Print the versions of packages that this version was tested with, for `pip install -c`."""
    from ferryman.devtools.installed import pins

    typer.echo(pins(), nl=False)
