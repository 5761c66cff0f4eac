"""``ferryman record``: write what a transfer's app saw into one file."""

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from ferryman import refusals
from ferryman.cli.ids import TransferId
from ferryman.cli.output.printing import print_json
from ferryman.cli.session import Session
from ferryman.client.text import field_lines
from ferryman.devtools.recording.layout import Redaction
from ferryman.devtools.recording.record import write
from ferryman.vocab import IdKind


def record(
    session: Session,
    transfer: TransferId,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File to write.", show_default=False)
    ],
    *,
    redact: Annotated[
        list[Redaction] | None, typer.Option(help="Leave this out; repeatable.")
    ] = None,
    state: Annotated[
        bool,
        typer.Option("--state/--no-state", help="Record what the app keeps in Forge's services."),
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Record what the app of a settled transfer saw and did, for `ferryman replay`.

    The file holds no token, and nothing that signs a URL. With --redact, sizes stay and content
    goes: payloads are left out, labels and mapped keys become redacted-…, and any text or digest
    that might repeat them is left out too, and so is all that the app keeps.
    """
    if output.exists() and not force:
        raise refusals.command.OUTPUT_EXISTS(file=output)
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    facts = write(session.admin, transfer, output, redact or [], state=state)
    if session.as_json:
        print_json(facts)
    else:
        size, unsure = decimal(output.stat().st_size), facts["unsureMappings"] or None
        typer.echo(field_lines({**facts, "bytes": size, "unsureMappings": unsure}))
    if facts["unsureMappings"]:
        typer.echo(_UNSURE, err=True)


_UNSURE = (
    "Mappings were written while the transfer ran, or overwritten since. They are recorded as they "
    "were at its end, as far as that is known; the app may have seen others."
)
