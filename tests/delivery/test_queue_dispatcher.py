"""A worker's loop over queues gives back what it can't finish."""

import json
from pathlib import Path

import pytest

from tests.kit.queue_worker import Queues
from tests.kit.queues import APP
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
