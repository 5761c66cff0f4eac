"""Queues on a real database: who delivers an event, when again, and when it is over."""

import asyncio
import json

import pytest

from ferryman.domain.access import Actor
from ferryman.domain.limits import QUEUE_EVENT_LIFE, QUEUE_WINDOW
from ferryman.domain.outcome import failed, succeeded
from ferryman.errors import NotFound, PlatformError
from ferryman.services import app as app_service
from ferryman.services import app_removal, expunge, maintenance, queue_delivery, queue_list
from ferryman.services import clock as clock_service
from ferryman.services import customer as customer_service
from ferryman.services import queue as queue_service
from ferryman.services import worker as worker_service
from ferryman.services.key_ring import KeyRing
from ferryman.services.queue_list import QueueEventQuery
from ferryman.store import queue_delivery as queue_delivery_store
from ferryman.store.database import STATEMENTS
from ferryman.tokens import SigningKey
from ferryman.vocab import AppKind, FailureCause, Role
from ferryman.wire.app import AppRegistration
from ferryman.wire.customer import CustomerRequest
from tests.kit.queue_worker import PAUSE, Queues
from tests.kit.queues import queue_manifest
from tests.kit.services import Services

ANN = Actor(name="ann", role=Role.ADMIN)
GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.FUNCTION_RAISED, "no room left", duration=0.1)
LATER = failed(
    "after",
    FailureCause.RETRY_REQUESTED,
    "asked",
    duration=0.1,
    retry_context='{"retryReason": "R", "retryData": 7}',
)


async def test_each_event_goes_to_one_worker_oldest_first(services: Services) -> None:
    queues = await Queues.begin(services)
    await queues.push("a", 30)
    await queues.push("b", 30)
    first = await queues.claim(30)
    assert {each.event.job_id for each in first} == {"a"}
    workers = [queues.another_worker() for _ in range(3)]
    for each in workers:
        await each.heartbeat()
    others = await asyncio.gather(*(each.claim(20) for each in workers))
    taken = [each.event.event_id for claimed in others for each in claimed]
    assert len(taken) == len(set(taken)) == 30
    await queues.end(GOOD, *first)
    assert await queues.stats("a") == (30, 0, 0)
    assert await queues.stats("b") == (0, 30, 0)
    assert await queues.claim() == []


async def test_a_worker_that_nobody_heard_of_claims_nothing(services: Services) -> None:
    """Others would take over at once what it begins."""
    queues = await Queues.begin(services)
    await queues.push("a")
    assert await queues.another_worker().claim() == []
    assert len(await queues.claim()) == 1


async def test_events_of_a_key_run_at_most_so_many_at_once(services: Services) -> None:
    """In all queues of the app, whoever claims them; those behind them go ahead."""
    queues = await Queues.begin(services)
    other = queues.another_worker()
    await other.heartbeat()
    await queues.push("limited", 5, key="k", limit=2)
    await queues.push("elsewhere", 5, queue="other", key="k", limit=2)
    await queues.push("free", 3)
    claims = await asyncio.gather(*(each.claim() for each in (queues, other) * 4))
    running = [each for claimed in claims for each in claimed]
    limited = [each for each in running if each.event.concurrency]
    assert len(limited) == 2
    assert sum(each.event.job_id == "free" for each in running) == 3
    assert await queues.claim() == []
    done = 2
    while limited:
        ended = limited.pop()
        owner = queues if ended in [each for c in claims[::2] for each in c] else other
        await owner.end(GOOD, ended)
        new = await queues.claim()
        claims[0].extend(new)
        limited += new
        done += len(new)
        assert len(limited) <= 2
    assert done == 10


FILL = """
INSERT INTO queue_event (queue_event_id, app_site_id, app_id, queue, job_id, body, concurrency_key,
    concurrency_limit, chain, state, pushed_at, due_at)
SELECT gen_random_uuid(), app_site_id, app_id, queue, 'waiting', body, concurrency_key,
    concurrency_limit, chain, 'PENDING', pushed_at, pushed_at
FROM queue_event CROSS JOIN generate_series(1, CAST($1 AS integer)) WHERE job_id = 'running'"""


