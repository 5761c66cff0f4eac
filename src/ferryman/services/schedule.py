"""Start migrations at their scheduled time (ADR 98)."""

from datetime import datetime, timedelta
from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.services import audit
from ferryman.services import migration as migration_service
from ferryman.services.platform import Platform, instant, parse_id
from ferryman.store import migration as migration_store
from ferryman.text import instant as shown
from ferryman.wire.migration import MigrationSchedule, MigrationView

_FARTHEST = timedelta(days=366)


async def schedule(
    platform: Platform, migration_id: str, request: MigrationSchedule, by: Actor = PLATFORM
) -> MigrationView:
    """Set when a migration starts by itself, or that it does not.

    Raises ``Invalid`` (``start_time_invalid``) and ``Conflict`` (``migration_started``).
    """
    wanted = parse_id(refusals.migration.NOT_FOUND, migration_id)
    at = instant(request.at)
    async with platform.database.transaction() as tx:
        await migration_store.lock(tx, wanted)
        row = await migration_store.by_id(tx, wanted)
        if row is None:
            raise refusals.migration.NOT_FOUND(id=migration_id)
        if row.started_at is not None:
            raise refusals.migration.STARTED(at=shown(row.started_at))
        if at is not None and not tx.now < at <= tx.now + _FARTHEST:
            raise refusals.migration.START_TIME_INVALID(
                now=shown(tx.now), farthest=_FARTHEST.days, at=shown(at)
            )
        await migration_store.schedule(tx, wanted, at)
        await audit.record(
            tx,
            by,
            "schedule_migration",
            wanted,
            customer=row.customer,
            before={"startAt": _ms(row.start_at)},
            after={"startAt": request.at},
        )
    return await migration_service.view(platform, migration_id)


async def start_if_due(platform: Platform, migration_id: UUID) -> bool:
    """Start a migration whose time has come; return whether it was started."""
    async with platform.database.transaction() as tx:
        await migration_store.lock(tx, migration_id)
        row = await migration_store.by_id(tx, migration_id)
        if row is None or row.started_at is not None:
            return False
        if row.start_at is None or row.start_at > tx.now:
            return False
        await migration_service.start_in(tx, migration_id, PLATFORM)
    return True


def _ms(at: datetime | None) -> int | None:
    return None if at is None else epoch_ms(at)
