"""``ferryman migration link``: a page of one migration for people without an account."""

from typing import Annotated

import typer

from ferryman.cli.clock import read_duration
from ferryman.cli.command import Paging, command
from ferryman.cli.migration import archive as _archive  # noqa: F401 - adds its commands
from ferryman.cli.migration import check as _check  # noqa: F401 - adds its command
from ferryman.cli.migration import forecast as _forecast  # noqa: F401 - adds its command
from ferryman.cli.migration import pause as _pause  # noqa: F401 - adds its commands
from ferryman.cli.migration import run as _run  # noqa: F401 - adds its command
from ferryman.cli.migration import schedule as _schedule  # noqa: F401 - adds its command
from ferryman.cli.migration.group import MigrationId, app
from ferryman.cli.session import Session
from ferryman.client.text import field_lines, instant, minute
from ferryman.vocab import IdKind
from ferryman.wire.link import IssuedLink, LinkRequest, MigrationLinkView


@command(app, "link")
def link(
    session: Session,
    migration: MigrationId,
    *,
    note: Annotated[str | None, typer.Option("--note", help="For whom it is.")] = None,
    expires: Annotated[
        str, typer.Option("--expires", metavar="DURATION", help="Lifetime, at most 90d.")
    ] = "14d",
    report: Annotated[
        bool, typer.Option("--report", help="Also open the report, which names errors and people.")
    ] = False,
) -> None:
    """Make a link to a page with the progress of a migration, for people without an account."""
    migration = session.resolve(IdKind.MIGRATION, migration)
    request = LinkRequest(seconds=int(read_duration(expires)), note=note, report=report)
    session.show(session.admin.migrations.create_link(migration, request), _issued)
    if not session.as_json:
        typer.echo("The link is not shown again.", err=True)


@command(app, "links")
def links(session: Session, migration: MigrationId, paging: Paging) -> None:
    """List the links to a migration, also those that work no more."""
    migration = session.resolve(IdKind.MIGRATION, migration)
    paging.show(
        session,
        lambda after, size: session.admin.migrations.list_links(migration, after, size),
        ("LINK", "FOR", "CREATED", "BY", "EXPIRES", "STATE"),
        _row,
    )


@command(app, "unlink")
def unlink(
    session: Session,
    migration: MigrationId,
    link_id: Annotated[str, typer.Argument(metavar="LINK", help="Id of the link.")],
) -> None:
    """Revoke a link to a migration; it opens nothing from now on."""
    migration = session.resolve(IdKind.MIGRATION, migration)
    session.show(session.admin.migrations.revoke_link(migration, link_id), _text)


def _issued(issued: IssuedLink) -> str:
    return f"{field_lines({'url': issued.url})}\n{_text(issued.link)}"


def _text(view: MigrationLinkView) -> str:
    return field_lines(
        {
            "link": view.link_id,
            "for": view.note,
            "report": "yes" if view.report else None,
            "expires": instant(view.expires_at),
            "revoked": instant(view.revoked_at),
        }
    )


def _row(view: MigrationLinkView) -> tuple[object, ...]:
    state = "revoked" if view.revoked_at else "works" if view.works else "expired"
    return (
        view.link_id,
        view.note,
        minute(view.created_at),
        view.created_by,
        minute(view.expires_at),
        state,
    )
