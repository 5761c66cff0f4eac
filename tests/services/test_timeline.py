"""The timeline as it is followed: it ends with its transfer, and with what still runs then."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest

from ferryman.domain.outcome import succeeded
from ferryman.services import shared_count, timeline
from ferryman.services.timeline import TimelineQuery
from ferryman.services.timeline_counts import timeline_counts
from ferryman.store import timeline as timeline_store
from ferryman.vocab import AckStatus
from tests.kit.services import Services

GOOD = succeeded(duration=0.1)


async def followed(services: Services, transfer_id: str) -> list[str]:
    """Follow to the end; return the kinds of all entries."""
    entries = timeline.follow(services.platform, transfer_id, 0, asyncio.Event())
    return [entry.kind async for entry in entries]


async def test_the_end_of_an_attempt_comes_although_its_transfer_has_settled(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function acknowledges its file before it returns."""
    monkeypatch.setattr(timeline, "_LAST_SECONDS", 600.0)
    monkeypatch.setattr(timeline, "_POLL_SECONDS", 0.01)
    worker = services.worker()
    transfer_id = await services.start_transfer()
    await worker.deliver_all(GOOD)
    receipt = await services.upload(transfer_id)
    running = await worker.claim_one()
    await services.complete_export(transfer_id)
    await services.acknowledge(transfer_id, receipt.message_id)
    assert (await services.state(transfer_id)).status.final
    following = asyncio.create_task(followed(services, transfer_id))
    done, _ = await asyncio.wait({following}, timeout=0.3)
    assert not done
    await worker.record(GOOD, running)
    assert (await following)[-1] == "attempt.delivered"


async def test_an_attempt_that_hangs_is_not_waited_for_long(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "_LAST_SECONDS", 0.1)
    monkeypatch.setattr(timeline, "_POLL_SECONDS", 0.01)
    worker = services.worker()
    transfer_id = await services.start_transfer()
    await worker.claim_one()
    await services.complete_export(transfer_id)
    assert "transfer.changed" in await followed(services, transfer_id)


async def test_what_is_committed_late_comes_although_the_clock_was_moved(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number was drawn before that of entries which were read already."""
    monkeypatch.setattr(timeline, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(timeline, "_OVERLAP_SECONDS", 600.0)
    database, transfer_id = services.platform.database, await services.start_transfer()

    async def write(kind: str) -> None:
        async with database.transaction() as tx:
            await timeline_store.write(tx, UUID(transfer_id), kind)

    closing = asyncio.Event()
    entries = timeline.follow(services.platform, transfer_id, 0, closing)

    async def told(kind: str) -> None:
        while (await anext(entries)).kind != kind:
            pass

    async with database.transaction() as late:
        await timeline_store.write(late, UUID(transfer_id), "test.late")
        await write("test.early")
        await told("test.early")
        await services.advance(timedelta(hours=1))
        await write("test.moved")
        await told("test.moved")
        read_again = asyncio.create_task(told("test.late"))
        done, _ = await asyncio.wait({read_again}, timeout=0.1)
        assert not done
    await asyncio.wait_for(read_again, 90)
    closing.set()
    assert [entry async for entry in entries] == []


async def test_entries_are_counted_in_parts_that_lead_to_them(services: Services) -> None:
    """Each part, and the whole; what was acknowledged as failed counts as failed."""
    transfer_id = await services.start_transfer()
    files = [await services.upload(transfer_id) for _ in range(3)]
    await services.advance(timedelta(minutes=4))
    await services.acknowledge(transfer_id, files[0].message_id)
    await services.acknowledge(transfer_id, files[1].message_id, status=AckStatus.FAILED)
    platform = services.platform
    every = (await timeline.page(platform, transfer_id)).items
    # At last seven, of which the last holds both acknowledgements however slow this machine is.
    for points in (1, 200, 7):
        counts = await timeline_counts(platform, transfer_id, points=points)
        assert counts.since == min(each.at for each in every)
        assert counts.until == max(each.at for each in every) + 1
        assert counts.entries == len(every)
        assert len(counts.points) <= points
        for part in counts.points:
            query = TimelineQuery(since=part.at, until=part.end)
            own = (await timeline.page(platform, transfer_id, query)).items
            assert Counter(each.kind for each in own) == Counter(part.counts)
    assert counts.points[-1].counts["message.acknowledged"] == 2
    assert counts.points[-1].failed == {"message.acknowledged": 1}
    first, last = counts.points[0], counts.points[-1]
    some = await timeline_counts(platform, transfer_id, since=first.at, until=last.at, points=4)
    assert some.entries == counts.entries - sum(last.counts.values())
    assert (some.since, some.until) == (first.at, last.at)
    none = await timeline_counts(
        platform, transfer_id, since=counts.until, until=counts.since, points=4
    )
    assert (none.entries, none.points) == (0, [])


async def test_counts_of_many_entries_are_shared_while_they_may_be_old(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_count, "ROWS_A_SECOND", 0.01)
    transfer_id = await services.start_transfer()
    platform = services.platform
    kept = await timeline_counts(platform, transfer_id, points=4, max_age=60)
    await services.upload(transfer_id)
    assert await timeline_counts(platform, transfer_id, points=4, max_age=60) is kept
    assert (await timeline_counts(platform, transfer_id, points=4)).entries > kept.entries
    other = await timeline_counts(platform, transfer_id, points=5, max_age=60)
    assert other.entries > kept.entries
    await services.advance(timedelta(minutes=1))
    again = await timeline_counts(platform, transfer_id, points=4, max_age=60)
    assert again.entries == other.entries
