"""Claims: every message goes to one worker, and finding it costs the same in any backlog."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from ferryman.domain.outcome import failed, succeeded
from ferryman.services import app as app_service
from ferryman.services import diagnosis
from ferryman.services import worker as worker_service
from ferryman.store.database import SQL
from ferryman.store.delivery import Lane
from ferryman.vocab import AppKind, EventType, FailureCause
from ferryman.wire.app import AppRegistration
from tests.kit.manifests import function_manifest
from tests.kit.services import BACK_OFF, Services, due_lanes

GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)
BACKLOG = 20_000


async def upload_many(services: Services, transfer_id: str, count: int) -> list[str]:
    receipts = await asyncio.gather(*(services.upload(transfer_id) for _ in range(count)))
    return [receipt.message_id for receipt in receipts]


async def multiply(services: Services, count: int, app_id: UUID | None = None) -> None:
    """So many more messages like the first one, of the same app or another."""
    await services.fetch(
        "INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, state,"
        " created_at, next_attempt_at)"
        " SELECT gen_random_uuid(), transfer_id, coalesce($2, app_id), event_type, payload,"
        " 'PENDING', created_at, created_at + number * interval '1 microsecond'"
        " FROM (SELECT * FROM message ORDER BY position LIMIT 1) one,"
        " generate_series(1, $1) number",
        count,
        app_id,
    )
    await services.fetch("ANALYZE message")


async def another_app(services: Services, number: int) -> UUID:
    request = AppRegistration(
        kind=AppKind.FORGE,
        server_app_key=f"other-server-{number}",
        cloud_app_key=f"other-cloud-{number}",
        manifest=function_manifest(),
        source=services.app.source,
    )
    await app_service.register(services.platform, request)
    query = "SELECT app_id FROM app WHERE cloud_app_key = $1"
    app_id: UUID = (await services.fetch(query, request.cloud_app_key))[0][0]
    return app_id


async def test_a_claim_takes_as_many_as_there_is_room_for_oldest_first(services: Services) -> None:
    worker = services.worker()
    transfer_id = await services.start_transfer()
    await worker.deliver_all(GOOD)
    sent = [(await services.upload(transfer_id)).message_id for _ in range(10)]
    first, second = await worker.claim(4), await worker.claim(100)
    assert {str(each.message.message_id) for each in first} == set(sent[:4])
    assert {str(each.message.message_id) for each in second} == set(sent[4:])
    assert await worker.claim() == []


async def test_workers_side_by_side_claim_each_message_once(services: Services) -> None:
    transfers = [await services.start_transfer(f"agent {number}") for number in range(3)]
    for each in transfers:
        await upload_many(services, each, 30)
    workers = [services.worker() for _ in range(5)]
    for outcome in (BAD, GOOD):
        taken: Counter[UUID] = Counter()
        while await due_lanes(services.platform):
            claims = await asyncio.gather(*(worker.claim(7) for worker in workers))
            for worker, claimed in zip(workers, claims, strict=True):
                taken.update(each.message.message_id for each in claimed)
                await worker.record(outcome, *claimed)
        assert len(taken) == 93
        assert set(taken.values()) == {1}
        await services.advance(BACK_OFF)
    assert await services.message_states() == {"DELIVERED": 93}
    rows = await services.fetch("SELECT number, outcome, count(*) FROM attempt GROUP BY 1, 2")
    assert sorted(map(tuple, rows)) == [(1, "FAILED", 93), (2, "DELIVERED", 93)]


async def test_what_another_holds_is_left_to_it(services: Services) -> None:
    worker = services.worker()
    transfer_id = await services.start_transfer()
    await worker.deliver_all(GOOD)
    sent = await upload_many(services, transfer_id, 3)
    async with services.platform.database.transaction() as tx:
        query = "SELECT FROM message WHERE message_id = $1 FOR UPDATE"
        await tx.connection.execute(query, UUID(sent[0]))
        async with asyncio.timeout(60):
            claimed = await worker.claim()
    assert {str(each.message.message_id) for each in claimed} == set(sent[1:])


async def test_acknowledging_against_claiming_never_sends_after_the_acknowledgement(
    services: Services,
) -> None:
    worker = services.worker()
    transfer_id = await services.start_transfer()
    await worker.deliver_all(GOOD)
    for _ in range(8):
        sent = await upload_many(services, transfer_id, 6)
        claimed, _ = await asyncio.gather(worker.claim(), services.acknowledge(transfer_id, *sent))
        for each in claimed:
            [row] = await services.fetch(
                "SELECT acknowledged_at >= claimed_at AS before, worker_id FROM message"
                " WHERE message_id = $1",
                each.message.message_id,
            )
            assert row["worker_id"] == worker.worker_id
        await worker.record(BAD, *claimed)
        assert set(await services.message_states()) == {"DELIVERED"}, "all of it was acknowledged"


async def test_settling_against_recording_blocks_neither(services: Services) -> None:
    """Both write the same messages; in the order of ids, or they would deadlock."""
    for number in range(6):
        worker = services.worker()
        transfer_id = await services.start_transfer(f"agent {number}")
        await worker.deliver_all(GOOD)
        await upload_many(services, transfer_id, 40)
        claimed = await worker.claim()
        await services.advance(timedelta(minutes=15))
        async with asyncio.timeout(60):
            await asyncio.gather(
                worker.record(BAD, *claimed),
                services.fire_timer(transfer_id),
            )
        await worker.deliver_all(GOOD)
        query = "SELECT count(*) FROM message WHERE state = 'PENDING' OR worker_id IS NOT NULL"
        assert (await services.fetch(query))[0][0] == 0


async def test_what_is_acknowledged_before_it_was_sent_is_explained(services: Services) -> None:
    transfer_id = await services.start_transfer()
    sent = await upload_many(services, transfer_id, 4)
    await services.acknowledge(transfer_id, *sent[:3])
    told = await diagnosis.explain_message(services.platform, sent[0])
    found = {link.name: link.found for link in told.links}
    assert told.broken is None
    assert found["delivery"] == "not needed: acknowledged before an attempt got through"
    assert found["acknowledgement"] == "SUCCESS"
    assert await services.worker().deliver_all(GOOD) == 2, "`triggered`, and the unacknowledged"
    told = await diagnosis.explain_message(services.platform, sent[3])
    assert {link.name: link.found for link in told.links}["delivery"] == "delivered"


async def test_a_lane_that_leads_nowhere_is_given_up_visibly(services: Services) -> None:
    await services.start_transfer()
    await services.fetch("UPDATE app SET manifest = jsonb_set(manifest, '{modules,trigger}', '[]')")
    assert await services.worker().deliver_all(GOOD) == 0
    assert await services.message_states() == {"UNDELIVERED": 1}
    kinds = [row["kind"] for row in await services.fetch("SELECT kind FROM timeline")]
    assert kinds.count("message.undelivered") == 1


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for each in plan.get("Plans", []) for node in _nodes(each))]


async def plan_of(services: Services, query: Any, *values: object) -> list[dict[str, Any]]:
    """What PostgreSQL did to carry out a statement."""
    async with services.platform.database.transaction() as tx:
        explained = "EXPLAIN (ANALYZE, FORMAT JSON) " + query.sql
        rows = await tx.connection.fetch(explained, *values)
    return _nodes(json.loads(rows[0][0])[0]["Plan"])


def on_message(nodes: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [n for n in nodes if n["Node Type"] == kind and n.get("Relation Name") == "message"]


async def test_a_backlog_of_one_app_makes_neither_claims_nor_looks_slower(
    services: Services,
) -> None:
    """Both read the index of what is due: as many rows as there is room for, or one a lane."""
    await services.start_transfer()
    await multiply(services, BACKLOG)
    for number in range(3):
        await multiply(services, 10, await another_app(services, number))
    lanes = await due_lanes(services.platform)
    assert len(lanes) == 4

    nodes = await plan_of(services, SQL.due_lanes)
    assert on_message(nodes, "Seq Scan") == []
    assert [n for n in nodes if n["Node Type"] in ("Sort", "Incremental Sort")] == []
    scans = [n for n in nodes if n.get("Index Name") == "message_due"]
    assert scans
    read = sum(n["Actual Rows"] * n["Actual Loops"] for n in scans)
    assert read <= len(lanes), "one row a lane"

    now = await services.platform.database.now()
    nodes = await plan_of(
        services,
        SQL.claim_messages,
        [lane.app_id for lane in lanes],
        [lane.event_type.value for lane in lanes],
        [32] * len(lanes),
        now + timedelta(hours=1),
        services.worker().worker_id,
    )
    assert on_message(nodes, "Seq Scan") == []
    scans = [n for n in nodes if n.get("Index Name") == "message_due"]
    assert scans
    read = sum(n["Actual Rows"] * n["Actual Loops"] for n in scans)
    assert 0 < read <= 32 + 3 * 10, "no more than there is room for"
    for node in nodes:
        if node["Node Type"] in ("Sort", "Incremental Sort"):
            assert node["Actual Rows"] * node["Actual Loops"] <= read


async def test_a_look_says_when_each_lane_is_due(services: Services) -> None:
    worker = services.worker()
    transfer_id = await services.start_transfer()
    triggered = await worker.claim_one()
    await worker.record(BAD, triggered)
    await services.upload(transfer_id)
    sight = await worker_service.heartbeat(services.platform, worker.worker_id)
    app_id = services.app.app_id
    late = sight.due[Lane(app_id, EventType.TRIGGERED)].at - sight.now
    assert timedelta(0) < late <= BACK_OFF
    assert sight.due[Lane(app_id, EventType.UPLOADED)].at <= sight.now
    assert len(sight.due) == 2


async def test_the_messages_of_a_transfer_stand_together(services: Services) -> None:
    """Their ids begin as its own, so that the index of all is written where it was a moment ago."""
    transfer_id = await services.start_transfer()
    found = await upload_many(services, transfer_id, 3)
    assert len(set(found)) == 3
    assert {each[:13] for each in found} == {transfer_id[:13]}
    assert all(str(UUID(each)) == each for each in found)
