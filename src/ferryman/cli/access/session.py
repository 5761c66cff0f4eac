"""``ferryman session``: who is signed in to the console."""

from typing import Annotated

import typer

from ferryman.cli.command import Paging, command
from ferryman.cli.session import Session
from ferryman.client.text import field_lines, minute
from ferryman.wire.session import SessionView

app = typer.Typer(help="See who is signed in to the console, and end it.", no_args_is_help=True)


@command(app, "list")
def list_sessions(session: Session, paging: Paging) -> None:
    """List the sessions of the console that have not ended."""
    paging.show(
        session,
        session.admin.sessions.list,
        ("SESSION", "NAME", "ROLE", "CUSTOMERS", "BY", "FROM", "BEGAN", "ENDS"),
        _row,
    )


@command(app, "end")
def end(
    session: Session,
    session_id: Annotated[str, typer.Argument(metavar="SESSION", help="Id of the session.")],
) -> None:
    """End a session; every replica refuses it within 5 seconds."""

    def text(view: SessionView) -> str:
        return field_lines({"ended": view.session_id, "name": view.name})

    session.show(session.admin.sessions.end(session_id), text)


def _row(view: SessionView) -> tuple[object, ...]:
    return (
        view.session_id,
        view.name,
        view.role.value,
        "all" if view.customers is None else ", ".join(view.customers),
        view.method.value,
        view.address,
        minute(view.created_at),
        minute(view.expires_at),
    )
