"""``ferryman weather``: what a script of bad weather may consist of."""

import typer

from ferryman.cli.render import table


def weather() -> None:
    """List what can be disturbed and how, for `test-handler --script` and `dev --weather`.

    A script is TARGET=HOW, with commas between several; TARGET:2 is the second of its name in a
    transfer, TARGET:20% a share of them, TARGET alone every one.
    """
    from ferryman.domain.weather import CALLS, EVENTS, HOWS

    for kind, targets in (("event", tuple(EVENTS)), ("call", CALLS)):
        rows = [(name, how.words) for name, how in HOWS.items() if how.of == kind]
        typer.echo(f"{kind}s: {' '.join(targets)}\n")
        typer.echo(table(("HOW", f"THE {kind.upper()}"), rows) + "\n")
