"""A paused transfer is sent nothing and loses no time, whatever happens meanwhile."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest

from ferryman.clock import epoch_ms
from ferryman.domain.limits import DATA_LIFE, SIGNED_URL_LIFE
from ferryman.domain.outcome import failed, succeeded
from ferryman.errors import Conflict, OutsideError, Settled
from ferryman.services import audit, clock, diagnosis, message, pause, sweep, transfer_command
from ferryman.services import migration as migration_service
from ferryman.services import transfer as transfer_service
from ferryman.services.audit import AuditQuery
from ferryman.vocab import FailureCause, TransferStatus
from ferryman.wire.extension import Extension
from ferryman.wire.migration import MigrationRequest, MigrationView
from tests.kit.database import until_blocked
from tests.kit.services import BACK_OFF, Services, due_lanes

GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)
MINUTE = timedelta(minutes=1)
ANOTHER = (
    "INSERT INTO transfer (transfer_id, migration_id, app_id, created_at, status, window_seconds)"
    " SELECT gen_random_uuid(), migration_id, app_id, created_at, status, window_seconds"
    " FROM transfer LIMIT 1"
)


async def kinds(services: Services, transfer_id: str) -> list[str]:
    rows = await services.fetch(
        "SELECT kind FROM timeline WHERE transfer_id = $1 AND kind LIKE 'transfer.%' ORDER BY seq",
        UUID(transfer_id),
    )
    return [row["kind"].removeprefix("transfer.") for row in rows]


async def operations(services: Services) -> list[str]:
    log = await audit.page(services.platform, AuditQuery(), cursor=None, size=None)
    return [
        row.operation
        for row in reversed(log.items)
        if row.operation.partition("_")[0] in ("pause", "resume", "extend")
    ]


async def test_a_pause_holds_every_message_and_the_clock(services: Services) -> None:
    """One was delivered, one is being delivered, one waits, and one comes during the pause."""
    worker, platform = services.worker(), services.platform
    await clock.freeze(platform)
    transfer_id = await services.start_transfer()
    first = (await services.upload(transfer_id)).message_id
    await worker.deliver_all(GOOD)
    await services.upload(transfer_id)
    in_flight = await worker.claim_one()
    await services.upload(transfer_id)
    await services.advance(5 * MINUTE)
    for _ in range(2):
        await pause.pause(platform, transfer_id)
    held = await transfer_service.view(platform, transfer_id)
    assert held.paused_at is not None
    assert held.deadline is held.expires_at is None
    assert held.seconds_left == pytest.approx(600, abs=1)

    await services.upload(transfer_id)
    await worker.record(BAD, in_flight)
    await services.acknowledge(transfer_id, first)
    await services.advance(timedelta(days=1))
    assert await due_lanes(platform) == []
    assert not await services.fire_timer(transfer_id)
    assert (await services.state(transfer_id)).status is TransferStatus.IN_PROGRESS
    chain = await diagnosis.explain_transfer(platform, transfer_id)
    assert chain.broken == "pause"
    said = await diagnosis.explain_message(platform, str(in_flight.message.message_id))
    assert said.broken == "pause"
    assert "ferryman transfer resume" in str(said.links)

    for _ in range(2):
        await pause.resume(platform, transfer_id)
    going = await transfer_service.view(platform, transfer_id)
    assert going.deadline is not None
    now = epoch_ms(await platform.database.now())
    # The upload and the acknowledgement during the pause gave the whole window.
    assert going.deadline - now == pytest.approx(900_000, abs=1_000)
    assert going.deadline_moved_by == "operator"
    assert await worker.deliver_all(GOOD) == 3
    assert await kinds(services, transfer_id) == [
        "created",
        "released",
        "changed",
        "paused",
        "resumed",
    ]
    assert await operations(services) == ["pause_transfer"] * 2 + ["resume_transfer"] * 2


async def test_what_is_complete_settles_when_it_is_resumed(services: Services) -> None:
    transfer_id = await services.start_transfer()
    receipt = await services.upload(transfer_id)
    await pause.pause(services.platform, transfer_id)
    await services.complete_export(transfer_id)
    await services.acknowledge(transfer_id, receipt.message_id)
    assert (await services.state(transfer_id)).status is TransferStatus.IN_PROGRESS
    assert await due_lanes(services.platform) == []
    await pause.resume(services.platform, transfer_id)
    assert (await services.state(transfer_id)).status is TransferStatus.SUCCESS
    assert await due_lanes(services.platform) != [], "the app hears that it settled"
    for command in (pause.pause, pause.resume):
        with pytest.raises(Settled):
            await command(services.platform, transfer_id)


async def test_cancelling_lets_the_app_hear_of_it(services: Services) -> None:
    transfer_id = await services.start_transfer()
    await pause.pause(services.platform, transfer_id)
    await transfer_command.cancel(services.platform, transfer_id)
    worker = services.worker()
    assert await worker.deliver_all(GOOD) == 2
    assert await services.timer_due(transfer_id) is not None


async def test_nobody_gets_what_is_paused(services: Services) -> None:
    """Neither a transfer that waits for its first agent, nor one whose agent was lost."""
    platform = services.platform
    transfer_id = await services.create_transfer()
    await pause.pause(platform, transfer_id)
    assert await services.claim("agent") is None
    with pytest.raises(Conflict) as refused:
        await services.upload(transfer_id)
    assert refused.value.code == "transfer_paused"
    assert (await services.state(transfer_id)).started_at is None
    await pause.resume(platform, transfer_id)
    claimed = await services.claim("agent")
    assert claimed is not None

    await pause.pause(platform, transfer_id)
    await services.age_claim(transfer_id, timedelta(hours=1))
    assert await services.claim("another") is None
    await pause.resume(platform, transfer_id)
    again = await services.claim("another")
    assert again is not None
    assert again.transfer_id == transfer_id


async def test_redelivery_by_hand_waits_for_the_end_of_the_pause(services: Services) -> None:
    worker, platform = services.worker(), services.platform
    transfer_id = await services.start_transfer()
    while await due_lanes(platform):
        await worker.record(BAD, *await worker.claim())
        await services.advance(BACK_OFF)
    [row] = await services.fetch("SELECT message_id FROM message WHERE state = 'UNDELIVERED'")
    await pause.pause(platform, transfer_id)
    await message.redeliver(platform, str(row["message_id"]))
    assert await due_lanes(platform) == []
    await pause.resume(platform, transfer_id)
    assert await worker.deliver_all(GOOD) == 1


async def test_the_messages_of_a_worker_that_died_stay_held(services: Services) -> None:
    worker, platform = services.worker(), services.platform
    transfer_id = await services.start_transfer()
    await worker.claim_one()
    await pause.pause(platform, transfer_id)
    await worker.miss_heartbeats()
    assert await services.rescue() == 1
    await services.advance(timedelta(hours=1))
    assert await due_lanes(platform) == []
    await pause.resume(platform, transfer_id)
    assert await services.worker().deliver_all(GOOD) == 1


async def test_files_outlive_a_pause(services: Services) -> None:
    """They would have ended in the middle of it."""
    transfer_id = await services.start_transfer()
    await services.upload(transfer_id)
    await pause.pause(services.platform, transfer_id)
    await services.advance(DATA_LIFE + SIGNED_URL_LIFE)

    async def kept() -> int:
        await sweep.sweep(services.platform)
        query = "SELECT count(*) AS kept FROM app_data WHERE deleted_at IS NULL"
        return int((await services.fetch(query))[0]["kept"])

    assert await kept() == 1
    await pause.resume(services.platform, transfer_id)
    assert await kept() == 1
    await services.pass_deadline(transfer_id)
    await services.advance(DATA_LIFE + SIGNED_URL_LIFE)
    assert await kept() == 0


async def test_an_extension_outlasts_silence(services: Services) -> None:
    transfer_id = await services.start_transfer()
    await services.upload(transfer_id)
    now = await services.platform.database.now()
    wanted = Extension(until=epoch_ms(now + 24 * 60 * MINUTE))
    for _ in range(2):
        await pause.extend(services.platform, transfer_id, wanted)
    view = await transfer_service.view(services.platform, transfer_id)
    assert (view.deadline, view.deadline_moved_by) == (wanted.until, "operator")
    await services.advance(23 * 60 * MINUTE)
    await services.fire_timer(transfer_id)
    assert (await services.state(transfer_id)).status is TransferStatus.IN_PROGRESS
    await services.advance(62 * MINUTE)
    await services.fire_timer(transfer_id)
    assert (await services.state(transfer_id)).status is TransferStatus.TIMED_OUT
    assert await kinds(services, transfer_id) == [
        "created",
        "released",
        "changed",
        "extended",
        "changed",
    ]


async def planned(services: Services) -> MigrationView:
    """A started migration with three transfers of one app."""
    request = MigrationRequest(
        name="Harbour moves",
        cloud_url="https://harbour.example",
        source_id="harbour",
        apps=[services.app.cloud_app_key],
    )
    view = await migration_service.create(services.platform, request)
    for _ in range(2):
        await services.fetch(ANOTHER)
    return await migration_service.start(services.platform, view.migration_id)


async def test_a_migration_is_paused_as_a_whole(services: Services) -> None:
    """Whatever has settled is left out; once all has, there is nothing to pause."""
    platform = services.platform
    view = await planned(services)
    first, *others = [each.transfer_id for each in view.transfers]
    await transfer_command.cancel(platform, first)
    paused = await pause.pause_migration(platform, view.migration_id)
    assert [each.paused_at is not None for each in paused.transfers] == [False, True, True]
    until = epoch_ms(await platform.database.now() + timedelta(hours=1))
    with pytest.raises(Conflict) as refused:
        await pause.extend_migration(platform, view.migration_id, Extension(until=until))
    assert refused.value.code == "transfer_paused"
    resumed = await pause.resume_migration(platform, view.migration_id)
    assert all(each.paused_at is None for each in resumed.transfers)
    for each in others:
        await transfer_command.cancel(platform, each)
    with pytest.raises(Conflict) as over:
        await pause.pause_migration(platform, view.migration_id)
    assert over.value.code == "migration_settled"
    assert await operations(services) == ["pause_migration", "resume_migration"]


async def test_what_a_listener_splits_meanwhile_is_paused_too(services: Services) -> None:
    """The claim that splits it holds the last transfer, which the pause waits for."""
    platform = services.platform
    view = await planned(services)
    last = UUID(view.transfers[-1].transfer_id)
    async with platform.database.transaction() as tx:
        await tx.connection.fetch("SELECT FROM transfer WHERE transfer_id = $1 FOR UPDATE", last)
        pausing = asyncio.create_task(pause.pause_migration(platform, view.migration_id))
        await until_blocked(tx.connection, pausing)
        await tx.connection.execute(ANOTHER)
    paused = await pausing
    assert [each.paused_at is not None for each in paused.transfers] == [True] * 4
    assert await operations(services) == ["pause_migration"]


async def test_a_pause_that_was_cut_off_is_repeated(services: Services) -> None:
    """The database ends the session in the middle: what was paused stays so, with its audit row."""
    platform = services.platform
    view = await planned(services)
    last = UUID(view.transfers[-1].transfer_id)
    async with platform.database.transaction() as tx:
        await tx.connection.fetch("SELECT FROM transfer WHERE transfer_id = $1 FOR UPDATE", last)
        cut = asyncio.create_task(pause.pause_migration(platform, view.migration_id))
        pid = await until_blocked(tx.connection, cut)
        await tx.connection.execute("SELECT pg_terminate_backend($1)", pid)
        with suppress(OutsideError):
            await cut
            pytest.fail("it was to be cut off")
    between = await migration_service.view(platform, view.migration_id)
    assert [each.paused_at is not None for each in between.transfers] == [True, True, False]
    again = await pause.pause_migration(platform, view.migration_id)
    assert all(each.paused_at is not None for each in again.transfers)
    assert await operations(services) == ["pause_migration"] * 2