async def test_a_claim_reads_as_much_however_many_wait_for_a_key(services: Services) -> None:
    """Behind them are events without a key, and of keys that have room; one is due later."""
    queues = await Queues.begin(services)
    await queues.push("running", key="full")
    assert len(await queues.claim()) == 1
    read: dict[str, list[int]] = {"force_custom_plan": [], "force_generic_plan": []}
    await services.fetch(FILL, 300)
    await queues.push("free", 2)
    for key in ("a", "z"):
        await queues.push(key, 3, key=key, limit=2)
    await services.fetch(
        "UPDATE queue_event SET due_at = due_at + interval '1 h' WHERE job_id = 'z'"
    )
    for more in (0, 4_000):
        await services.fetch(FILL, more)
        await services.fetch("ANALYZE queue_event")
        for mode, counts in read.items():
            counts.append(await blocks_of_claim(queues, mode))
    for few, many in read.values():
        assert many < 1.5 * few < 300, read
    claimed = [each.event.job_id for each in await queues.claim()]
    assert sorted(claimed) == ["a", "a", "free", "free"]
    assert await queues.claim() == []


async def blocks_of_claim(queues: Queues, mode: str) -> int:
    """Count the blocks of tables and indexes that a claim reads; it is undone."""
    statement = STATEMENTS["claim_queue_events"]
    async with queues.services.platform.database.connection() as connection:
        undone = connection.transaction()
        await undone.start()
        await connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
        values = statement.ordered(
            {
                "app_ids": [queues.app.app_id],
                "queues": ["usual"],
                "quotas": [8],
                "worker_id": queues.worker_id,
                "now": await queues.services.platform.database.now(),
            }
        )
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.sql}"
        [row] = await connection.fetch(explain, *values)
        await undone.rollback()
    plan = json.loads(row[0])[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def test_a_failed_attempt_comes_again_until_the_day_is_over(services: Services) -> None:
    queues = await Queues.begin(services)
    await queues.push("a")
    [first] = await queues.claim()
    await queues.end(BAD, first)
    assert await queues.claim() == []
    await services.advance(PAUSE)
    [second] = await queues.claim()
    assert (second.event.number, second.event.retry_count) == (2, 0)
    assert second.event.retry_context == '{"retryReason": "FUNCTION_PLATFORM_UNKNOWN_ERROR"}'
    await queues.end(LATER, second)
    await services.advance(QUEUE_WINDOW - 3 * PAUSE)
    [third] = await queues.claim()
    assert third.event.retry_count == 1
    assert third.event.retry_context == LATER.retry_context
    await queues.end(BAD, third)
    await services.advance(PAUSE)
    [fourth] = await queues.claim()
    assert '"retryData": 7' in str(fourth.event.retry_context), "what it last gave stays"
    await queues.end(BAD, fourth)
    assert await queues.stats("a") == (0, 0, 1)
    [event] = await queues.events(job_id="a")
    assert (event.attempts, event.cause, event.error) == (4, "function_raised", "no room left")
    assert event.due_at is None


async def test_what_a_dead_worker_had_is_delivered_again_at_once(services: Services) -> None:
    queues = await Queues.begin(services)
    other = queues.another_worker()
    await other.heartbeat()
    await queues.push("a")
    [lost] = await queues.claim()
    assert await other.rescue() == 0
    await worker_service.sign_off(services.platform, queues.worker_id)
    assert await other.rescue() == 1
    [again] = await other.claim()
    assert (again.event.event_id, again.event.number) == (lost.event.event_id, 2)
    await queues.end(GOOD, lost)
    assert await other.stats("a") == (0, 1, 0), "the outcome of the lost attempt comes too late"
    # If it is lost once more, its consumer may be why.
    await worker_service.sign_off(services.platform, other.worker_id)
    await queues.heartbeat()
    assert await queues.rescue() == 1
    assert await queues.claim() == []
    await services.advance(PAUSE)
    [third] = await queues.claim()
    await queues.end(GOOD, third)
    assert await queues.stats("a") == (1, 0, 0)


async def test_a_claim_whose_answer_was_lost_is_freed_by_its_worker(services: Services) -> None:
    queues = await Queues.begin(services)
    await queues.push("a", 2)
    held, unknown = await queues.claim()
    assert await queues.rescue(held) == 1
    [again] = await queues.claim()
    assert again.event.event_id == unknown.event.event_id
    await queue_delivery.release(services.platform, queues.worker_id, again.event)
    [released] = await queues.claim()
    assert released.event.number == again.event.number, "it was not begun"


async def test_cancelling_stops_what_has_not_started_and_every_retry(services: Services) -> None:
    queues = await Queues.begin(services)
    await queues.push("a", 3)
    running, failing = await queues.claim(2)

    async def cancel(job: str) -> None:
        await queue_service.cancel(services.platform, queues.app, queue="usual", job_id=job)

    await cancel("a")
    assert await queues.stats("a") == (0, 2, 0)
    await queues.end(GOOD, running)
    await queues.end(BAD, failing)
    await cancel("a")
    assert await queues.stats("a") == (1, 0, 0)
    # They count no more towards what the app may hold.
    assert not any(row["body"] for row in await services.fetch("SELECT body FROM queue_event"))
    states = sorted(each.state for each in await queues.events(job_id="a"))
    assert states == ["CANCELLED", "CANCELLED", "DONE"]
    for call in (cancel("b"), queues.stats("b"), queues.stats("a", "other")):
        with pytest.raises(NotFound):
            await call


async def test_a_suspended_app_gets_its_events_when_it_is_resumed(services: Services) -> None:
    queues = await Queues.begin(services)
    await queues.push("a")
    await app_removal.suspend(services.platform, "queue-cloud", ANN)
    assert await queues.claim() == []
    await app_removal.resume(services.platform, "queue-cloud", ANN)
    assert len(await queues.claim()) == 1


@pytest.mark.parametrize(
    ("consumers", "why"),
    [
        ([], "no consumer of the app names the queue usual"),
        (
            [{"key": "c", "queue": "usual", "endpoint": "e"}],
            "the endpoint 'e' of the queue usual has no address",
        ),
    ],
)
async def test_events_end_that_the_app_has_no_consumer_for_any_more(
    services: Services, consumers: list[dict[str, str]], why: str
) -> None:
    queues = await Queues.begin(services)
    await queues.push("a")
    manifest = queue_manifest()
    manifest["modules"]["consumer"] = consumers
    request = AppRegistration(
        kind=AppKind.FORGE,
        server_app_key="queue-server",
        cloud_app_key="queue-cloud",
        manifest=manifest,
        source=services.app.source,
    )
    await app_service.register(services.platform, request)
    assert await queues.claim() == []
    [event] = await queues.events()
    assert event.state == "FAILED"
    assert event.error == why


async def test_the_events_of_a_removed_app_go(services: Services) -> None:
    """Also those that run, whose outcome is then of no use."""
    queues = await Queues.begin(services)
    await queues.push("a", 3)
    [running] = await queues.claim(1)
    await services.fetch("UPDATE transfer SET status = 'CANCELLED', settled_at = now()")
    await app_removal.remove(services.platform, "queue-cloud", ANN)
    await queues.end(BAD, running)
    assert await services.fetch("SELECT FROM queue_event") == []


async def test_the_events_of_a_deleted_customer_go(services: Services) -> None:
    await customer_service.create(services.platform, CustomerRequest(customer="acme"), ANN)
    queues = await Queues.begin(services, "acme")
    await queues.push("a", 3)
    await services.fetch("UPDATE transfer SET status = 'CANCELLED', settled_at = now()")
    keys = KeyRing(SigningKey.generate())
    receipt = await expunge.expunge(services.platform, keys, "acme", ANN)
    assert receipt.deleted["queueEvents"] == 3
    assert await services.fetch("SELECT FROM queue_event") == []


async def test_ended_events_are_kept_for_a_while(services: Services) -> None:
    queues = await Queues.begin(services)
    await queues.push("over")
    await queues.end(GOOD, *await queues.claim())
    await queues.push("waits")
    await services.advance(QUEUE_EVENT_LIFE - PAUSE)
    assert (await maintenance.run(services.platform))["queue_events"] == 0
    await services.advance(2 * PAUSE)
    assert (await maintenance.run(services.platform))["queue_events"] == 1
    assert [each.job_id for each in await queues.events()] == ["waits"]


async def test_a_moved_clock_waits_for_events(services: Services) -> None:
    """Whether they are due or run."""
    queues = await Queues.begin(services)
    async with services.platform.database.reading() as tx:
        assert not await queue_delivery_store.work_due(tx)
    await queues.push("a")
    with pytest.raises(PlatformError, match="events of queues due: 1"):
        await clock_service.advance(services.platform, 0, patience=0)
    claimed = await queues.claim()
    with pytest.raises(PlatformError, match="events of queues due: 1"):
        await clock_service.advance(services.platform, 0, patience=0)
    await queues.end(GOOD, *claimed)
    async with services.platform.database.reading() as tx:
        assert not await queue_delivery_store.work_due(tx)


async def test_pages_of_events_are_newest_first(services: Services) -> None:
    queues = await Queues.begin(services)
    for number in range(5):
        await queues.push(f"job {number}")
    jobs: list[str] = []
    cursor = None
    while True:
        page = await queue_list.page(
            services.platform, "queue-cloud", QueueEventQuery(), cursor=cursor, size=2
        )
        jobs += [each.job_id for each in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert jobs == [f"job {number}" for number in (4, 3, 2, 1, 0)]
    assert len(await queues.events(job_id="job 3", queue="usual", state="PENDING")) == 1
    assert await queues.events(queue="other") == []
