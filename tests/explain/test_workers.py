"""When it is the platform itself that does not deliver, the chain says so."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from ferryman.domain.outcome import succeeded
from ferryman.services import diagnosis, health
from ferryman.services import worker as worker_service
from ferryman.store import worker as worker_store
from ferryman.wire.health import Readiness
from ferryman.wire.transfer import Explanation, LinkView, TransferExplanation
from tests.kit.services import Services
from tests.kit.worker import running_worker, until

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


def link(explanation: TransferExplanation | Explanation) -> LinkView:
    """The one that is broken, which is the one of the workers."""
    assert explanation.broken == "workers", explanation
    [found] = [each for each in explanation.links if each.name == "workers"]
    return found


async def first_message(services: Services, transfer_id: str) -> str:
    rows = await services.fetch(
        "SELECT message_id FROM message WHERE transfer_id = $1 ORDER BY position LIMIT 1",
        UUID(transfer_id),
    )
    return str(rows[0]["message_id"])


async def ask(services: Services) -> Readiness:
    return await health.HealthCheck(services.platform).read()


async def test_without_a_worker(services: Services) -> None:
    """Of transfer and message; not before the transfer begins, nor once a worker lives."""
    transfer_id = await services.start_transfer()
    message_id = await first_message(services, transfer_id)
    found = link(await diagnosis.explain_transfer(services.platform, transfer_id))
    assert found.cause == "no_worker"
    assert "for 10 s" in found.found
    assert "ferryman worker" in str(found.fix)
    assert link(await diagnosis.explain_message(services.platform, message_id)).cause == "no_worker"
    await services.worker().heartbeat()
    assert (await diagnosis.explain_transfer(services.platform, transfer_id)).broken is None


async def test_one_that_is_well_is_enough(services: Services) -> None:
    """The others are told of, and break nothing."""
    transfer_id = await services.start_transfer()
    ill, well = services.worker(), services.worker()
    await worker_service.report(services.platform, ill.worker_id, "delivering: RaiseError: no")
    found = link(await diagnosis.explain_transfer(services.platform, transfer_id))
    assert found.cause == "worker_failing"
    await ill.heartbeat()
    assert (await ask(services)).checks["workers"].found.endswith(", 1 failing")
    await well.heartbeat()
    explanation = await diagnosis.explain_transfer(services.platform, transfer_id)
    assert explanation.broken is None
    told = [each.found for each in explanation.links if each.name == "workers"]
    assert told == [f"1 worker well; failing: {ill.worker_id}: delivering: RaiseError: no"]
    assert (await ask(services)).checks["workers"].ok
    await well.deliver_all(succeeded(duration=0.1))
    await worker_service.sign_off(services.platform, well.worker_id)
    done = await diagnosis.explain_message(
        services.platform, await first_message(services, transfer_id)
    )
    assert all(each.name != "workers" for each in done.links), "it is through"


async def test_a_worker_that_fails_at_each_claim(services: Services, database: str) -> None:
    """It lives and says at what it fails, since when, and no more than that."""
    transfer_id = await services.start_transfer()
    await execute(services, REFUSE + NO_CLAIM)
    async with running_worker(services, database):
        await until(lambda: fails(services))
        explanation = await diagnosis.explain_transfer(services.platform, transfer_id)
        found = link(explanation)
        assert found.cause == "worker_failing"
        assert "delivering: RaiseError: no room is left" in found.found
        assert "secret" not in str(explanation)
        message_id = await first_message(services, transfer_id)
        assert link(await diagnosis.explain_message(services.platform, message_id)) == found
        workers_check = (await ask(services)).checks["workers"]
        assert not workers_check.ok
        assert "room" not in workers_check.found, "anybody may read this"
        await execute(services, MEND)
        await until(lambda: through(services))
        assert not await fails(services)
        assert (await diagnosis.explain_transfer(services.platform, transfer_id)).broken is None


async def test_a_worker_that_can_record_nothing(services: Services, database: str) -> None:
    """Once it is fixed, what it held in memory is written down."""
    transfer_id = await services.start_transfer()
    await execute(services, REFUSE + NO_OUTCOME)
    async with running_worker(services, database):
        await until(lambda: fails(services))
        found = link(await diagnosis.explain_transfer(services.platform, transfer_id))
        assert "recording outcomes: RaiseError: no room is left" in found.found
        await execute(services, MEND)
        await until(lambda: through(services))


async def execute(services: Services, statements: str) -> None:
    async with services.platform.database.transaction() as tx:
        await tx.connection.execute(statements)


async def fails(services: Services) -> bool:
    async with services.platform.database.reading() as tx:
        return bool((await worker_store.alive(tx, services.platform.heartbeat_timeout)).failing)


async def through(services: Services) -> bool:
    """Nothing is due, and the worker says that all is well."""
    owed = await services.fetch("SELECT FROM message WHERE state = 'PENDING'")
    return owed == [] and not await fails(services)
