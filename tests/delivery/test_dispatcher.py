"""A worker's loop goes on whatever one message does to it, and gives each back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from ferryman.delivery import worker
from ferryman.services import worker as workers
from ferryman.tokens import SigningKey
from tests.services.stage import Stage, staged

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.output LIKE '%unspeakable%' THEN RAISE EXCEPTION 'no'; END IF;
    RETURN new;
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON attempt FOR EACH ROW EXECUTE FUNCTION refuse();
"""

TELLS = """\
def run(event, context):
    print("unspeakable" if event.get("label") == "label" else "fine")
"""


@asynccontextmanager
async def working(stage: Stage, database: str) -> AsyncIterator[None]:
    """A worker of this platform, in this process."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stage.platform, SigningKey.generate(), database, stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(120):
            await task


async def until(probe: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while not await probe():  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.05)


def play(database: str, folder: Path, before: str, code: str) -> list[tuple[str, str]]:
    """Outcome and error of the first attempt at `triggered` and at a file, the file's first."""

    async def scene() -> list[tuple[str, str]]:
        async with staged(database, folder) as stage:
            (folder / "cloud-app" / "index.py").write_text(code)
            transfer_id = await stage.begin()
            await stage.upload(transfer_id)
            async with stage.platform.database.transaction() as tx:
                await tx.connection.execute(before)

            async def both_ended() -> bool:
                return len(await stage.fetch("SELECT FROM attempt")) == 2

            async with working(stage, database):
                await until(both_ended)
            assert await stage.fetch("SELECT FROM message WHERE worker_id IS NOT NULL") == []
            assert await stage.fetch("SELECT FROM worker") == [], "it left in order"
            rows = await stage.fetch(
                "SELECT outcome, error FROM attempt JOIN message USING (message_id)"
                " WHERE number = 1 ORDER BY position DESC"
            )
            return [(row["outcome"], row["error"] or "") for row in rows]

    return asyncio.run(scene())


def test_an_outcome_that_cannot_be_recorded_holds_up_nothing(database: str, tmp_path: Path) -> None:
    file, triggered = play(database, tmp_path, REFUSE, TELLS)
    assert triggered == ("DELIVERED", "")
    assert file == ("FAILED", "its outcome could not be recorded: RaiseError")


def test_a_message_that_cannot_even_be_prepared_has_failed(database: str, tmp_path: Path) -> None:
    spoil = "UPDATE message SET payload = payload - 'migrationDetails' WHERE payload ? 'label'"
    file, triggered = play(database, tmp_path, spoil, TELLS)
    assert triggered == ("DELIVERED", "")
    assert file == ("FAILED", "the worker failed: ValidationError")


SLEEPS = """\
def run(event, context):
    import time
    time.sleep(60)
"""


def test_what_a_worker_held_that_was_cut_off_is_free_at_once(database: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with staged(database, tmp_path) as stage:
            (tmp_path / "cloud-app" / "index.py").write_text(SLEEPS)
            await stage.begin()

            async def held() -> bool:
                return await stage.fetch("SELECT FROM message WHERE worker_id IS NOT NULL") != []

            run = worker.run(stage.platform, SigningKey.generate(), database, asyncio.Event())
            task = asyncio.create_task(run)
            await until(held)
            task.cancel()
            await asyncio.wait({task})
            assert await held()
            assert await stage.fetch("SELECT FROM worker") == []
            # As any other worker does when it looks, however short the silence was.
            assert await workers.take_over(stage.platform, timedelta(hours=1)) == 1
            assert not await held()
            [attempt] = await stage.fetch("SELECT outcome FROM attempt")
            assert attempt["outcome"] == "LOST"

    asyncio.run(scene())
