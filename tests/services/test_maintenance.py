"""What is over goes, in bounded steps; what is live, or may be needed, stays."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from ferryman.domain.outcome import failed, succeeded
from ferryman.services import diagnosis, maintenance, message_list
from ferryman.services import message as message_service
from ferryman.services import sweep as sweep_service
from ferryman.store import storage as storage_store
from ferryman.store.database import SQL
from ferryman.vocab import AckStatus, EventType, FailureCause, MessageState
from tests.kit.services import Services

from .test_deliveries import on_message, plan_of

GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)
TABLES = "attempt timeline message upload app_data transfer container migration mapping_missing"
FINISHED = 20_000


async def counts(services: Services) -> Counter[str]:
    """Rows of each table that has any."""
    found: Counter[str] = Counter()
    for table in TABLES.split():
        found[table] = (await services.fetch(f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608
    return +found


async def settle(services: Services, agent: str, status: AckStatus = AckStatus.SUCCESS) -> str:
    """A transfer of three files that ended, all of its messages delivered."""
    transfer_id = await services.start_transfer(agent)
    files = [await services.upload(transfer_id) for _ in range(3)]
    await services.complete_export(transfer_id)
    await services.acknowledge(transfer_id, *(each.message_id for each in files), status=status)
    await services.worker().deliver_all(GOOD)
    assert (await services.state(transfer_id)).status.final
    return transfer_id


async def maintain(services: Services) -> Counter[str]:
    await sweep_service.sweep(services.platform)
    return +await maintenance.run(services.platform)


async def test_what_ended_long_ago_goes_and_the_rest_stays(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First attempts and timeline, later all of it; beside a migration that goes on."""
    monkeypatch.setattr(maintenance, "_BATCH", 2)
    await settle(services, "old")
    before = await counts(services)
    await services.advance(timedelta(days=59))
    assert not {"attempts", "messages"} & (await maintain(services)).keys()
    assert await counts(services) == before

    await services.advance(timedelta(days=2))
    live = await services.start_transfer("new")
    await services.upload(live)
    removed = await maintain(services)
    assert removed["attempts"] == before["attempt"]
    assert removed["timeline"] == before["timeline"]
    assert removed["messages"] == 0
    left = await counts(services)
    assert left["message"] == before["message"] + 2
    [view] = await services.fetch("SELECT message_id FROM message LIMIT 1")
    assert (await message_service.view(services.platform, str(view["message_id"]))).attempts == []

    await services.advance(timedelta(days=305))
    await services.fetch(
        "UPDATE message SET worker_id = $1 WHERE transfer_id = $2", uuid4(), UUID(live)
    )
    removed = await maintain(services)
    assert removed["migrations"] == removed["transfers"] == 1
    assert removed["messages"] == before["message"]
    left = await counts(services)
    assert (left["transfer"], left["message"], left["app_data"]) == (1, 2, 1)
    assert (await services.state(live)).status.value == "IN_PROGRESS"
    assert +await maintenance.run(services.platform) == Counter()
    report = await sweep_service.sweep(services.platform)
    assert (report.unknown_files, report.missing_files) == (0, 0)


async def test_what_is_owed_keeps_its_migration(services: Services) -> None:
    """However old: a message that waits, and a transfer beside it that never ended."""
    await settle(services, "old")
    [row] = await services.fetch("SELECT message_id FROM message LIMIT 1")
    await services.fetch(
        "UPDATE message SET state = 'PENDING', next_attempt_at = NULL WHERE message_id = $1",
        row["message_id"],
    )
    await services.advance(timedelta(days=400))
    before = await counts(services)
    assert not (await maintain(services)).keys() & {"attempts", "messages", "transfers"}
    assert await counts(services) == before
    await services.fetch("UPDATE message SET state = 'UNDELIVERED' WHERE state = 'PENDING'")
    assert (await maintain(services))["migrations"] == 1


