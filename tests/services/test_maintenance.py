"""What is over goes, in bounded steps; what is live, or may be needed, stays."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from ferryman.domain.outcome import failed, succeeded
from ferryman.services import explain, explain_transfer, maintenance, message, redelivery
from ferryman.services import sweep as sweeps
from ferryman.store import storage
from ferryman.store.database import SQL
from ferryman.vocab import AckStatus, EventType, FailureCause
from ferryman.wire.redelivery import RedeliveryRequest

from .conftest import Play
from .stage import Stage
from .test_deliveries import on_message, plan_of

GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)
TABLES = "attempt timeline message upload app_data transfer container migration mapping_missing"
FINISHED = 20_000


async def counts(stage: Stage) -> Counter[str]:
    """Rows of each table that has any."""
    found: Counter[str] = Counter()
    for table in TABLES.split():
        found[table] = (await stage.fetch(f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608
    return +found


async def settle(stage: Stage, agent: str, status: AckStatus = AckStatus.SUCCESS) -> str:
    """A transfer of three files that ended, all of its messages delivered."""
    transfer_id = await stage.begin(agent)
    files = [await stage.upload(transfer_id) for _ in range(3)]
    await stage.complete_export(transfer_id)
    await stage.acknowledge(transfer_id, *(each.message_id for each in files), status=status)
    await stage.worker().work(GOOD)
    assert (await stage.state(transfer_id)).status.final
    return transfer_id


async def maintain(stage: Stage) -> Counter[str]:
    await sweeps.sweep(stage.platform)
    return +await maintenance.run(stage.platform)


def test_what_ended_long_ago_goes_and_the_rest_stays(
    play: Play[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """First attempts and timeline, later all of it; beside a migration that goes on."""
    monkeypatch.setattr(maintenance, "_BATCH", 2)

    async def scene(stage: Stage) -> None:
        await settle(stage, "old")
        before = await counts(stage)
        await stage.pass_time(timedelta(days=59))
        assert not {"attempts", "messages"} & (await maintain(stage)).keys()
        assert await counts(stage) == before

        await stage.pass_time(timedelta(days=2))
        live = await stage.begin("new")
        await stage.upload(live)
        removed = await maintain(stage)
        assert removed["attempts"] == before["attempt"]
        assert removed["timeline"] == before["timeline"]
        assert removed["messages"] == 0
        left = await counts(stage)
        assert left["message"] == before["message"] + 2
        [view] = await stage.fetch("SELECT message_id FROM message LIMIT 1")
        assert (await message.view(stage.platform, str(view["message_id"]))).attempts == []

        await stage.pass_time(timedelta(days=305))
        await stage.fetch(
            "UPDATE message SET worker_id = $1 WHERE transfer_id = $2", uuid4(), UUID(live)
        )
        removed = await maintain(stage)
        assert removed["migrations"] == removed["transfers"] == 1
        assert removed["messages"] == before["message"]
        left = await counts(stage)
        assert (left["transfer"], left["message"], left["app_data"]) == (1, 2, 1)
        assert (await stage.state(live)).status.value == "IN_PROGRESS"
        assert +await maintenance.run(stage.platform) == Counter()
        report = await sweeps.sweep(stage.platform)
        assert (report.unknown_files, report.missing_files) == (0, 0)

    play(scene)


def test_what_is_owed_keeps_its_migration(play: Play[None]) -> None:
    """However old: a message that waits, and a transfer beside it that never ended."""

    async def scene(stage: Stage) -> None:
        await settle(stage, "old")
        [row] = await stage.fetch("SELECT message_id FROM message LIMIT 1")
        await stage.fetch(
            "UPDATE message SET state = 'PENDING', next_attempt_at = NULL WHERE message_id = $1",
            row["message_id"],
        )
        await stage.pass_time(timedelta(days=400))
        before = await counts(stage)
        assert not (await maintain(stage)).keys() & {"attempts", "messages", "transfers"}
        assert await counts(stage) == before
        await stage.fetch("UPDATE message SET state = 'UNDELIVERED' WHERE state = 'PENDING'")
        assert (await maintain(stage))["migrations"] == 1

    play(scene)


def test_what_must_stay_keeps_nothing_else(
    play: Play[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of those that settled first are of a migration that is not over."""
    monkeypatch.setattr(maintenance, "_PAGE", 1)

    async def stays_and_goes(stage: Stage) -> None:
        stays = [await settle(stage, f"stays {number}") for number in range(3)]
        goes = await settle(stage, "goes")
        await stage.fetch(
            "INSERT INTO transfer (transfer_id, migration_id, app_id, created_at, status,"
            " window_seconds, depends_on)"
            " SELECT gen_random_uuid(), migration_id, app_id, created_at, 'READY',"
            " window_seconds, depends_on FROM transfer WHERE transfer_id = ANY($1)",
            [UUID(each) for each in stays],
        )
        await stage.pass_time(timedelta(days=400))
        await sweeps.sweep(stage.platform)
        await stage.pass_time(timedelta(hours=12))
        removed = await maintain(stage)
        assert removed["migrations"] == 1
        left = await stage.fetch("SELECT transfer_id FROM transfer WHERE settled_at IS NOT NULL")
        assert {str(row["transfer_id"]) for row in left} == set(stays)
        assert goes not in stays

    play(stays_and_goes)


