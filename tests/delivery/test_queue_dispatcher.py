"""A worker's loop over queues gives back what it can't finish."""

import asyncio
import json
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from ferryman.delivery import queue_dispatcher
from ferryman.delivery.queue_dispatcher import QueueDispatcher
from ferryman.delivery.worker_heartbeat import WorkerHeartbeat
from ferryman.services import queue_delivery
from ferryman.services.platform import Platform
from ferryman.store.queue import QueueLane
from tests.kit.queue_worker import Queues
from tests.kit.queues import APP
from tests.kit.receiver import receiving
from tests.kit.services import open_services
from tests.kit.worker import running_worker, until


async def test_a_worker_that_stops_ends_what_takes_long_and_another_delivers_it(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FERRYMAN_FUNCTION_SECONDS", "0.1")
    folder = tmp_path / "cloud-app"
    book = folder / "calls.jsonl"

    async def begun() -> bool:
        return book.exists() and book.read_text().endswith("\n")

    async with open_services(database, tmp_path) as services:
        (folder / "index.py").write_text(APP)
        queues = await Queues.begin(services)
        await queues.push("a", body=b'{"until": "go"}')
        async with running_worker(services, database):
            await until(begun)
        left = await services.fetch("SELECT worker_id FROM worker")
        # The test's own, unless this took so long that it counted as silent.
        assert {row["worker_id"] for row in left} <= {queues.worker_id}, "it left in order"
        (folder / "go").touch()

        async def over() -> bool:
            return await queues.stats("a") == (1, 0, 0)

        async with running_worker(services, database):
            await until(over)
        first, second = map(json.loads, book.read_text().splitlines())
        assert first["eventId"] == second["eventId"]
        [event] = await queues.events()
        assert (event.attempts, event.state) == (2, "DONE")


async def test_a_push_during_a_look_is_not_lost(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look did not see it, and the next one by itself is hours away."""
    monkeypatch.setenv("FERRYMAN_HEARTBEAT_SECONDS", "36000")
    monkeypatch.setattr(queue_dispatcher, "_POLL_SECONDS", 3600)
    looks, told = count(1), asyncio.Event()
    due, wake = queue_delivery.due, QueueDispatcher.wake

    async def pushed_meanwhile(platform: Platform) -> tuple[dict[QueueLane, datetime], datetime]:
        found = await due(platform)
        # The notification after connecting may still come during the first one.
        if (number := next(looks)) <= 3:
            told.clear()
            await queues.push(f"job {number}")
            await told.wait()
        return found

    def noted(each: QueueDispatcher) -> None:
        wake(each)
        told.set()

    async with open_services(database, tmp_path) as services:
        (tmp_path / "cloud-app" / "index.py").write_text(APP)
        queues = await Queues.begin(services)
        monkeypatch.setattr(queue_delivery, "due", pushed_meanwhile)
        monkeypatch.setattr(QueueDispatcher, "wake", noted)

        async def over() -> bool:
            return [each.state for each in await queues.events()] == ["DONE"] * 3

        async with running_worker(services, database):
            await until(over)


async def test_a_worker_that_runs_no_functions_posts_to_endpoints(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What functions consume stays due, for a worker that may run them."""
    monkeypatch.setenv("FERRYMAN_FUNCTIONS", "none")
    monkeypatch.setenv("FERRYMAN_PRIVATE_ADDRESSES", "allow")
    with receiving() as inbox:
        async with open_services(database, tmp_path) as services:
            queues = await Queues.begin(services)
            manifest = queues.app.manifest or {}
            manifest["remotes"] = [{"key": "vendor", "baseUrl": inbox.url}]
            manifest["modules"]["endpoint"] = [{"key": "e", "remote": "vendor"}]
            query = "UPDATE app SET manifest = $1 WHERE app_id = $2"
            await services.fetch(query, json.dumps(manifest), queues.app.app_id)
            await queues.push("function")
            await queues.push("endpoint", 3, queue="nowhere")

            async def over() -> bool:
                return await queues.stats("endpoint", "nowhere") == (3, 0, 0)

            async with running_worker(services, database):
                await until(over)
            assert await queues.stats("function") == (0, 1, 0)
            assert [each.event["jobId"] for each in inbox.received] == ["endpoint"] * 3


async def test_a_worker_without_a_recent_heartbeat_claims_no_event(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may have counted it as silent, and would take over what it claims at once."""
    recent, polls, due = False, count(), queue_delivery.due

    async def counted(platform: Platform) -> tuple[dict[QueueLane, datetime], datetime]:
        found = await due(platform)
        if found[0]:
            next(polls)
        return found

    monkeypatch.setattr(queue_delivery, "due", counted)
    monkeypatch.setattr(queue_dispatcher, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(WorkerHeartbeat, "lets_claim", property(lambda _: recent))
    async with open_services(database, tmp_path) as services:
        (tmp_path / "cloud-app" / "index.py").write_text(APP)
        queues = await Queues.begin(services)
        await queues.push("a")

        async def polled() -> bool:
            return next(polls) > 5

        async def over() -> bool:
            return await queues.stats("a") == (1, 0, 0)

        async with running_worker(services, database):
            await until(polled)
            [event] = await queues.events()
            assert (event.attempts, event.state) == (0, "PENDING")
            recent = True
            await until(over)
