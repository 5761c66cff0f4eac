"""Great counts are shared by all who look: only if they may be, and never for long."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from ferryman.services import chart, diagnosis, shared_count
from ferryman.services import transfer as transfer_service
from ferryman.store.listing import Total
from tests.kit.services import Services


@pytest.mark.parametrize(
    ("rows", "max_age", "age"),
    [
        *((0, 60, 0), (999, 60, 0), (1_000, 60, 1), (30_000, 60, 30), (9_000_000, 60, 60)),
        *((30_000, 0, 0), (30_000, 5, 5)),
    ],
)
def test_a_count_may_be_the_older_the_more_there_is_to_count(
    rows: int, max_age: float, age: float
) -> None:
    assert shared_count.age_of(rows, max_age) == age


async def test_few_messages_are_counted_each_time(services: Services) -> None:
    transfer_id = await services.start_transfer()
    for number in range(2, 4):
        await services.upload(transfer_id)
        view = await transfer_service.view(services.platform, transfer_id, max_age=60)
        assert (view.messages, view.approximate) == (number, False)


async def test_many_messages_are_counted_once_for_all(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted again for who gives no age, once the clock moved, and by a new status."""
    monkeypatch.setattr(shared_count, "ROWS_A_SECOND", 0.01)
    monkeypatch.setattr(transfer_service, "EXACT", 1)
    platform = services.platform
    transfer_id = await services.start_transfer()

    async def seen() -> tuple[int, bool, list[str], int]:
        view = await transfer_service.view(platform, transfer_id, max_age=60)
        explained = await diagnosis.explain_transfer(platform, transfer_id, max_age=60)
        sent = [each.found for each in explained.links if each.name == "events"]
        backlog = await chart.backlog(platform, transfer_id, max_age=60)
        return view.messages, view.approximate, sent, backlog.points[-1].uploaded

    await services.upload(transfer_id)
    messages, approximate, sent, uploaded = await seen()
    assert (messages, approximate, uploaded) == (2, True, 1)
    await services.upload(transfer_id)
    assert await seen() == (messages, approximate, sent, uploaded)
    view = await transfer_service.view(platform, transfer_id)
    assert (view.messages, view.approximate) == (3, False)
    assert (await chart.backlog(platform, transfer_id)).points[-1].uploaded == 2
    assert (await seen())[::3] == (3, 2)
    await services.upload(transfer_id)
    assert (await seen())[::3] == (3, 2)
    await services.advance(timedelta(minutes=1))
    assert (await seen())[::3] == (4, 3)
    await services.upload(transfer_id)
    assert (await seen())[::3] == (4, 3)
    cancelled = "UPDATE transfer SET status = 'CANCELLATION_REQUESTED' WHERE transfer_id = $1"
    await services.fetch(cancelled, UUID(transfer_id))
    assert (await seen())[::3] == (5, 4)


async def test_only_estimated_totals_are_shared(services: Services) -> None:
    """And only with the same list."""
    made: list[int] = []

    async def count(total: Total) -> Total:
        made.append(total.number)
        return total

    async with services.platform.database.transaction() as tx:
        get = partial(shared_count.total, services.platform, tx)
        few, many = Total(9, exact=True), Total(20_000, exact=False)
        for _ in range(2):
            assert await get("few", 60, partial(count, few)) == few
            assert await get("many", 60, partial(count, many)) == many
        assert await get("others", 60, partial(count, few)) == few
        assert await get("many", 0, partial(count, many)) == many
    assert made == [9, 20_000, 9, 9, 20_000]
