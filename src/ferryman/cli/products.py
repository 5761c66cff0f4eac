"""``ferryman products``: record what a real product answers, for an app that calls it."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from ferryman import refusals
from ferryman.cli.command import command
from ferryman.cli.output.printing import refuse
from ferryman.client.text import refusal_facts
from ferryman.devtools.console import exit_on_signal
from ferryman.functions.document import is_web_address

app = typer.Typer(help="Record what a product answers.", no_args_is_help=True)


@app.callback()
def products() -> None:
    """Record what a product answers."""


@command(app, "record")
def record(
    product: Annotated[
        str, typer.Argument(help="Name of the product: jira, confluence or bitbucket.")
    ],
    site: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="Address of the real site, such as https://your.example."
        ),
    ],
    *,
    folder: Annotated[
        Path | None,
        typer.Option(help="Folder for the fixtures; by default one with the product's name."),
    ] = None,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8600,
    authorization: Annotated[
        str | None,
        typer.Option(
            envvar="FERRYMAN_PRODUCT_AUTHORIZATION",
            help="Value of the header Authorization for the site; better in the variable. It is "
            "written nowhere.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Pass an app's calls on to a real site, and write each answer into a folder, until Ctrl-C.

    Give its address in ferryman.toml while you record, and the folder afterwards. Look through the
    files before you commit them: they hold what the site answered.
    """
    from ferryman.devtools.products.recorder import ProductRecorder

    if not is_web_address(site):
        raise typer.BadParameter(f"expected a whole http(s) address of the site; found {site!r}.")
    into = folder or Path(product)

    def recorded(call: str, status: int, file: Path) -> None:
        typer.echo(f"{status}  {call}  {file}")

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, exit_on_signal)
    try:
        server = ProductRecorder(port, site, into, authorization, recorded)
    except OSError as failure:
        found = failure.strerror or type(failure).__name__
        taken = refusals.database.PORT_TAKEN(port=port, host="127.0.0.1", found=found)
        refuse(refusal_facts(taken))
    with server:
        typer.echo(f"Recording what {site} answers into {into}. In ferryman.toml:")
        typer.echo(f'  now         [products] {product} = "{server.url}"')
        typer.echo(f'  afterwards  [products.{product}] fixtures = "{into.as_posix()}/"')
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("Stopped.", err=True)
