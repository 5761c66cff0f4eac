"""``ferryman migration schedule``: let a migration start by itself."""

from datetime import datetime
from typing import Annotated

import typer

from ferryman.cli.command import command
from ferryman.cli.migration.group import MigrationId, app, migration_text
from ferryman.cli.session import Session
from ferryman.client.clock import parse_duration
from ferryman.vocab import IdKind

_NEVER = "never"


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
    view = session.admin.migrations.schedule(migration, _instant(session, when))
    session.show(view, migration_text)


def _instant(session: Session, when: str) -> int | None:
    """Return a time in epoch milliseconds; raise a usage error if it is not one."""
    if when == _NEVER:
        return None
    try:
        seconds = parse_duration(when)
    except ValueError:
        return _absolute(when)
    return session.admin.clock.get().now + round(seconds * 1000)


def _absolute(when: str) -> int:
    try:
        at = datetime.fromisoformat(when)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise typer.BadParameter(
            f"expected a time with its offset, such as 2027-01-30T22:00+01:00, a duration such as "
            f"8h, or never; found {when!r:.60}",
            param_hint="WHEN",
        )
    return round(at.timestamp() * 1000)
