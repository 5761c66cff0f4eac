"""``ferryman migration schedule``: let a migration start by itself."""

from typing import Annotated

import typer

from ferryman.cli.command import command
from ferryman.cli.migration.group import MigrationId, app, migration_text
from ferryman.cli.session import Session
from ferryman.cli.when import instant_of
from ferryman.vocab import IdKind


@command(app, "schedule")
def schedule(
    session: Session,
    migration: MigrationId,
    when: Annotated[
        str,
        typer.Argument(
            help="A time with its offset, such as 2027-01-30T22:00+01:00, how long from now, such "
            "as 8h, or `never`.",
            show_default=False,
        ),
    ],
) -> None:
    """Let a migration start by itself at a time, by the clock of the platform."""
    migration = session.resolve(IdKind.MIGRATION, migration)
    view = session.admin.migrations.schedule(migration, instant_of(session, when, never=True))
    session.show(view, migration_text)
