"""Archive migrations that are no longer of interest, and copy them (ADR 124)."""

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.services import audit
from ferryman.services import migration as migration_service
from ferryman.services.platform import Platform, parse_id
from ferryman.store import migration as migration_store
from ferryman.store import transfer as transfer_store
from ferryman.wire.migration import MigrationCopy, MigrationRequest, MigrationView


async def archive(
    platform: Platform, migration_id: str, by: Actor = PLATFORM, *, archived: bool = True
) -> MigrationView:
    """Leave a migration out of lists, or list it again; repeatable.

    Raises ``Conflict`` (``migration_unfinished``) while one of its transfers has not ended.
    """
    wanted = parse_id(refusals.migration.NOT_FOUND, migration_id)
    async with platform.database.transaction() as tx:
        await migration_store.lock(tx, wanted)
        row = await migration_store.by_id(tx, wanted)
        if row is None:
            raise refusals.migration.NOT_FOUND(id=migration_id)
        briefs = (await transfer_store.of_migrations(tx, [wanted]))[wanted]
        running = sum(not each.status.final for each in briefs)
        if archived and running:
            raise refusals.migration.UNFINISHED(count=running)
        if archived is not (row.archived_at is not None):
            await migration_store.archive(tx, wanted, tx.now if archived else None)
        before = None if row.archived_at is None else epoch_ms(row.archived_at)
        await audit.record(
            tx,
            by,
            "archive_migration" if archived else "unarchive_migration",
            wanted,
            customer=row.customer,
            before={"archivedAt": before},
            after={"archivedAt": (before or epoch_ms(tx.now)) if archived else None},
        )
    return await migration_service.view(platform, migration_id)


async def copy(
    platform: Platform, migration_id: str, request: MigrationCopy, by: Actor = PLATFORM
) -> MigrationView:
    """Create a migration with the apps, containers, site, source and customer of another one.

    It has not started. Raises ``NotFound`` for an app that was removed meanwhile.
    """
    wanted = parse_id(refusals.migration.NOT_FOUND, migration_id)
    async with platform.database.reading() as tx:
        row = await migration_store.by_id(tx, wanted)
        if row is None:
            raise refusals.migration.NOT_FOUND(id=migration_id)
        briefs = (await transfer_store.of_migrations(tx, [wanted]))[wanted]
        containers = await migration_store.containers(tx, wanted)
    # A listener may have divided an app's part into several transfers.
    apps = dict.fromkeys(f"{each.cloud_app_key}@{each.environment}" for each in briefs)
    plan = MigrationRequest(
        name=row.name if request.name is None else request.name,
        cloud_url=row.cloud_url,
        source_id=row.source_id,
        apps=list(apps),
        containers=containers,
        customer=row.customer,
        request_key=request.request_key,
    )
    return await migration_service.create(platform, plan, by, copy_of=str(wanted))
