"""What the followers of all transfers are told, and what a slow one misses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import pytest

from ferryman.services import event_follower, event_hub
from ferryman.services.event_follower import Told
from ferryman.services.event_hub import EventHub
from ferryman.store import event as event_store
from ferryman.store.event import EventGroup
from tests.kit.services import Services

T = TypeVar("T")

_ADD = """
INSERT INTO timeline (transfer_id, at, kind, data)
SELECT transfer_id, now(), kind, '{}'
FROM transfer, unnest($1::text[]) kind, generate_series(1, $2)
"""
TRANSFERS = 2


@pytest.fixture
async def hub(services: Services) -> AsyncIterator[EventHub]:
    """A hub of a platform with two transfers."""
    for _ in range(TRANSFERS):
        await services.create_transfer()
    closing = asyncio.Event()
    yield EventHub(services.platform, closing)
    closing.set()


async def add(services: Services, *kinds: str, times: int = 1) -> None:
    """Add entries of each kind to each transfer."""
    await services.fetch(_ADD, kinds, times)


async def first(stream: AsyncIterator[T], something: Callable[[], Awaitable[None]]) -> T:
    """Have something happen until the stream tells of it."""

    async def following() -> T:
        return await anext(stream)

    task = asyncio.create_task(following())
    while not task.done():
        await something()
        await asyncio.wait([task], timeout=0.5)
    return task.result()


def wanted(group: EventGroup) -> bool:
    return group.kind == "test.wanted"


async def test_a_follower_is_told_what_it_wants_and_how_much_it_missed(
    services: Services, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_follower, "_MOST_QUEUED", 3)
    stream = hub.follow(wanted)
    told = await first(stream, lambda: add(services, "test.wanted", "test.other"))
    assert told.entry is not None
    query = "SELECT seq FROM timeline WHERE seq > $1 AND kind = 'test.wanted' ORDER BY seq"
    seqs: list[int] = []
    skipped = 0
    await add(services, "test.other", "test.wanted", times=10)
    later = [row["seq"] for row in await services.fetch(query, told.entry.seq)]
    while len(seqs) + skipped < len(later):
        told = await anext(stream)
        skipped += told.skipped
        if told.entry is not None:
            assert told.entry.kind == "test.wanted"
            seqs.append(told.entry.seq)
    assert skipped >= 20 - 3
    assert seqs == sorted(set(seqs) & set(later))


async def test_changes_are_counted_of_what_is_wanted(services: Services, hub: EventHub) -> None:
    stream = hub.follow_changes(wanted)
    await first(stream, lambda: add(services, "test.wanted"))
    await add(services, "test.wanted", times=20)
    await add(services, "test.other", times=20)
    counted = 0
    while counted < 20 * TRANSFERS:
        changes, _ = await anext(stream)
        assert changes.complete
        counted += sum(changes.changes.values())
    [row] = await services.fetch("SELECT count(*) FROM timeline WHERE kind = 'test.wanted'")
    assert counted < row["count"], "the first were told before"


async def test_changes_of_too_many_transfers_say_that_some_are_missing(
    services: Services, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_follower, "_MOST_CHANGED", TRANSFERS - 1)
    changes, _ = await first(hub.follow_changes(wanted), lambda: add(services, "test.wanted"))
    assert not changes.complete
    assert len(changes.changes) == TRANSFERS - 1


async def test_who_comes_while_changes_are_read_misses_no_entry(
    services: Services, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers that were read then are read again, with their entries."""
    changes = hub.follow_changes(wanted)
    await first(changes, lambda: add(services, "test.wanted"))
    entries = hub.follow(lambda group: group.kind == "test.late")
    coming: list[asyncio.Future[Told]] = []
    came = asyncio.Event()
    read = event_store.changes_after

    async def read_and_join(*arguments: Any, **options: Any) -> Any:
        found = await read(*arguments, **options)
        if not coming and any(group.kind == "test.late" for group in found):
            coming.append(asyncio.ensure_future(anext(entries)))
            await asyncio.sleep(0)  # it joins at once, since the hub reads already
            came.set()
        return found

    monkeypatch.setattr(event_store, "changes_after", read_and_join)
    await add(services, "test.late")
    async with asyncio.timeout(60):
        await came.wait()
        told = [await coming[0], *[await anext(entries) for _ in range(TRANSFERS - 1)]]
    assert {each.entry.kind for each in told if each.entry is not None} == {"test.late"}


async def test_who_came_meanwhile_is_told_what_is_committed_late(
    services: Services, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its numbers are below some that were there already; whoever resumes before it gets it too."""
    monkeypatch.setattr(event_hub, "_MISSING_SECONDS", 600.0)  # late by no measure of this machine
    [row] = await services.fetch("SELECT max(seq) AS last FROM timeline")
    stream = hub.follow(lambda group: group.kind.startswith("test."), row["last"])
    async with services.platform.database.transaction() as tx:
        await tx.connection.execute(_ADD, ["test.late"], 1)
        await add(services, "test.early")
        early = [await anext(stream) for _ in range(TRANSFERS)]
    async with asyncio.timeout(60):
        late = [await anext(stream) for _ in range(TRANSFERS)]
    for found, kind in ((early, "test.early"), (late, "test.late")):
        assert {told.entry.kind for told in found if told.entry is not None} == {kind}
    first = min(told.entry.seq for told in late if told.entry is not None)
    assert all(told.resume < first for told in early)
