"""A worker's loop goes on whatever happens to it, and gives each message back."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
import structlog

from ferryman.delivery import recorder, worker_heartbeat
from ferryman.delivery import worker as delivery_worker
from ferryman.delivery.dispatcher import Dispatcher
from ferryman.delivery.recorder import Recorder
from ferryman.delivery.remote import RemoteSender, open_session
from ferryman.delivery.rescuer import Rescuer
from ferryman.delivery.scheduler import Quotas
from ferryman.delivery.sender import NoPlaceError, Sender
from ferryman.delivery.worker_health import WorkerHealth
from ferryman.domain.outcome import Outcome, succeeded
from ferryman.functions.pool import FunctionPool
from ferryman.functions.routes import Route
from ferryman.services import worker as worker_service
from ferryman.services.delivery import Delivery
from ferryman.services.key_ring import KeyRing
from ferryman.tokens import SigningKey
from tests.kit.receiver import receiving
from tests.kit.services import Services, open_services, result
from tests.kit.worker import SECONDS, running_worker, until

from .test_traces import have_listen_at

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


async def first_attempts(
    database: str, folder: Path, before: str, code: str
) -> list[tuple[str, str]]:
    """Outcome and error of the first attempt at `triggered` and at a file, the file's first."""
    async with open_services(database, folder) as services:
        (folder / "cloud-app" / "index.py").write_text(code)
        transfer_id = await services.start_transfer()
        await services.upload(transfer_id)
        async with services.platform.database.transaction() as tx:
            await tx.connection.execute(before)

        async def both_ended() -> bool:
            return len(await services.fetch("SELECT FROM attempt WHERE number = 1")) == 2

        async with running_worker(services, database):
            await until(both_ended)
        assert await services.fetch("SELECT FROM message WHERE worker_id IS NOT NULL") == []
        assert await services.fetch("SELECT FROM worker") == [], "it left in order"
        rows = await services.fetch(
            "SELECT outcome, error FROM attempt JOIN message USING (message_id)"
            " WHERE number = 1 ORDER BY position DESC"
        )
        return [(row["outcome"], row["error"] or "") for row in rows]


async def test_an_outcome_that_cannot_be_recorded_holds_up_nothing(
    database: str, tmp_path: Path
) -> None:
    file, triggered = await first_attempts(database, tmp_path, REFUSE, TELLS)
    assert triggered == ("DELIVERED", "")
    assert file == ("FAILED", "its outcome could not be recorded: RaiseError")


async def test_a_message_that_cannot_even_be_prepared_has_failed(
    database: str, tmp_path: Path
) -> None:
    spoil = "UPDATE message SET payload = payload - 'migrationDetails' WHERE payload ? 'label'"
    file, triggered = await first_attempts(database, tmp_path, spoil, TELLS)
    assert triggered == ("DELIVERED", "")
    assert file == ("FAILED", "the worker failed: ValidationError")


SLEEPS = """\
def run(event, context):
    import time
    time.sleep(60)
"""


async def test_what_a_worker_held_that_was_cut_off_is_free_at_once(
    services: Services, database: str, tmp_path: Path
) -> None:
    (tmp_path / "cloud-app" / "index.py").write_text(SLEEPS)
    await services.start_transfer()

    async def held() -> bool:
        return await services.fetch("SELECT FROM message WHERE worker_id IS NOT NULL") != []

    run = delivery_worker.run(
        services.platform, KeyRing(SigningKey.generate()), database, asyncio.Event()
    )
    task = asyncio.create_task(run)
    await until(held)
    task.cancel()
    await asyncio.wait({task})
    assert await held()
    assert await services.fetch("SELECT FROM worker") == []
    # As any other worker does when it looks, however short the silence was.
    with structlog.testing.capture_logs() as told:
        assert await worker_service.rescue(services.platform, lambda _: {}) == 1
    [line] = told
    assert (line["event"], line["number"]) == ("attempt.lost", 1)
    assert line["app"] == services.app.cloud_app_key
    assert line["environment"] == services.app.environment
    assert not await held()
    [attempt] = await services.fetch("SELECT outcome, cause FROM attempt")
    assert (attempt["outcome"], attempt["cause"]) == ("LOST", "worker_died")


