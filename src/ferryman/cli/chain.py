"""How the chain of an explanation looks on a terminal."""

from collections.abc import Sequence

import typer

from ferryman.cli.render import clean
from ferryman.wire.transfer import Link


def print_chain(links: Sequence[Link], broken: str | None) -> None:
    """Print one line for each link, and last the one that is broken first."""
    for link in links:
        typer.echo(link_line(link, broken=link.name == broken))
    typer.echo(f"broken at: {broken}" if broken else "nothing is broken")


def link_line(link: Link, *, broken: bool) -> str:
    """Tell of one link; a mark stands at each that does not hold, the fix at the first broken."""
    mark = " " if link.holds else "x"
    fix = f"\n{link.fix}" if broken and link.fix else ""
    return clean(f"{mark} {link.name}: {link.found}{fix}").replace("\n", "\n    ")
