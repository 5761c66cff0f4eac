"""A running transfer owns exactly one timer; a settled one owns none."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from ferryman.domain import limits
from ferryman.services import transfer
from ferryman.vocab import AckStatus, TransferStatus

from .conftest import Play
from .stage import Stage

WINDOW = limits.ACKNOWLEDGEMENT_WINDOW


async def wake_due(stage: Stage, transfer_id: str) -> list[int]:
    """Do the timers that are due, as a worker would; which they were."""
    due = await stage.wake_jobs(transfer_id, due=True)
    for job_id in due:
        await transfer.wake(stage.platform, UUID(transfer_id), job_id)
        await stage.finish_job(job_id)
    return due


async def settle_by_acknowledgement(stage: Stage, transfer_id: str) -> None:
    receipt = await stage.upload(transfer_id)
    await stage.complete_export(transfer_id)
    await stage.acknowledge(transfer_id, receipt.message_id)


async def settle_by_failure(stage: Stage, transfer_id: str) -> None:
    receipt = await stage.upload(transfer_id)
    await stage.acknowledge(transfer_id, receipt.message_id, status=AckStatus.FAILED)
    await stage.complete_export(transfer_id)


async def settle_without_files(stage: Stage, transfer_id: str) -> None:
    await stage.complete_export(transfer_id)


async def settle_by_deadline(stage: Stage, transfer_id: str) -> None:
    await stage.upload(transfer_id)
    await stage.pass_time(WINDOW)
    assert await wake_due(stage, transfer_id)


async def settle_by_cancelling(stage: Stage, transfer_id: str) -> None:
    await transfer.cancel(stage.platform, transfer_id)
    await stage.pass_time(limits.CANCEL_CLEAN_UP)
    assert await wake_due(stage, transfer_id)


WAYS: list[tuple[Callable[[Stage, str], Awaitable[None]], TransferStatus]] = [
    (settle_by_acknowledgement, TransferStatus.SUCCESS),
    (settle_by_failure, TransferStatus.FAILED),
    (settle_without_files, TransferStatus.SUCCESS),
    (settle_by_deadline, TransferStatus.TIMED_OUT),
    (settle_by_cancelling, TransferStatus.CANCELLED),
]


@pytest.mark.parametrize(("settle", "status"), WAYS, ids=lambda way: getattr(way, "__name__", way))
def test_a_settled_transfer_owns_no_timer(
    play: Play[None],
    settle: Callable[[Stage, str], Awaitable[None]],
    status: TransferStatus,
) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        [timer] = await stage.wake_jobs(transfer_id)
        await settle(stage, transfer_id)
        assert (await stage.state(transfer_id)).status is status
        assert await stage.wake_jobs(transfer_id) == []
        query = "SELECT wake_job_id FROM transfer WHERE transfer_id = $1"
        [row] = await stage.fetch(query, UUID(transfer_id))
        assert row["wake_job_id"] is None

        # The job of a worker that died comes again, long after.
        before = await stage.state(transfer_id), await stage.fetch("SELECT * FROM message")
        await stage.pass_time(timedelta(days=20))
        await transfer.wake(stage.platform, UUID(transfer_id), timer)
        assert (
            await stage.state(transfer_id),
            await stage.fetch("SELECT * FROM message"),
        ) == before
        assert await stage.wake_jobs(transfer_id) == []

    play(scene)


def test_a_running_transfer_owns_one_timer_whatever_happens(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        for _ in range(3):
            receipt = await stage.upload(transfer_id)
            await stage.acknowledge(transfer_id, receipt.message_id)
            await stage.upload(transfer_id)
            assert len(await stage.wake_jobs(transfer_id)) == 1
        await transfer.cancel(stage.platform, transfer_id)
        await transfer.cancel(stage.platform, transfer_id)
        assert len(await stage.wake_jobs(transfer_id)) == 1

    play(scene)


def test_a_timer_that_fires_early_is_set_anew_and_its_old_job_is_powerless(
    play: Play[None],
) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        await stage.pass_time(WINDOW - timedelta(minutes=5))
        await stage.upload(transfer_id)
        await stage.pass_time(timedelta(minutes=5))
        [old] = await wake_due(stage, transfer_id)
        assert (await stage.state(transfer_id)).status is TransferStatus.IN_PROGRESS
        [new] = await stage.wake_jobs(transfer_id)
        assert new != old
        assert await stage.wake_jobs(transfer_id, due=True) == []

        # The worker died after the commit: the queue hands the old job out again, twice.
        await stage.pass_time(timedelta(minutes=20))
        for _ in range(2):
            await transfer.wake(stage.platform, UUID(transfer_id), old)
            assert (await stage.state(transfer_id)).status is TransferStatus.IN_PROGRESS
        assert await stage.wake_jobs(transfer_id) == [new]
        assert await wake_due(stage, transfer_id) == [new]
        assert (await stage.state(transfer_id)).status is TransferStatus.TIMED_OUT

    play(scene)


@pytest.mark.parametrize(
    "change",
    [
        "wake_job_id = 1",
        "settled_at = NULL",
        "status = 'IN_PROGRESS'",
        "succeeded = files + 1",
        "progress = 101",
    ],
)
def test_the_database_itself_refuses_an_impossible_transfer(play: Play[None], change: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.complete_export(await stage.begin())
        with pytest.raises(asyncpg.CheckViolationError):
            await stage.fetch(f"UPDATE transfer SET {change}")  # noqa: S608 - from the list above

    play(scene)
