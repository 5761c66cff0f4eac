"""When it is the platform itself that does not deliver, the chain says so."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from ferryman.domain.outcome import succeeded
from ferryman.services import explain, explain_transfer, health
from ferryman.services import worker as workers
from ferryman.store import worker as stored_workers
from ferryman.wire.health import Readiness
from ferryman.wire.transfer import Explanation, Link, TransferExplanation
from tests.delivery.test_dispatcher import until, working
from tests.services.stage import Stage, staged

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no room is left' USING DETAIL = 'a secret row';
END $$;
"""
NO_CLAIM = """
CREATE TRIGGER refuse BEFORE UPDATE OF worker_id ON message
    FOR EACH ROW WHEN (old.worker_id IS NULL) EXECUTE FUNCTION refuse();
"""
NO_OUTCOME = """
CREATE TRIGGER refuse BEFORE INSERT ON attempt FOR EACH ROW EXECUTE FUNCTION refuse();
"""
MEND = "DROP FUNCTION refuse CASCADE"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Errors that are meant: to draw each for a terminal takes longer than all the rest."""
    with capture_logs():
        yield


def link(explanation: TransferExplanation | Explanation) -> Link:
    """The one that is broken, which is the one of the workers."""
    assert explanation.broken == "workers", explanation
    [found] = [each for each in explanation.links if each.name == "workers"]
    return found


async def first_message(stage: Stage, transfer_id: str) -> str:
    rows = await stage.fetch(
        "SELECT message_id FROM message WHERE transfer_id = $1 ORDER BY position LIMIT 1",
        UUID(transfer_id),
    )
    return str(rows[0]["message_id"])


async def ask(stage: Stage) -> Readiness:
    return await health.HealthCheck(stage.platform).read()


def test_without_a_worker(database: str, tmp_path: Path) -> None:
    """Of transfer and message; not before the transfer begins, nor once a worker lives."""

    async def scene() -> None:
        async with staged(database, tmp_path) as stage:
            transfer_id = await stage.begin()
            message_id = await first_message(stage, transfer_id)
            found = link(await explain_transfer.explain(stage.platform, transfer_id))
            assert found.cause == "no_worker"
            assert "for 10 s" in found.found
            assert "ferryman worker" in str(found.fix)
            assert link(await explain.explain(stage.platform, message_id)).cause == "no_worker"
            await stage.worker().look()
            assert (await explain_transfer.explain(stage.platform, transfer_id)).broken is None

    asyncio.run(scene())


def test_one_that_is_well_is_enough(database: str, tmp_path: Path) -> None:
    """The others are told of, and break nothing."""

    async def scene() -> None:
        async with staged(database, tmp_path) as stage:
            transfer_id = await stage.begin()
            ill, well = stage.worker(), stage.worker()
            await workers.tell(stage.platform, ill.worker_id, "delivering: RaiseError: no")
            found = link(await explain_transfer.explain(stage.platform, transfer_id))
            assert found.cause == "worker_failing"
            await ill.look()
            assert (await ask(stage)).checks["workers"].found.endswith(", 1 failing")
            await well.look()
            explanation = await explain_transfer.explain(stage.platform, transfer_id)
            assert explanation.broken is None
            told = [each.found for each in explanation.links if each.name == "workers"]
            assert told == [f"1 worker well; failing: {ill.worker_id}: delivering: RaiseError: no"]
            assert (await ask(stage)).checks["workers"].ok
            await well.work(succeeded(duration=0.1))
            await workers.leave(stage.platform, well.worker_id)
            done = await explain.explain(stage.platform, await first_message(stage, transfer_id))
            assert all(each.name != "workers" for each in done.links), "it is through"

    asyncio.run(scene())


def test_a_worker_that_fails_at_each_claim(database: str, tmp_path: Path) -> None:
    """It lives and says at what it fails, since when, and no more than that."""

    async def scene() -> None:
        async with staged(database, tmp_path) as stage:
            transfer_id = await stage.begin()
            await execute(stage, REFUSE + NO_CLAIM)
            async with working(stage, database):
                await until(lambda: fails(stage))
                explanation = await explain_transfer.explain(stage.platform, transfer_id)
                found = link(explanation)
                assert found.cause == "worker_failing"
                assert "delivering: RaiseError: no room is left" in found.found
                assert "secret" not in str(explanation)
                message_id = await first_message(stage, transfer_id)
                assert link(await explain.explain(stage.platform, message_id)) == found
                workers_check = (await ask(stage)).checks["workers"]
                assert not workers_check.ok
                assert "room" not in workers_check.found, "anybody may read this"
                await execute(stage, MEND)
                await until(lambda: through(stage))
                assert not await fails(stage)
                assert (await explain_transfer.explain(stage.platform, transfer_id)).broken is None

    asyncio.run(scene())


def test_a_worker_that_can_record_nothing(database: str, tmp_path: Path) -> None:
    """Once it is mended, what it held in memory is written down."""

    async def scene() -> None:
        async with staged(database, tmp_path) as stage:
            transfer_id = await stage.begin()
            await execute(stage, REFUSE + NO_OUTCOME)
            async with working(stage, database):
                await until(lambda: fails(stage))
                found = link(await explain_transfer.explain(stage.platform, transfer_id))
                assert "recording outcomes: RaiseError: no room is left" in found.found
                await execute(stage, MEND)
                await until(lambda: through(stage))

    asyncio.run(scene())


async def execute(stage: Stage, statements: str) -> None:
    async with stage.platform.database.transaction() as tx:
        await tx.connection.execute(statements)


async def fails(stage: Stage) -> bool:
    async with stage.platform.database.reading() as tx:
        return bool((await stored_workers.alive(tx, stage.platform.silence)).failing)


async def through(stage: Stage) -> bool:
    """Nothing is owed, and the worker says that all is well."""
    owed = await stage.fetch("SELECT FROM message WHERE state = 'PENDING'")
    return owed == [] and not await fails(stage)
