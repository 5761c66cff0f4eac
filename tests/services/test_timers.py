"""A running transfer owns exactly one timer; a settled one owns none."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from ferryman.delivery.draining import Draining
from ferryman.delivery.timekeeper import Timekeeper
from ferryman.domain import limits
from ferryman.services import transfer as transfer_service
from ferryman.services import transfer_command
from ferryman.services.platform import Platform
from ferryman.store import timer as timer_store
from ferryman.store import transfer as transfer_store
from ferryman.vocab import AckStatus, TransferStatus
from tests.kit.services import Services

WINDOW = limits.ACKNOWLEDGEMENT_WINDOW


async def settle_by_acknowledgement(services: Services, transfer_id: str) -> None:
    receipt = await services.upload(transfer_id)
    await services.complete_export(transfer_id)
    await services.acknowledge(transfer_id, receipt.message_id)


async def settle_by_failure(services: Services, transfer_id: str) -> None:
    receipt = await services.upload(transfer_id)
    await services.acknowledge(transfer_id, receipt.message_id, status=AckStatus.FAILED)
    await services.complete_export(transfer_id)


async def settle_without_files(services: Services, transfer_id: str) -> None:
    await services.complete_export(transfer_id)


async def settle_by_deadline(services: Services, transfer_id: str) -> None:
    await services.upload(transfer_id)
    await services.advance(WINDOW)
    assert await services.fire_timer(transfer_id)


async def settle_by_cancelling(services: Services, transfer_id: str) -> None:
    await transfer_command.cancel(services.platform, transfer_id)
    await services.advance(limits.CANCEL_CLEAN_UP)
    assert await services.fire_timer(transfer_id)


WAYS: list[tuple[Callable[[Services, str], Awaitable[None]], TransferStatus]] = [
    (settle_by_acknowledgement, TransferStatus.SUCCESS),
    (settle_by_failure, TransferStatus.FAILED),
    (settle_without_files, TransferStatus.SUCCESS),
    (settle_by_deadline, TransferStatus.TIMED_OUT),
    (settle_by_cancelling, TransferStatus.CANCELLED),
]


@pytest.mark.parametrize(("settle", "status"), WAYS, ids=lambda way: getattr(way, "__name__", way))
async def test_a_settled_transfer_owns_no_timer(
    services: Services,
    settle: Callable[[Services, str], Awaitable[None]],
    status: TransferStatus,
) -> None:
    transfer_id = await services.start_transfer()
    assert await services.timer_due(transfer_id) is not None
    await settle(services, transfer_id)
    assert (await services.state(transfer_id)).status is status
    assert await services.timer_due(transfer_id) is None

    # A worker that saw the timer before fires it long after.
    before = await services.state(transfer_id), await services.fetch("SELECT * FROM message")
    await services.advance(timedelta(days=20))
    assert not await services.fire_timer(transfer_id)
    assert (
        await services.state(transfer_id),
        await services.fetch("SELECT * FROM message"),
    ) == before


async def test_a_running_transfer_owns_one_timer_whatever_happens(services: Services) -> None:
    transfer_id = await services.start_transfer()
    for _ in range(3):
        receipt = await services.upload(transfer_id)
        await services.acknowledge(transfer_id, receipt.message_id)
        await services.upload(transfer_id)
        assert await services.timer_due(transfer_id) is not None
    await transfer_command.cancel(services.platform, transfer_id)
    first = await services.timer_due(transfer_id)
    await transfer_command.cancel(services.platform, transfer_id)
    assert await services.timer_due(transfer_id) == first


async def test_a_timer_that_fires_early_is_set_again(services: Services) -> None:
    transfer_id = await services.start_transfer()
    await services.advance(WINDOW - timedelta(minutes=5))
    await services.upload(transfer_id)
    await services.advance(timedelta(minutes=5))
    first = await services.timer_due(transfer_id)
    assert await services.fire_timer(transfer_id)
    assert (await services.state(transfer_id)).status is TransferStatus.IN_PROGRESS
    second = await services.timer_due(transfer_id)
    assert first is not None
    assert second is not None
    assert first < second
    assert not await services.fire_timer(transfer_id)

    await services.advance(timedelta(minutes=20))
    assert await services.fire_timer(transfer_id)
    assert (await services.state(transfer_id)).status is TransferStatus.TIMED_OUT


async def test_workers_that_see_the_same_timer_fire_it_once(services: Services) -> None:
    transfer_id = await services.start_transfer()
    await services.advance(WINDOW)
    fired = await asyncio.gather(*(services.fire_timer(transfer_id) for _ in range(8)))
    assert sum(fired) == 1
    assert (await services.state(transfer_id)).status is TransferStatus.TIMED_OUT


async def test_a_transfer_that_another_session_holds_keeps_its_timer(services: Services) -> None:
    transfer_id = await services.start_transfer()
    await services.advance(WINDOW)
    async with services.platform.database.transaction() as tx:
        await transfer_store.lock(tx, UUID(transfer_id))
        assert not await services.fire_timer(transfer_id)
    async with services.platform.database.transaction() as tx:
        assert await timer_store.work_due(tx)
    assert await services.fire_timer(transfer_id)


async def test_a_timer_that_fails_delays_no_other(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again later; meanwhile it counts as due."""
    broken = await services.start_transfer("one")
    sound = await services.start_transfer("two")
    await services.advance(WINDOW)
    on_timer, tried = transfer_service.on_timer, []

    async def fire(platform: Platform, transfer_id: UUID) -> bool:
        tried.append(str(transfer_id))
        if str(transfer_id) == broken:
            raise ZeroDivisionError
        return await on_timer(platform, transfer_id)

    monkeypatch.setattr(transfer_service, "on_timer", fire)
    stop = asyncio.Event()
    timekeeper = Timekeeper(services.platform, stop, Draining())
    running = asyncio.create_task(timekeeper.run())
    async with asyncio.timeout(60):
        while not (await services.state(sound)).status.final:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    stop.set()
    timekeeper.wake()
    await running
    assert tried.count(broken) == 1
    assert await services.timer_due(broken) is not None


@pytest.mark.parametrize(
    "change",
    [
        "wake_at = now()",
        "settled_at = NULL",
        "status = 'IN_PROGRESS'",
        "succeeded = files + 1",
        "progress = 101",
    ],
)
async def test_the_database_itself_refuses_an_impossible_transfer(
    services: Services, change: str
) -> None:
    await services.complete_export(await services.start_transfer())
    with pytest.raises(asyncpg.CheckViolationError):
        await services.fetch(f"UPDATE transfer SET {change}")  # noqa: S608 - from the list above