def test_rows_go_also_where_nobody_sweeps(play: Play[None]) -> None:
    """A worker without the files removes them, if nobody did for long."""

    async def scene(stage: Stage) -> None:
        await settle(stage, "old")
        await stage.pass_time(timedelta(days=61))
        await sweeps.maintain(stage.platform, timedelta(days=1))
        assert (await counts(stage))["attempt"] == 0
        await settle(stage, "another")
        await stage.pass_time(timedelta(days=61))
        async with stage.platform.database.transaction() as tx:
            assert await storage.take_maintenance(tx, tx.now), "a sweep began"
        await sweeps.maintain(stage.platform, timedelta(days=1))
        assert (await counts(stage))["attempt"] > 0, "whoever sweeps does it"
        await stage.pass_time(timedelta(days=1))
        await sweeps.maintain(stage.platform, timedelta(days=1))
        assert (await counts(stage))["attempt"] == 0

    play(scene)


def test_explanations_know_of_what_was_removed(play: Play[None]) -> None:
    """A message that was delivered, and one that was given up, each once tried."""

    async def scene(stage: Stage) -> None:
        transfer_id = await settle(stage, "old", AckStatus.FAILED)
        [given_up, delivered, *_] = [
            row["message_id"]
            for row in await stage.fetch("SELECT message_id FROM message WHERE attempts = 1")
        ]
        await stage.fetch(
            "UPDATE message SET state = 'UNDELIVERED', reason = 'it hangs' WHERE message_id = $1",
            given_up,
        )
        await stage.pass_time(timedelta(days=61))
        assert (await maintain(stage))["attempts"] > 0
        told = await explain.explain(stage.platform, str(delivered))
        found = {link.name: link.found for link in told.links}
        assert found["delivery"] == "delivered"
        assert found["attempts"].startswith("1 attempt made")
        whole = await explain_transfer.explain(stage.platform, transfer_id)
        [link] = [link for link in whole.links if link.name == "delivery"]
        assert link.cause == "undelivered", link
        assert "it hangs" in link.found

    play(scene)


