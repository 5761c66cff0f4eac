"""A worker's loop goes on whatever happens to it, and gives each message back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
import structlog

from ferryman.delivery import recorder, worker
from ferryman.delivery.recorder import Recorder
from ferryman.delivery.trouble import Trouble
from ferryman.domain.outcome import succeeded
from ferryman.services import worker as workers
from ferryman.tokens import SigningKey
from tests.services.stage import Stage, result, staged

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
async def working(stage: Stage, database: str, listening: str | None = None) -> AsyncIterator[None]:
    """A worker of this platform, in this process; it may hear of messages by another address."""
    stop = asyncio.Event()
    key = SigningKey.generate()
    task = asyncio.create_task(worker.run(stage.platform, key, listening or database, stop))
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
            with structlog.testing.capture_logs() as told:
                assert await workers.take_over(stage.platform, timedelta(hours=1)) == 1
            [line] = told
            assert (line["event"], line["number"]) == ("attempt.lost", 1)
            assert line["app"] == stage.app.cloud_app_key
            assert line["environment"] == stage.app.environment
            assert not await held()
            [attempt] = await stage.fetch("SELECT outcome, cause FROM attempt")
            assert (attempt["outcome"], attempt["cause"]) == ("LOST", "worker_died")

    asyncio.run(scene())


SLOWLY = """
CREATE SEQUENCE claims;
CREATE FUNCTION claim_slowly() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('claims') = 1 THEN PERFORM pg_sleep(4.5); END IF;
    RETURN new;
END $$;
CREATE TRIGGER claim_slowly BEFORE UPDATE ON message FOR EACH ROW
    WHEN (new.worker_id IS NOT NULL) EXECUTE FUNCTION claim_slowly();
"""


def test_what_was_claimed_too_long_ago_is_given_back_and_claimed_again(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then another worker may have it; here there is none."""
    monkeypatch.setenv("FERRYMAN_HEARTBEAT_SECONDS", "8")

    async def scene() -> None:
        async with staged(database, tmp_path) as stage:
            await stage.begin()
            async with stage.platform.database.transaction() as tx:
                await tx.connection.execute(SLOWLY)

            async def through() -> bool:
                return await stage.fetch("SELECT FROM message WHERE state <> 'DELIVERED'") == []

            async with working(stage, database):
                await until(through)
            [claims] = await stage.fetch("SELECT last_value FROM claims")
            assert claims["last_value"] > 1
            rows = await stage.fetch("SELECT outcome FROM attempt ORDER BY number")
            outcomes = [row["outcome"] for row in rows]
            assert outcomes[-1] == "DELIVERED"
            assert "FAILED" not in outcomes
            figures = {each.name: each.values for each in stage.platform.figures.series()}
            assert figures["ferryman_deliveries_in_flight"] == (0.0,)

    asyncio.run(scene())


@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_worker_gives_back_what_it_has_and_that_costs_no_attempt(
    database: str, tmp_path: Path, acknowledged: bool
) -> None:
    async def scene() -> None:
        async with staged(database, tmp_path) as stage:
            transfer_id = await stage.begin()
            worker, other = stage.worker(), stage.worker()
            mine = (await worker.take_only()).message
            await workers.give_back(stage.platform, other.worker_id, mine)
            [row] = await stage.fetch("SELECT worker_id FROM message")
            assert row["worker_id"] == worker.worker_id
            if acknowledged:
                await stage.acknowledge(transfer_id, str(mine.message_id))
            await workers.give_back(stage.platform, worker.worker_id, mine)
            [row] = await stage.fetch("SELECT state, worker_id, attempts FROM message")
            state = "DELIVERED" if acknowledged else "PENDING"
            assert tuple(row) == (state, None, 0)
            assert len(await other.take()) == (0 if acknowledged else 1)

    asyncio.run(scene())


def test_it_listens_again_when_the_server_is_of_the_right_kind_again(
    database: str, tmp_path: Path
) -> None:
    """A standby that is not promoted yet takes connections, and the address says no to it."""
    role = f"listener_{uuid4().hex[:8]}"
    parts = urlsplit(database)
    query = "&".join(filter(None, (parts.query, "target_session_attrs=read-write")))
    address = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=f"{role}:x@{address}", query=query))

    async def scene() -> None:
        async with staged(database, tmp_path) as stage:
            await stage.fetch(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
            read_only = "default_transaction_read_only"
            await stage.fetch(f"ALTER ROLE {role} SET {read_only} = on")
            try:
                with structlog.testing.capture_logs() as told:
                    async with working(stage, database, listening=url):

                        async def refused() -> bool:
                            return any(
                                each.get("error") == "TargetServerAttributeNotMatched"
                                and each["event"] == "notifications.lost"
                                for each in told
                            )

                        async def listens() -> bool:
                            found = await stage.fetch(
                                "SELECT FROM pg_stat_activity"
                                " WHERE usename = $1 AND query LIKE 'LISTEN%'",
                                role,
                            )
                            return found != []

                        await until(refused)
                        await stage.fetch(f"ALTER ROLE {role} RESET {read_only}")
                        await until(listens)
            finally:
                await stage.fetch(f"DROP ROLE {role}")

    asyncio.run(scene())


def test_a_part_of_a_worker_that_dies_ends_the_worker(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever keeps it starts another; one that records nothing would only hold messages."""

    async def die(_: Recorder) -> None:
        raise ArithmeticError

    monkeypatch.setattr(Recorder, "run", die)

    async def scene() -> None:
        async with staged(database, tmp_path) as stage:
            run = worker.run(stage.platform, SigningKey.generate(), database, asyncio.Event())
            async with asyncio.timeout(120):
                with pytest.raises(ExceptionGroup) as caught:
                    await run
            assert caught.value.subgroup(ArithmeticError) is not None
            assert await stage.fetch("SELECT FROM worker") == [], "it left in order"

    asyncio.run(scene())


def test_a_recorder_says_when_it_is_full_and_when_no_more(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is claimed meanwhile: each result that waits holds what was sent."""
    monkeypatch.setattr(recorder, "_FULL", 3)

    async def scene() -> None:
        async with staged(database, tmp_path) as stage:
            await stage.begin()
            await stage.begin("another agent")
            await stage.begin("a third")
            worker = stage.worker()
            taken = await worker.take()
            eased = asyncio.Event()
            results = Recorder(
                stage.platform,
                worker.known,
                lambda: None,
                eased.set,
                Trouble(stage.platform, worker.worker_id),
            )
            for delivery in taken[:2]:
                results.add(result(delivery, succeeded(duration=0.1)))
            seen = [results.full]
            results.add(result(taken[2], succeeded(duration=0.1)))
            seen.append(results.full)
            running = asyncio.create_task(results.run())
            async with asyncio.timeout(120):
                await eased.wait()
            seen.append(results.full)
            assert seen == [False, True, False]
            running.cancel()
            await asyncio.wait([running])
            assert (await stage.states())["DELIVERED"] == 3

    asyncio.run(scene())