async def test_a_notification_during_a_look_is_not_lost(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be of something that the look did not see; the next one is hours away."""
    monkeypatch.setenv("FERRYMAN_HEARTBEAT_SECONDS", "36000")
    monkeypatch.setattr(worker_heartbeat, "_POLL_SECONDS", 3600)
    looks, again = itertools.count(), asyncio.Event()
    rescue = Rescuer.rescue

    async def notified(rescuer: Rescuer) -> None:
        await rescue(rescuer)
        # The notification after connecting may still wake it during its first look.
        if (number := next(looks)) < 3:
            await services.fetch("SELECT pg_notify('ferryman_due', '')")
            await until(heard)
        again.set() if number == 3 else told.clear()

    told = asyncio.Event()
    on_notify = Dispatcher.on_notify

    def noted(each: Dispatcher, payload: str) -> None:
        on_notify(each, payload)
        told.set()

    async def heard() -> bool:
        return told.is_set()

    monkeypatch.setattr(Rescuer, "rescue", notified)
    monkeypatch.setattr(Dispatcher, "on_notify", noted)
    async with open_services(database, tmp_path) as services, running_worker(services, database):
        async with asyncio.timeout(SECONDS):
            await again.wait()


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


async def test_what_was_claimed_too_long_ago_is_given_back_and_claimed_again(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then another worker may have it; here there is none."""
    monkeypatch.setenv("FERRYMAN_HEARTBEAT_SECONDS", "8")
    async with open_services(database, tmp_path) as services:
        await services.start_transfer()
        async with services.platform.database.transaction() as tx:
            await tx.connection.execute(SLOWLY)

        async def through() -> bool:
            return await services.fetch("SELECT FROM message WHERE state <> 'DELIVERED'") == []

        async with running_worker(services, database):
            await until(through)
        [claims] = await services.fetch("SELECT last_value FROM claims")
        assert claims["last_value"] > 1
        rows = await services.fetch("SELECT outcome FROM attempt ORDER BY number")
        outcomes = [row["outcome"] for row in rows]
        assert outcomes[-1] == "DELIVERED"
        assert "FAILED" not in outcomes
        metrics = {each.name: each.values for each in services.platform.metrics.series()}
        assert metrics["ferryman_deliveries_in_flight"] == (0.0,)


@pytest.mark.parametrize("acknowledged", [False, True])
async def test_a_worker_gives_back_what_it_has_and_that_costs_no_attempt(
    services: Services, acknowledged: bool
) -> None:
    transfer_id = await services.start_transfer()
    worker, other = services.worker(), services.worker()
    mine = (await worker.claim_one()).message
    await worker_service.release(services.platform, other.worker_id, mine)
    [row] = await services.fetch("SELECT worker_id FROM message")
    assert row["worker_id"] == worker.worker_id
    if acknowledged:
        await services.acknowledge(transfer_id, str(mine.message_id))
    await worker_service.release(services.platform, worker.worker_id, mine)
    [row] = await services.fetch("SELECT state, worker_id, attempts FROM message")
    state = "DELIVERED" if acknowledged else "PENDING"
    assert tuple(row) == (state, None, 0)
    assert len(await other.claim()) == (0 if acknowledged else 1)


async def test_it_listens_again_when_the_server_is_of_the_right_kind_again(
    database: str, tmp_path: Path
) -> None:
    """A standby that is not promoted yet takes connections, and the address says no to it."""
    role = f"listener_{uuid4().hex[:8]}"
    parts = urlsplit(database)
    query = "&".join(filter(None, (parts.query, "target_session_attrs=read-write")))
    address = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=f"{role}:x@{address}", query=query))
    async with open_services(database, tmp_path) as services:
        await services.fetch(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
        read_only = "default_transaction_read_only"
        await services.fetch(f"ALTER ROLE {role} SET {read_only} = on")
        try:
            with structlog.testing.capture_logs() as told:
                async with running_worker(services, database, listening=url):

                    async def refused() -> bool:
                        return any(
                            each.get("error") == "TargetServerAttributeNotMatched"
                            and each["event"] == "notifications.lost"
                            for each in told
                        )

                    async def listens() -> bool:
                        found = await services.fetch(
                            "SELECT FROM pg_stat_activity"
                            " WHERE usename = $1 AND query LIKE 'LISTEN%'",
                            role,
                        )
                        return found != []

                    await until(refused)
                    await services.fetch(f"ALTER ROLE {role} RESET {read_only}")
                    await until(listens)
        finally:
            await services.fetch(f"DROP ROLE {role}")


async def test_a_part_of_a_worker_that_dies_ends_the_worker(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever keeps it starts another; one that records nothing would only hold messages."""

    async def die(_: Recorder) -> None:
        raise ArithmeticError

    monkeypatch.setattr(Recorder, "run", die)
    async with open_services(database, tmp_path) as services:
        run = delivery_worker.run(
            services.platform, KeyRing(SigningKey.generate()), database, asyncio.Event()
        )
        async with asyncio.timeout(120):
            with pytest.raises(ExceptionGroup) as caught:
                await run
        assert caught.value.subgroup(ArithmeticError) is not None
        assert await services.fetch("SELECT FROM worker") == [], "it left in order"


async def test_a_recorder_says_when_it_is_full_and_when_no_more(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is claimed meanwhile: each result that waits holds what was sent."""
    monkeypatch.setattr(recorder, "_FULL", 3)
    async with open_services(database, tmp_path) as services:
        await services.start_transfer()
        await services.start_transfer("another agent")
        await services.start_transfer("a third")
        worker = services.worker()
        taken = await worker.claim()
        eased = asyncio.Event()
        results = Recorder(
            services.platform,
            worker.known,
            lambda: None,
            eased.set,
            WorkerHealth(services.platform, worker.worker_id),
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
        assert (await services.message_states())["DELIVERED"] == 3


async def test_a_message_that_finds_no_place_is_given_back_without_an_attempt(
    services: Services, database: str
) -> None:
    """All hosts are taken by others; the message is due again as if nothing had happened."""
    await services.start_transfer()
    stop, quotas = asyncio.Event(), Quotas(at_once=9, places=1, share=1, starts=1, hosts=1)
    async with open_session(private=True) as session, FunctionPool(concurrency=1) as functions:
        sender = LateSender(
            services.platform,
            KeyRing(SigningKey.generate()),
            functions=functions,
            remotes=RemoteSender(session),
            environ={},
        )
        async with functions.place():
            run = delivery_worker.work(services.platform, database, stop, sender, functions, quotas)
            task = asyncio.create_task(run)
            await sender.refused.wait()
        async with asyncio.timeout(SECONDS):
            await sender.sent.wait()
        stop.set()
        await task
    [attempt] = await services.fetch("SELECT number, outcome FROM attempt")
    assert (attempt["number"], attempt["outcome"]) == (1, "DELIVERED")


class LateSender(Sender):
    """Its claims are always as old as they may be."""

    refused: asyncio.Event
    sent: asyncio.Event

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.refused, self.sent = asyncio.Event(), asyncio.Event()

    async def send(
        self, delivery: Delivery, until: float = 0.0, begun: Callable[[], None] = lambda: None
    ) -> tuple[tuple[Route, Outcome], ...]:
        try:
            now = asyncio.get_running_loop().time()
            found = await super().send(delivery, until if self.refused.is_set() else now, begun)
        except NoPlaceError:
            self.refused.set()
            raise
        self.sent.set()
        return found


async def test_a_claim_that_became_too_old_is_not_posted(services: Services) -> None:
    """Reading the keys may take long, and another worker may have the message by then."""
    with receiving() as inbox:
        await have_listen_at(services, inbox.url)
        await services.start_transfer()
        delivery = await services.worker().claim_one()
        async with open_session(private=True) as session, FunctionPool(concurrency=1) as functions:
            sender = Sender(
                services.platform,
                KeyRing(SigningKey.generate()),
                functions=functions,
                remotes=RemoteSender(session),
                environ={},
            )
            with pytest.raises(NoPlaceError):
                await sender.send(delivery, asyncio.get_running_loop().time() - 1)
        assert inbox.received == []
