"""Claims: every message goes to one worker, and finding it costs the same in any backlog."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from ferryman.domain.outcome import failed, succeeded
from ferryman.services import app as app_service
from ferryman.services import explain, transfer
from ferryman.services import worker as workers
from ferryman.store.database import SQL
from ferryman.store.delivery import Lane
from ferryman.vocab import AppKind, EventType, FailureCause
from ferryman.wire.app import AppRegistration
from tests.support import manifest

from .conftest import Play
from .stage import BACK_OFF, Stage, due_lanes

GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)
BACKLOG = 20_000


async def upload_many(stage: Stage, transfer_id: str, count: int) -> list[str]:
    receipts = await asyncio.gather(*(stage.upload(transfer_id) for _ in range(count)))
    return [receipt.message_id for receipt in receipts]


async def multiply(stage: Stage, count: int, app_id: UUID | None = None) -> None:
    """So many more messages like the first one, of the same app or another."""
    await stage.fetch(
        "INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, state,"
        " created_at, next_attempt_at)"
        " SELECT gen_random_uuid(), transfer_id, coalesce($2, app_id), event_type, payload,"
        " 'PENDING', created_at, created_at + number * interval '1 microsecond'"
        " FROM (SELECT * FROM message ORDER BY position LIMIT 1) one,"
        " generate_series(1, $1) number",
        count,
        app_id,
    )
    await stage.fetch("ANALYZE message")


async def another_app(stage: Stage, number: int) -> UUID:
    request = AppRegistration(
        kind=AppKind.FORGE,
        server_app_key=f"other-server-{number}",
        cloud_app_key=f"other-cloud-{number}",
        manifest=manifest(),
        source=stage.app.source,
    )
    await app_service.register(stage.platform, request)
    query = "SELECT app_id FROM app WHERE cloud_app_key = $1"
    app_id: UUID = (await stage.fetch(query, request.cloud_app_key))[0][0]
    return app_id


def test_a_claim_takes_as_many_as_there_is_room_for_oldest_first(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        transfer_id = await stage.begin()
        await worker.work(GOOD)
        sent = [(await stage.upload(transfer_id)).message_id for _ in range(10)]
        first, second = await worker.take(4), await worker.take(100)
        assert {str(each.message.message_id) for each in first} == set(sent[:4])
        assert {str(each.message.message_id) for each in second} == set(sent[4:])
        assert await worker.take() == []

    play(scene)


def test_workers_side_by_side_claim_each_message_once(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfers = [await stage.begin(f"agent {number}") for number in range(3)]
        for each in transfers:
            await upload_many(stage, each, 30)
        workers = [stage.worker() for _ in range(5)]
        for outcome in (BAD, GOOD):
            taken: Counter[UUID] = Counter()
            while await due_lanes(stage.platform):
                claims = await asyncio.gather(*(worker.take(7) for worker in workers))
                for worker, claimed in zip(workers, claims, strict=True):
                    taken.update(each.message.message_id for each in claimed)
                    await worker.record(outcome, *claimed)
            assert len(taken) == 93
            assert set(taken.values()) == {1}
            await stage.pass_time(BACK_OFF)
        assert await stage.states() == {"DELIVERED": 93}
        rows = await stage.fetch("SELECT number, outcome, count(*) FROM attempt GROUP BY 1, 2")
        assert sorted(map(tuple, rows)) == [(1, "FAILED", 93), (2, "DELIVERED", 93)]

    play(scene)


def test_what_another_holds_is_left_to_it(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        transfer_id = await stage.begin()
        await worker.work(GOOD)
        sent = await upload_many(stage, transfer_id, 3)
        async with stage.platform.database.transaction() as tx:
            query = "SELECT FROM message WHERE message_id = $1 FOR UPDATE"
            await tx.connection.execute(query, UUID(sent[0]))
            async with asyncio.timeout(60):
                claimed = await worker.take()
        assert {str(each.message.message_id) for each in claimed} == set(sent[1:])

    play(scene)


def test_acknowledging_against_claiming_never_sends_after_the_acknowledgement(
    play: Play[None],
) -> None:
    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        transfer_id = await stage.begin()
        await worker.work(GOOD)
        for _ in range(8):
            sent = await upload_many(stage, transfer_id, 6)
            claimed, _ = await asyncio.gather(worker.take(), stage.acknowledge(transfer_id, *sent))
            for each in claimed:
                [row] = await stage.fetch(
                    "SELECT acknowledged_at >= claimed_at AS before, worker_id FROM message"
                    " WHERE message_id = $1",
                    each.message.message_id,
                )
                assert row["worker_id"] == worker.worker_id
            await worker.record(BAD, *claimed)
            assert set(await stage.states()) == {"DELIVERED"}, "all of it was acknowledged"

    play(scene)


def test_settling_against_recording_blocks_neither(play: Play[None]) -> None:
    """Both write the same messages; in the order of ids, or they would deadlock."""

    async def scene(stage: Stage) -> None:
        for number in range(6):
            worker = stage.worker()
            transfer_id = await stage.begin(f"agent {number}")
            await worker.work(GOOD)
            await upload_many(stage, transfer_id, 40)
            claimed = await worker.take()
            await stage.pass_time(timedelta(minutes=15))
            [timer] = await stage.wake_jobs(transfer_id, due=True)
            async with asyncio.timeout(60):
                await asyncio.gather(
                    worker.record(BAD, *claimed),
                    transfer.wake(stage.platform, UUID(transfer_id), timer),
                )
            await stage.finish_job(timer)
            await worker.work(GOOD)
            query = "SELECT count(*) FROM message WHERE state = 'PENDING' OR worker_id IS NOT NULL"
            assert (await stage.fetch(query))[0][0] == 0

    play(scene)


def test_what_is_acknowledged_before_it_was_sent_is_explained(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        sent = await upload_many(stage, transfer_id, 4)
        await stage.acknowledge(transfer_id, *sent[:3])
        told = await explain.explain(stage.platform, sent[0])
        found = {link.name: link.found for link in told.links}
        assert told.broken is None
        assert found["delivery"] == "not needed: acknowledged before an attempt got through"
        assert found["acknowledgement"] == "SUCCESS"
        assert await stage.worker().work(GOOD) == 2, "`triggered`, and the one not acknowledged"
        told = await explain.explain(stage.platform, sent[3])
        assert {link.name: link.found for link in told.links}["delivery"] == "delivered"

    play(scene)


def test_a_lane_that_leads_nowhere_is_given_up_visibly(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin()
        await stage.fetch(
            "UPDATE app SET manifest = jsonb_set(manifest, '{modules,trigger}', '[]')"
        )
        assert await stage.worker().work(GOOD) == 0
        assert await stage.states() == {"UNDELIVERED": 1}
        kinds = [row["kind"] for row in await stage.fetch("SELECT kind FROM timeline")]
        assert kinds.count("message.undelivered") == 1

    play(scene)


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for each in plan.get("Plans", []) for node in _nodes(each))]


async def plan_of(stage: Stage, query: Any, *values: object) -> list[dict[str, Any]]:
    """What PostgreSQL did to carry out a statement."""
    async with stage.platform.database.transaction() as tx:
        explained = "EXPLAIN (ANALYZE, FORMAT JSON) " + query.sql
        rows = await tx.connection.fetch(explained, *values)
    return _nodes(json.loads(rows[0][0])[0]["Plan"])


def on_message(nodes: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [n for n in nodes if n["Node Type"] == kind and n.get("Relation Name") == "message"]


def test_a_backlog_of_one_app_makes_neither_claims_nor_looks_slower(play: Play[None]) -> None:
    """Both read the index of what is due: as many rows as there is room for, or one a lane."""

    async def scene(stage: Stage) -> None:
        await stage.begin()
        await multiply(stage, BACKLOG)
        for number in range(3):
            await multiply(stage, 10, await another_app(stage, number))
        lanes = await due_lanes(stage.platform)
        assert len(lanes) == 4

        nodes = await plan_of(stage, SQL.due_lanes)
        assert on_message(nodes, "Seq Scan") == []
        assert [n for n in nodes if n["Node Type"] in ("Sort", "Incremental Sort")] == []
        scans = [n for n in nodes if n.get("Index Name") == "message_due"]
        assert scans
        read = sum(n["Actual Rows"] * n["Actual Loops"] for n in scans)
        assert read <= len(lanes), "one row a lane"

        now = await stage.platform.database.now()
        nodes = await plan_of(
            stage,
            SQL.claim_messages,
            [lane.app_id for lane in lanes],
            [lane.event_type.value for lane in lanes],
            [32] * len(lanes),
            now + timedelta(hours=1),
            stage.worker().worker_id,
        )
        assert on_message(nodes, "Seq Scan") == []
        scans = [n for n in nodes if n.get("Index Name") == "message_due"]
        assert scans
        read = sum(n["Actual Rows"] * n["Actual Loops"] for n in scans)
        assert 0 < read <= 32 + 3 * 10, "no more than there is room for"
        for node in nodes:
            if node["Node Type"] in ("Sort", "Incremental Sort"):
                assert node["Actual Rows"] * node["Actual Loops"] <= read

    play(scene)


def test_a_look_says_when_each_lane_is_due(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        transfer_id = await stage.begin()
        triggered = await worker.take_only()
        await worker.record(BAD, triggered)
        await stage.upload(transfer_id)
        sight = await workers.look(stage.platform, worker.worker_id)
        app_id = stage.app.app_id
        late = sight.due[Lane(app_id, EventType.TRIGGERED)].at - sight.now
        assert timedelta(0) < late <= BACK_OFF
        assert sight.due[Lane(app_id, EventType.UPLOADED)].at <= sight.now
        assert len(sight.due) == 2

    play(scene)


def test_the_messages_of_a_transfer_stand_together(play: Play[None]) -> None:
    """Their ids begin as its own, so that the index of all is written where it was a moment ago."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        found = await upload_many(stage, transfer_id, 3)
        assert len(set(found)) == 3
        assert {each[:13] for each in found} == {transfer_id[:13]}
        assert all(str(UUID(each)) == each for each in found)

    play(scene)
