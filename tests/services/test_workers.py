"""Workers are listed, drained and resumed; a drain belongs to the process."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from ferryman.delivery.draining import Draining
from ferryman.domain.outcome import succeeded
from ferryman.errors import Conflict, NotFound
from ferryman.services import diagnosis, queue_delivery, worker_list
from ferryman.services import worker as worker_service
from tests.kit.queue_worker import Queues
from tests.kit.services import Services
from tests.kit.worker import SECONDS, running_worker, until

WAITS = """\
def run(event, context):
    import pathlib, time
    while not pathlib.Path(__file__).with_name("go").exists():
        time.sleep(0.02)
"""


async def states(services: Services) -> dict[str, str]:
    found = await worker_list.every(services.platform)
    return {each.worker_id: each.state for each in found.items}


async def heartbeats(services: Services, worker: str, number: int) -> None:
    """Wait for so many more of a worker, each of which comes before a claim."""
    query = "SELECT seen_at FROM worker WHERE worker_id = $1"
    for _ in range(number):
        last = await services.fetch(query, UUID(worker))

        async def another(last: list[Any] = last) -> bool:
            return bool(await services.fetch(query, UUID(worker)) != last)

        await until(another)


async def test_a_worker_is_drained_when_it_knows_and_holds_nothing(services: Services) -> None:
    worker = services.worker()
    own = str(worker.worker_id)
    await services.start_transfer()
    running = await worker.claim_one()
    assert await states(services) == {own: "working"}
    view = await worker_list.drain(services.platform, own)
    assert (view.state, view.held) == ("draining", 1)
    again = await worker_list.drain(services.platform, own)
    assert again.draining_since == view.draining_since
    seen = await worker_service.heartbeat(services.platform, worker.worker_id)
    assert seen.draining_since is not None
    assert await states(services) == {own: "draining"}
    await worker_service.heartbeat(
        services.platform, worker.worker_id, seen.draining_since, idle=True
    )
    assert await states(services) == {own: "draining"}
    await worker.record(succeeded(duration=0.1), running)
    assert await states(services) == {own: "drained"}
    assert (await worker_list.resume(services.platform, own)).state == "working"
    seen = await worker_service.heartbeat(services.platform, worker.worker_id, seen.draining_since)
    assert seen.draining_since is None
    rows = await services.fetch(
        "SELECT operation, before, after FROM audit WHERE target = $1 ORDER BY seq", own
    )
    assert [row["operation"] for row in rows] == ["drain_worker", "drain_worker", "resume_worker"]


async def test_one_whose_row_was_removed_goes_on_being_drained(services: Services) -> None:
    """Others took it for dead; it knows better. A new process works."""
    worker = services.worker()
    await worker.heartbeat()
    await worker_list.drain(services.platform, str(worker.worker_id))
    seen = await worker_service.heartbeat(services.platform, worker.worker_id)
    await worker_service.sign_off(services.platform, worker.worker_id)
    again = await worker_service.heartbeat(services.platform, worker.worker_id, seen.draining_since)
    assert again.draining_since == seen.draining_since
    other = services.worker()
    await other.heartbeat()
    assert await states(services) == {
        str(worker.worker_id): "drained",
        str(other.worker_id): "working",
    }


async def test_only_a_heartbeat_that_says_so_ends_a_drain(services: Services) -> None:
    """Whoever is told ``drained`` kills the process: nothing may be claimed after it was said."""
    worker = services.worker()
    await worker.heartbeat()
    own = str(worker.worker_id)
    # As after a heartbeat that committed while the drain waited for its row.
    await services.fetch("UPDATE worker SET seen_at = now() + interval '1 second'")
    assert (await worker_list.drain(services.platform, own)).state == "draining"
    await worker_service.report(services.platform, worker.worker_id, "delivering: it failed")
    assert await states(services) == {own: "draining"}
    seen = await worker_service.heartbeat(services.platform, worker.worker_id)
    assert await states(services) == {own: "draining"}
    await worker_service.heartbeat(services.platform, worker.worker_id, seen.draining_since)
    assert await states(services) == {own: "draining"}, "a claim is under way"
    await worker_service.heartbeat(
        services.platform, worker.worker_id, seen.draining_since, idle=True
    )
    assert await states(services) == {own: "drained"}


def test_a_worker_is_idle_once_nothing_is_being_taken_up() -> None:
    draining, now = Draining(), datetime.now(UTC)
    with draining.taking():
        draining.follow(now)
        assert (bool(draining), draining.idle) == (True, False)
    assert draining.idle
    draining.follow(now + timedelta(seconds=1))
    assert draining.since == now
    draining.follow(None)
    assert not draining.idle


async def test_one_that_is_claiming_events_of_queues_is_not_yet_drained(
    services: Services, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go, claim = asyncio.Event(), asyncio.Event(), queue_delivery.claim

    async def slow(*given: Any) -> Any:
        begun.set()
        await go.wait()
        return await claim(*given)

    monkeypatch.setattr(queue_delivery, "claim", slow)
    queues = await Queues.begin(services)
    await queues.push("job")
    async with running_worker(services, database):
        try:
            async with asyncio.timeout(SECONDS):
                await begun.wait()
            [own] = {*await states(services)} - {str(queues.worker_id)}
            await worker_list.drain(services.platform, own)
            await heartbeats(services, own, 3)
            assert (await states(services))[own] == "draining"
        finally:
            go.set()

        async def drained() -> bool:
            return (await states(services))[own] == "drained"

        await until(drained)


async def test_who_cannot_be_drained(services: Services) -> None:
    for unknown in (str(uuid4()), "one"):
        with pytest.raises(NotFound):
            await worker_list.drain(services.platform, unknown)
    earlier = uuid4()
    await services.fetch("INSERT INTO worker (worker_id, seen_at) VALUES ($1, now())", earlier)
    with pytest.raises(Conflict) as refused:
        await worker_list.drain(services.platform, str(earlier))
    assert refused.value.code == "worker_too_old"
    assert await states(services) == {str(earlier): "working"}
    await services.fetch("UPDATE worker SET seen_at = now() - interval '1 day'")
    assert await states(services) == {str(earlier): "silent"}


async def test_a_drained_worker_finishes_what_it_holds_and_claims_nothing_more(
    services: Services, database: str, tmp_path: Path
) -> None:
    """Neither messages nor timers; what waits is told of, and goes on once it is resumed."""
    folder = tmp_path / "cloud-app"
    (folder / "index.py").write_text(WAITS)
    transfer_id = await services.start_transfer()
    due = "wake_at < now() FROM transfer WHERE transfer_id = $1"

    async def holds() -> bool:
        return [each.held for each in (await worker_list.every(services.platform)).items] == [1]

    async def drained() -> bool:
        return list((await states(services)).values()) == ["drained"]

    async def went_on() -> bool:
        waits = (await services.fetch(f"SELECT {due}", UUID(transfer_id)))[0][0]
        return not waits and await services.message_states() == {"DELIVERED": 2}

    async with running_worker(services, database):
        await until(holds)
        [own] = await states(services)
        await worker_list.drain(services.platform, own)
        await heartbeats(services, own, 1)
        await services.upload(transfer_id)
        await services.fetch(
            "UPDATE transfer SET wake_at = now() - interval '1 s' WHERE transfer_id = $1",
            UUID(transfer_id),
        )
        (folder / "go").touch()
        await until(drained)
        await heartbeats(services, own, 2)
        assert await services.message_states() == {"PENDING": 1, "DELIVERED": 1}
        assert (await services.fetch(f"SELECT {due}", UUID(transfer_id)))[0][0]
        explained = await diagnosis.explain_transfer(services.platform, transfer_id)
        assert explained.broken == "workers"
        [link] = [each for each in explained.links if each.name == "workers"]
        assert link.cause == "workers_draining"
        await worker_list.resume(services.platform, own)
        await until(went_on)
