"""``ferryman migration pause``, ``resume`` and ``extend``: hold all its transfers, or give time."""

from ferryman.cli.command import command
from ferryman.cli.migration.group import MigrationId, app, migration_text
from ferryman.cli.session import Session
from ferryman.cli.when import Until, until_of
from ferryman.vocab import IdKind


@command(app, "pause")
def pause(session: Session, migration: MigrationId) -> None:
    """Pause all transfers of a migration that have not settled."""
    migration = session.resolve(IdKind.MIGRATION, migration)
    session.show(session.admin.migrations.pause(migration), migration_text)


@command(app, "resume")
def resume(session: Session, migration: MigrationId) -> None:
    """Resume all paused transfers of a migration."""
    migration = session.resolve(IdKind.MIGRATION, migration)
    session.show(session.admin.migrations.resume(migration), migration_text)


@command(app, "extend")
def extend(session: Session, migration: MigrationId, until: Until) -> None:
    """Let no transfer of a migration that runs end before a time, by the clock of the platform."""
    migration = session.resolve(IdKind.MIGRATION, migration)
    at = until_of(session, until)
    session.show(session.admin.migrations.extend(migration, at), migration_text)
