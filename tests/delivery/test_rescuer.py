"""Who is silent is told by the observer's own clock, whatever becomes of the others'."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from ferryman.delivery.rescuer import FailureDetector
from ferryman.services import worker as worker_service
from tests.kit.services import Services
from tests.kit.worker import running_worker, until

ONE, OTHER = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
LIMIT = 10.0


class Observer:
    """An observer whose clock a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self._detector = FailureDetector(lambda: self.seconds)

    def silent(self, after: float, **seen: datetime) -> set[str]:
        """Who is silent of those it sees so many seconds later."""
        self.seconds += after
        names = {UUID(int=number): name for number, name in enumerate(seen)}
        by_id = {worker_id: seen[name] for worker_id, name in names.items()}
        return {names[each] for each in self._detector.silent(by_id, LIMIT)}


def test_a_worker_is_silent_that_was_not_heard_of_for_so_long() -> None:
    observer = Observer()
    assert observer.silent(0, dead=NOON, alive=NOON) == set()
    assert observer.silent(LIMIT / 2, dead=NOON, alive=NOON + SECOND) == set()
    assert observer.silent(LIMIT, dead=NOON, alive=NOON + SECOND) == {"dead"}
    assert observer.silent(LIMIT + 1, dead=NOON, alive=NOON + 2 * SECOND) == {"dead"}


def test_a_clock_that_is_set_back_hides_no_death() -> None:
    """Its last word is of the future, for an hour."""
    observer = Observer()
    observer.silent(0, dead=NOON + HOUR, alive=NOON + HOUR)
    assert observer.silent(LIMIT + 1, dead=NOON + HOUR, alive=NOON) == {"dead"}


def test_a_clock_that_is_set_forward_kills_nobody() -> None:
    observer = Observer()
    observer.silent(0, one=NOON, other=NOON)
    assert observer.silent(1, one=NOON + HOUR, other=NOON) == set(), "not heard of since"
    assert observer.silent(1, one=NOON + HOUR, other=NOON + HOUR) == set()


async def test_a_worker_that_died_before_the_clock_was_set_back_is_relieved(
    services: Services, database: str
) -> None:
    """Its row says that it will be alive in an hour."""
    await services.start_transfer()
    dead = services.worker()
    await dead.claim_one()
    query = "UPDATE worker SET seen_at = now() + interval '1 hour' WHERE worker_id = $1"
    await services.fetch(query, dead.worker_id)

    async def lost() -> bool:
        query = "SELECT FROM attempt WHERE outcome = 'LOST'"
        return await services.fetch(query) != []

    async with running_worker(services, database):
        await until(lost)


async def test_a_worker_that_stopped_in_a_heartbeat_holds_up_no_other(services: Services) -> None:
    """Its session keeps its row locked; whoever waited for that could not send heartbeats."""
    await services.start_transfer()
    stopped = services.worker()
    await stopped.claim_one()
    async with services.platform.database.transaction() as tx:
        lock = "UPDATE worker SET seen_at = seen_at WHERE worker_id = $1"
        await tx.connection.execute(lock, stopped.worker_id)
        assert await worker_service.rescue(services.platform, lambda found: found) == 0
    assert await worker_service.rescue(services.platform, lambda found: found) == 1
    assert await services.fetch("SELECT FROM worker") == []
