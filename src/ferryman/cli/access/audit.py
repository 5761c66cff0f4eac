"""``ferryman audit``: read, export and verify the log of changing calls."""

import sys
from typing import Annotated

import typer

from ferryman.cli.command import Paging, command
from ferryman.cli.list_filters import Since, Until, time_range
from ferryman.cli.session import Session
from ferryman.client.text import field_lines, minute
from ferryman.wire.audit import AuditProof, AuditRow

app = typer.Typer(help="See who changed what.", no_args_is_help=True)


@command(app, "list")
def list_rows(
    session: Session,
    paging: Paging,
    *,
    actor: Annotated[
        str | None, typer.Option("--actor", help="Only calls with the token of this name.")
    ] = None,
    operation: Annotated[
        str | None, typer.Option("--operation", help="Only calls such as cancel_transfer.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", help="Only calls that concern this customer.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="Only calls that changed the thing of this id.")
    ] = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """List changing calls, newest first; --json shows the state before and after."""
    begin, end = time_range(session, since, until)
    paging.show(
        session,
        lambda after, size: session.admin.audit.list(
            after,
            size,
            actor=actor,
            operation=operation,
            customer=customer,
            target=target,
            since=begin,
            to=end,
        ),
        ("ROW", "TIME", "ACTOR", "ROLE", "FROM", "OPERATION", "CUSTOMER", "TARGET"),
        _row,
    )


@command(app, "export")
def export(session: Session) -> None:
    """Write the whole log to standard output as NDJSON, oldest first, with its hashes."""
    with session.admin.audit.export() as chunks:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)


@command(app, "verify")
def verify(
    session: Session,
    *,
    known: Annotated[
        str | None,
        typer.Option(
            "--known", metavar="SEQ:HASH", help="Head of an earlier check, kept elsewhere."
        ),
    ] = None,
) -> None:
    """Check that no row was changed or removed; the exit status is 1 if one was.

    Keep the head that it prints outside the platform, and give it to the next check: anyone who can
    write to the database can recompute the whole chain, but not one that ends in a head you kept.
    """
    proof = session.admin.audit.verify(known)
    session.show(proof, _text)
    if not proof.ok:
        raise typer.Exit(1)


def _text(proof: AuditProof) -> str:
    broken = None if proof.ok else f"row {proof.broken_at}: {proof.found}"
    return field_lines(
        {
            "audit": "intact" if proof.ok else "BROKEN",
            "rows": proof.rows,
            "head": f"{proof.seq}:{proof.hash}",
            "broken at": broken,
        }
    )


def _row(row: AuditRow) -> tuple[object, ...]:
    return (
        row.seq,
        minute(row.at),
        row.actor,
        row.role,
        row.address,
        row.operation,
        row.customer,
        row.target,
    )