async def test_what_must_stay_keeps_nothing_else(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of those that settled first are of a migration that is not over."""
    monkeypatch.setattr(maintenance, "_PAGE", 1)
    stays = [await settle(services, f"stays {number}") for number in range(3)]
    goes = await settle(services, "goes")
    await services.fetch(
        "INSERT INTO transfer (transfer_id, migration_id, app_id, created_at, status,"
        " window_seconds, depends_on)"
        " SELECT gen_random_uuid(), migration_id, app_id, created_at, 'READY',"
        " window_seconds, depends_on FROM transfer WHERE transfer_id = ANY($1)",
        [UUID(each) for each in stays],
    )
    await services.advance(timedelta(days=400))
    await sweep_service.sweep(services.platform)
    await services.advance(timedelta(hours=12))
    removed = await maintain(services)
    assert removed["migrations"] == 1
    left = await services.fetch("SELECT transfer_id FROM transfer WHERE settled_at IS NOT NULL")
    assert {str(row["transfer_id"]) for row in left} == set(stays)
    assert goes not in stays


async def test_rows_go_also_where_nobody_sweeps(services: Services) -> None:
    """A worker without the files removes them, if nobody did for long."""
    await settle(services, "old")
    await services.advance(timedelta(days=61))
    await sweep_service.maintain(services.platform, timedelta(days=1))
    assert (await counts(services))["attempt"] == 0
    await settle(services, "another")
    await services.advance(timedelta(days=61))
    async with services.platform.database.transaction() as tx:
        assert await storage_store.take_maintenance(tx, tx.now), "a sweep began"
    await sweep_service.maintain(services.platform, timedelta(days=1))
    assert (await counts(services))["attempt"] > 0, "whoever sweeps does it"
    await services.advance(timedelta(days=1))
    await sweep_service.maintain(services.platform, timedelta(days=1))
    assert (await counts(services))["attempt"] == 0


async def test_explanations_know_of_what_was_removed(services: Services) -> None:
    """A message that was delivered, and one that was given up, each once tried."""
    transfer_id = await settle(services, "old", AckStatus.FAILED)
    [given_up, delivered, *_] = [
        row["message_id"]
        for row in await services.fetch("SELECT message_id FROM message WHERE attempts = 1")
    ]
    await services.fetch(
        "UPDATE message SET state = 'UNDELIVERED', reason = 'it hangs' WHERE message_id = $1",
        given_up,
    )
    await services.advance(timedelta(days=61))
    assert (await maintain(services))["attempts"] > 0
    told = await diagnosis.explain_message(services.platform, str(delivered))
    found = {link.name: link.found for link in told.links}
    assert found["delivery"] == "delivered"
    assert found["attempts"].startswith("1 attempt made")
    whole = await diagnosis.explain_transfer(services.platform, transfer_id)
    [link] = [link for link in whole.links if link.name == "delivery"]
    assert link.cause == "undelivered", link
    assert "it hangs" in link.found


async def test_rows_stay_until_a_sweep_has_looked_for_their_objects(services: Services) -> None:
    await settle(services, "old")
    await services.advance(timedelta(days=400))
    assert (await maintenance.run(services.platform))["messages"] == 0
    assert (await maintain(services))["messages"] == 0, "the sweep has ended the files just now"
    await services.advance(timedelta(hours=12))
    assert (await maintain(services))["messages"] > 0
    assert (await sweep_service.sweep(services.platform)).unknown_files == 0


async def test_mappings_go_when_their_lives_are_over_and_recorded(services: Services) -> None:
    now = await services.platform.database.now()
    scope = (await services.fetch("SELECT migration_scope_id FROM migration_scope LIMIT 1")) or (
        await _scope(services)
    )
    for number, (namespace, days) in enumerate(
        (("identity:user", 41), ("identity:user", 43), ("jira:issue", 43), ("jira:issue", 759))
    ):
        [row] = await services.fetch(
            "INSERT INTO mapping_namespace (migration_scope_id, namespace) VALUES ($1, $2)"
            " ON CONFLICT (migration_scope_id, namespace) DO UPDATE SET namespace = $2"
            " RETURNING namespace_id",
            *(scope[0]["migration_scope_id"], namespace),
        )
        for table in ("mapping", "mapping_earlier"):
            await services.fetch(
                f"INSERT INTO {table} VALUES ($1, 1, $2, $3, 'c')",  # noqa: S608
                *(row["namespace_id"], now - timedelta(days=days), f"{namespace}{number}"),
            )
    assert (await maintenance.run(services.platform))["mappings"] == 4
    for table in ("mapping", "mapping_earlier"):
        rows = await services.fetch(f"SELECT server_key FROM {table} ORDER BY 1")  # noqa: S608
        assert [row["server_key"] for row in rows] == ["identity:user0", "jira:issue2"]


async def _scope(services: Services) -> Any:
    await services.create_transfer()
    return await services.fetch("SELECT migration_scope_id FROM migration_scope")


async def finish_many(services: Services, count: int) -> None:
    """So many messages that were delivered and acknowledged, each with an attempt."""
    await services.fetch(
        "WITH made AS ("
        " INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, state,"
        " attempts, acknowledgement, acknowledged_at, created_at)"
        " SELECT gen_random_uuid(), transfer_id, message.app_id, $2, payload, 'DELIVERED', 1,"
        " 'SUCCESS', $3, $3 FROM (SELECT * FROM message LIMIT 1) message,"
        " generate_series(1, $1) RETURNING message_id)"
        " INSERT INTO attempt (message_id, number, started_at, outcome)"
        " SELECT message_id, 1, $3, 'DELIVERED' FROM made",
        *(count, EventType.UPLOADED.value, await services.platform.database.now()),
    )


async def test_no_hot_statement_reads_finished_messages(services: Services) -> None:
    """Each of them touches a handful of rows beside so many that are finished."""
    worker = services.worker()
    transfer_id = await services.start_transfer()
    await worker.deliver_all(GOOD)
    await finish_many(services, FINISHED)
    await services.fetch("ANALYZE")
    await services.upload(transfer_id)
    [owed] = await services.fetch("SELECT * FROM message WHERE state = 'PENDING'")
    now = await services.platform.database.now()
    ids, nothing = [owed["message_id"]], uuid4()
    app, event = [owed["app_id"]], [owed["event_type"]]
    given_up = SQL.undelivered_page
    statements: list[tuple[Any, tuple[object, ...]]] = [
        (SQL.due_lanes, ()),
        (SQL.claim_messages, (app, event, [32], now, nothing)),
        (SQL.lock_messages, (ids,)),
        (SQL.save_messages, (ids, ["PENDING"], [None], [now], [True], [None])),
        (SQL.orphaned_messages, (100,)),
        (SQL.any_in_flight, ()),
        (SQL.count_in_flight, ()),
        (SQL.outstanding_messages, (UUID(transfer_id), 100)),
        (SQL.close_lane, ("no", True, app[0], event[0], now, 100)),
        (SQL.unpark_messages, (now, app[0])),
        (SQL.queue_metrics, (now,)),
        (SQL.in_flight_metrics, ()),
        (SQL.undelivered_count, (100,)),
        (given_up, (0, None, None, None, None, None, None, 100)),
        (given_up, (0, None, None, app[0], None, None, None, 100)),
        (given_up, (0, None, None, None, UUID(transfer_id), None, None, 100)),
    ]
    for statement, values in statements:
        nodes = await plan_of(services, statement, *values)
        what = json.dumps(nodes, indent=1)
        assert on_message(nodes, "Seq Scan") == [], what
        read = sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            for node in nodes
            if node.get("Relation Name") == "message"
        )
        assert read < 100, what


async def test_a_page_of_what_was_given_up_is_not_the_whole(services: Services) -> None:
    """Deep in a long list as well."""
    await services.start_transfer()
    await services.worker().deliver_all(BAD)
    await finish_many(services, FINISHED)
    await services.fetch("UPDATE message SET state = 'UNDELIVERED' WHERE state = 'DELIVERED'")
    await services.fetch("ANALYZE message")
    wanted = message_list.MessageListQuery(state=MessageState.UNDELIVERED)
    page = await message_list.page(services.platform, wanted, size=10)
    assert len(page.items) == 10
    assert page.approximate
    assert 0.9 * FINISHED < (page.total or 0) < 1.1 * FINISHED
    filters: tuple[None, ...] = (None,) * 6
    nodes = await plan_of(services, SQL.undelivered_page, FINISHED // 2, *filters, 10)
    assert on_message(nodes, "Seq Scan") == []
    read = [n["Actual Rows"] for n in nodes if n.get("Relation Name") == "message"]
    assert read == [10]
