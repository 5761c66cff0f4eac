"""``ferryman schema``: print a JSON schema of a file or an event of apps."""

from typing import Annotated

import typer

from ferryman.devtools.schemas import SchemaName, schema_text


def schema(
    name: Annotated[
        SchemaName,
        typer.Argument(
            help="plan: plan.toml; ferryman: ferryman.toml; forge-event, connect-event: what a "
            "function or a webhook gets."
        ),
    ],
) -> None:
    """Print the JSON schema of a file or an event, for an editor or a code generator."""
    typer.echo(schema_text(name), nl=False)
