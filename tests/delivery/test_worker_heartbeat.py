"""The heartbeat of a worker: one at a time, beside the claims, which end without a recent one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from ferryman.delivery.worker_heartbeat import WorkerHeartbeat
from ferryman.services import worker as worker_service
from tests.kit.services import Services
from tests.kit.worker import until

TIMEOUT = 8.0


class Beats:
    """Heartbeats that end when told to, on a loop whose clock is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.begun, self.ended = 100.0, 0, 0
        self.ends: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)
        self.heartbeat = WorkerHeartbeat(self._beat, self._end, TIMEOUT)

    async def _beat(self) -> float:
        self.begun += 1
        self.ends = asyncio.get_running_loop().create_future()
        return await self.ends

    def _end(self) -> None:
        self.ended += 1

    async def poll(self) -> None:
        """Do as the dispatcher does each time that something changed."""
        self.heartbeat.check()
        if self.heartbeat.due:
            self.heartbeat.begin()
        await _settle()

    async def end(self, pause: float) -> None:
        self.ends.set_result(pause)
        await _settle()


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def beating(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Beats]:
    with monkeypatch.context() as patch:
        beats = Beats(patch)
        yield beats
        await beats.heartbeat.finish(0)


async def test_the_next_begins_when_the_last_said_and_never_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with beating(monkeypatch) as beats:
        await beats.poll()
        beats.now += 5
        await beats.poll()
        assert (beats.begun, beats.ended, beats.heartbeat.under_way) == (1, 0, True)
        await beats.end(0.5)
        assert beats.ended == 1, "whoever waits is woken up"
        beats.heartbeat.wake()  # something fell due that it may have missed
        await beats.poll()
        assert beats.begun == 2
        await beats.end(0.5)
        await beats.poll()
        assert (beats.begun, beats.heartbeat.under_way) == (2, False)
        assert beats.heartbeat.pause == 0.5
        beats.now += 0.5
        await beats.poll()
        assert beats.begun == 3


async def test_what_is_asked_for_during_one_is_done_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with beating(monkeypatch) as beats:
        await beats.poll()
        beats.heartbeat.wake()
        await beats.poll()
        assert beats.begun == 1
        await beats.end(1)
        await beats.poll()
        assert beats.begun == 2


async def test_claims_begin_only_with_a_recent_one_and_are_sent_for_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others take over from a worker after ``TIMEOUT`` seconds of silence, not before."""
    async with beating(monkeypatch) as beats:
        claims: list[tuple[bool, float]] = [(beats.heartbeat.lets_claim, 0)]
        beats.heartbeat.alive(beats.now)
        for _ in range(5):
            claims.append((beats.heartbeat.lets_claim, beats.heartbeat.claim_ends - 100))
            beats.now += 1
        assert claims == [(False, 0), (True, 4), (True, 5), (True, 6), (True, 6), (False, 6)]


async def test_they_go_on_while_a_claim_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the worker sends would otherwise be sent by others too, once it is silent for long."""
    async with beating(monkeypatch) as beats:
        await beats.poll()
        await beats.end(0.5)
        for begun in (2, 3):
            beats.now += 2
            await _settle()
            assert beats.begun == begun
            beats.now += 20
            await _settle()
            assert beats.begun == begun, "one at a time"
            await beats.end(0.5)


async def test_its_error_is_raised_to_whoever_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    async with beating(monkeypatch) as beats:
        await beats.poll()
        beats.ends.set_exception(ArithmeticError())
        await _settle()
        with pytest.raises(ArithmeticError):
            beats.heartbeat.check()
        assert not beats.heartbeat.under_way
        beats.heartbeat.wake()
        await beats.poll()
        assert beats.begun == 2


async def test_one_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async with beating(monkeypatch) as beats:
        await beats.poll()
        await beats.heartbeat.finish(0)
        assert beats.ends.cancelled()


STOPS_BEFORE_COMMIT = """
CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER wait_for_test AFTER INSERT ON worker DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION wait_for_test();
"""


async def test_a_late_answer_makes_a_worker_no_longer_alive(services: Services) -> None:
    """Others saw the heartbeat when it was committed, and count from then."""
    waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted"

    async def committing() -> bool:
        return await services.fetch(waiting) != []

    async with services.platform.database.transaction() as tx:
        await tx.connection.execute(STOPS_BEFORE_COMMIT)
    async with services.platform.database.transaction() as tx:
        await tx.connection.execute("SELECT pg_advisory_xact_lock(42)")
        beat = asyncio.create_task(worker_service.heartbeat(services.platform, uuid4()))
        await until(committing)
        before_commit = asyncio.get_running_loop().time()
    assert (await beat).before <= before_commit
