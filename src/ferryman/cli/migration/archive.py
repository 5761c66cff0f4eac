"""``ferryman migration copy``, ``archive`` and ``unarchive``: plan again, hide what has ended."""

from typing import Annotated

import typer

from ferryman.cli.command import command
from ferryman.cli.migration.group import MigrationId, app, migration_text
from ferryman.cli.session import Session
from ferryman.vocab import IdKind
from ferryman.wire.migration import MigrationCopy


@command(app, "copy")
def copy(
    session: Session,
    migration: MigrationId,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="Name of the new one; by default the same.", show_default=False
        ),
    ] = None,
) -> None:
    """Create a migration with the apps, containers, site, source and customer of another one."""
    migration = session.resolve(IdKind.MIGRATION, migration)
    made = session.admin.migrations.copy(migration, MigrationCopy(name=name))
    session.show(made, migration_text)


@command(app, "archive")
def archive(session: Session, migration: MigrationId) -> None:
    """Leave a migration that has ended out of lists; `--archived` lists it."""
    migration = session.resolve(IdKind.MIGRATION, migration)
    session.show(session.admin.migrations.archive(migration), migration_text)


@command(app, "unarchive")
def unarchive(session: Session, migration: MigrationId) -> None:
    """List an archived migration again."""
    migration = session.resolve(IdKind.MIGRATION, migration)
    session.show(session.admin.migrations.unarchive(migration), migration_text)
