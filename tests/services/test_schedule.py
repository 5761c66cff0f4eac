"""A migration starts by itself at the time that was chosen last, once, and not before."""

import asyncio
from datetime import timedelta

import pytest

from ferryman.clock import epoch_ms
from ferryman.errors import Conflict, Invalid, NotFound
from ferryman.services import audit, clock, migration, schedule, transfer_command
from ferryman.services.audit import AuditQuery
from ferryman.store import clock as clock_store
from ferryman.store import timer as timer_store
from ferryman.vocab import TransferStatus
from ferryman.wire.migration import MigrationRequest, MigrationSchedule, MigrationView
from tests.kit.services import Services

HOUR = timedelta(hours=1)


async def planned(services: Services, transfers: int = 1) -> MigrationView:
    """A migration that nobody has started, with several transfers of one app."""
    request = MigrationRequest(
        name="Harbour moves",
        cloud_url="https://harbour.example",
        source_id="harbour",
        apps=[services.app.cloud_app_key],
    )
    view = await migration.create(services.platform, request)
    for _ in range(1, transfers):
        await services.fetch(
            "INSERT INTO transfer (transfer_id, migration_id, app_id, created_at, status,"
            " window_seconds) SELECT gen_random_uuid(), migration_id, app_id, created_at, status,"
            " window_seconds FROM transfer LIMIT 1"
        )
    return await migration.view(services.platform, view.migration_id)


async def at(services: Services, view: MigrationView, after: timedelta) -> MigrationView:
    """Schedule a migration so long from now."""
    now = await services.platform.database.now()
    wanted = MigrationSchedule(at=epoch_ms(now + after))
    scheduled = await schedule.schedule(services.platform, view.migration_id, wanted)
    assert (scheduled.start_at, scheduled.started_at) == (wanted.at, None)
    return scheduled


async def fire(services: Services, view: MigrationView) -> MigrationView:
    """Fire all timers as several workers may, and return the migration."""
    ids = [each.transfer_id for each in view.transfers]
    await asyncio.gather(*(services.fire_timer(each) for each in ids * 2))
    return await migration.view(services.platform, view.migration_id)


async def test_it_starts_at_its_time_and_once(services: Services) -> None:
    view = await at(services, await planned(services, transfers=5), 2 * HOUR)
    await services.advance(HOUR)
    assert (await fire(services, view)).started_at is None
    assert await services.claim("agent") is None
    await services.advance(HOUR)
    started = await fire(services, view)
    assert started.started_at is not None
    assert started.start_at is None
    assert await services.claim("agent") is not None
    log = await audit.page(
        services.platform, AuditQuery(operation="start_migration"), cursor=None, size=None
    )
    assert [each.actor for each in log.items] == ["platform"]
    timers = await services.fetch(
        "SELECT FROM transfer WHERE wake_at IS NOT NULL AND status = 'READY'"
    )
    assert timers == []


async def test_the_clock_stops_at_the_start(services: Services) -> None:
    """Moving the clock waits for the workers, who find the timer as they find any other."""
    view = await at(services, await planned(services), HOUR)
    async with services.platform.database.transaction() as tx:
        assert 0 < (await timer_store.seconds_to_next(tx) or 0) <= 3600
    moving = asyncio.create_task(clock.advance(services.platform, 7200))
    while not moving.done():
        await services.fire_timer(view.transfers[0].transfer_id)
    await moving
    started = (await migration.view(services.platform, view.migration_id)).started_at
    assert started is not None
    assert view.start_at is not None
    assert started - view.start_at < 1_800_000


@pytest.mark.parametrize("later", [3 * HOUR, None])
async def test_the_last_schedule_counts(services: Services, later: timedelta | None) -> None:
    view = await at(services, await planned(services), HOUR)
    if later is None:
        never = MigrationSchedule(at=None)
        await schedule.schedule(services.platform, view.migration_id, never)
    else:
        await at(services, view, later)
    await services.advance(2 * HOUR)
    assert (await fire(services, view)).started_at is None
    await services.advance(2 * HOUR)
    assert ((await fire(services, view)).started_at is not None) is (later is not None)


async def test_a_start_by_hand_comes_first(services: Services) -> None:
    view = await at(services, await planned(services), HOUR)
    by_hand = await migration.start(services.platform, view.migration_id)
    await services.advance(2 * HOUR)
    assert (await fire(services, view)).started_at == by_hand.started_at
    with pytest.raises(Conflict) as refused:
        await schedule.schedule(services.platform, view.migration_id, MigrationSchedule(at=None))
    assert refused.value.code == "migration_started"


async def test_a_restore_does_not_put_the_start_off(services: Services) -> None:
    """It gives running transfers the time that passed; this one has not begun."""
    view = await at(services, await planned(services), 2 * HOUR)
    async with services.platform.database.transaction() as tx:
        await clock_store.hold(tx, tx.now)
    await services.advance(HOUR)
    async with services.platform.database.transaction() as tx:
        assert await clock_store.end_hold(tx) >= HOUR
    await services.advance(HOUR)
    assert (await fire(services, view)).started_at is not None


async def test_one_transfer_may_be_cancelled_before(services: Services) -> None:
    view = await at(services, await planned(services, transfers=2), HOUR)
    skipped, other = (each.transfer_id for each in view.transfers)
    await transfer_command.cancel(services.platform, skipped)
    await services.advance(2 * HOUR)
    assert (await fire(services, view)).started_at is not None
    assert (await services.state(skipped)).status is TransferStatus.SKIPPED
    claimed = await services.claim("agent")
    assert claimed is not None
    assert claimed.transfer_id == other


@pytest.mark.parametrize("after", [-HOUR, timedelta(0), timedelta(days=367)])
async def test_a_time_that_is_over_or_far_is_refused(services: Services, after: timedelta) -> None:
    view = await planned(services)
    with pytest.raises(Invalid) as refused:
        await at(services, view, after)
    assert refused.value.code == "start_time_invalid"
    with pytest.raises(NotFound):
        await schedule.schedule(services.platform, "nothing", MigrationSchedule(at=None))