def test_rows_stay_until_a_sweep_has_looked_for_their_objects(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await settle(stage, "old")
        await stage.pass_time(timedelta(days=400))
        assert (await maintenance.run(stage.platform))["messages"] == 0
        assert (await maintain(stage))["messages"] == 0, "the sweep has ended the files just now"
        await stage.pass_time(timedelta(hours=12))
        assert (await maintain(stage))["messages"] > 0
        assert (await sweeps.sweep(stage.platform)).unknown_files == 0

    play(scene)


def test_mappings_go_when_their_lives_are_over_and_recorded(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        now = await stage.platform.database.now()
        scope = (await stage.fetch("SELECT migration_scope_id FROM migration_scope LIMIT 1")) or (
            await _scope(stage)
        )
        for number, (namespace, days) in enumerate(
            (("identity:user", 41), ("identity:user", 43), ("jira:issue", 43), ("jira:issue", 759))
        ):
            [row] = await stage.fetch(
                "INSERT INTO mapping_namespace (migration_scope_id, namespace) VALUES ($1, $2)"
                " ON CONFLICT (migration_scope_id, namespace) DO UPDATE SET namespace = $2"
                " RETURNING namespace_id",
                *(scope[0]["migration_scope_id"], namespace),
            )
            for table in ("mapping", "mapping_earlier"):
                await stage.fetch(
                    f"INSERT INTO {table} VALUES ($1, 1, $2, $3, 'c')",  # noqa: S608
                    *(row["namespace_id"], now - timedelta(days=days), f"{namespace}{number}"),
                )
        assert (await maintenance.run(stage.platform))["mappings"] == 4
        for table in ("mapping", "mapping_earlier"):
            rows = await stage.fetch(f"SELECT server_key FROM {table} ORDER BY 1")  # noqa: S608
            assert [row["server_key"] for row in rows] == ["identity:user0", "jira:issue2"]

    play(scene)


async def _scope(stage: Stage) -> Any:
    await stage.release()
    return await stage.fetch("SELECT migration_scope_id FROM migration_scope")


def test_the_queues_own_log_does_not_grow(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        for age in (0, 2):
            await stage.fetch(
                "INSERT INTO pgqueuer_log (created, job_id, status, entrypoint, priority)"
                " SELECT now() - make_interval(days => $1), n, 'successful', 'wake', 0"
                " FROM generate_series(1, 5000) n",
                age,
            )
        assert (await maintenance.run(stage.platform))["queue_log"] == 5000
        [row] = await stage.fetch(
            "SELECT count(*) FROM pgqueuer_log WHERE created < now() - '1h'::interval"
        )
        assert row["count"] == 0

    play(scene)


async def finish_many(stage: Stage, count: int) -> None:
    """So many messages that were delivered and acknowledged, each with an attempt."""
    await stage.fetch(
        "WITH made AS ("
        " INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, state,"
        " attempts, acknowledgement, acknowledged_at, created_at)"
        " SELECT gen_random_uuid(), transfer_id, message.app_id, $2, payload, 'DELIVERED', 1,"
        " 'SUCCESS', $3, $3 FROM (SELECT * FROM message LIMIT 1) message,"
        " generate_series(1, $1) RETURNING message_id)"
        " INSERT INTO attempt (message_id, number, started_at, outcome)"
        " SELECT message_id, 1, $3, 'DELIVERED' FROM made",
        *(count, EventType.UPLOADED.value, await stage.platform.database.now()),
    )


def test_no_hot_statement_reads_finished_messages(play: Play[None]) -> None:
    """Each of them touches a handful of rows beside so many that are finished."""

    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        transfer_id = await stage.begin()
        await worker.work(GOOD)
        await finish_many(stage, FINISHED)
        await stage.fetch("ANALYZE")
        await stage.upload(transfer_id)
        [owed] = await stage.fetch("SELECT * FROM message WHERE state = 'PENDING'")
        now = await stage.platform.database.now()
        ids, nothing = [owed["message_id"]], uuid4()
        app, event = [owed["app_id"]], [owed["event_type"]]
        given_up = SQL.undelivered_page, SQL.undelivered_total
        statements: list[tuple[Any, tuple[object, ...]]] = [
            (SQL.due_lanes, ()),
            (SQL.claim_messages, (app, event, [32], now, nothing)),
            (SQL.lock_messages, (ids,)),
            (SQL.save_messages, (ids, ["PENDING"], [None], [now], [True])),
            (SQL.orphaned_messages, (100,)),
            (SQL.any_in_flight, ()),
            (SQL.count_in_flight, ()),
            (SQL.outstanding_messages, (UUID(transfer_id), 100)),
            (SQL.close_lane, ("no", True, app[0], event[0], now, 100)),
            (SQL.unpark_messages, (now, app[0])),
            (SQL.queue_figures, (now,)),
            (SQL.in_flight_figures, ()),
            (SQL.undelivered_count, (100,)),
            (given_up[1], (None, None, None, None)),
            (given_up[0], (0, None, None, None, None, 100)),
            (given_up[0], (0, app[0], None, None, None, 100)),
            (given_up[0], (0, None, UUID(transfer_id), None, None, 100)),
        ]
        for statement, values in statements:
            nodes = await plan_of(stage, statement, *values)
            what = json.dumps(nodes, indent=1)
            assert on_message(nodes, "Seq Scan") == [], what
            read = sum(
                (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
                for node in nodes
                if node.get("Relation Name") == "message"
            )
            assert read < 100, what

    play(scene)


def test_a_page_of_what_was_given_up_is_not_the_whole(play: Play[None]) -> None:
    """Deep in a long list as well."""

    async def scene(stage: Stage) -> None:
        await stage.begin()
        await stage.worker().work(BAD)
        await finish_many(stage, FINISHED)
        await stage.fetch("UPDATE message SET state = 'UNDELIVERED' WHERE state = 'DELIVERED'")
        await stage.fetch("ANALYZE message")
        wanted = RedeliveryRequest(since=0)
        page = await redelivery.page(stage.platform, "UNDELIVERED", wanted, cursor=None, size=10)
        assert (page.total, len(page.items)) == (FINISHED, 10)
        nodes = await plan_of(
            stage, SQL.undelivered_page, FINISHED // 2, None, None, None, None, 10
        )
        assert on_message(nodes, "Seq Scan") == []
        read = [n["Actual Rows"] for n in nodes if n.get("Relation Name") == "message"]
        assert read == [10]

    play(scene)
