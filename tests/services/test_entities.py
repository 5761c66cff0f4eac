"""Indexes follow the manifest, and a page of them costs the same however many values there are."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ferryman.domain import entity as entity_rules
from ferryman.domain import entity_query as query_rules
from ferryman.domain.entity_query import AttributeCondition
from ferryman.domain.key_value import Write
from ferryman.errors import Invalid
from ferryman.kvs_vocab import Comparison
from ferryman.services import entity as entity_service
from ferryman.services import entity_places, key_value_group, purge
from ferryman.services import key_value as key_value_service
from ferryman.services import state as state_service
from ferryman.services.entity import EntitySearch
from ferryman.store import entity as entity_store
from ferryman.store import state as state_store
from ferryman.store.app import AppRow
from ferryman.store.database import SQL, STATEMENTS
from ferryman.wire.state import NewStateEntry, StateLoad
from tests.kit.services import Services
from tests.kit.worker import until

SITE = "https://harbour.example"
TASK = {
    "name": "task",
    "attributes": {"title": {"type": "string"}, "size": {"type": "integer"}},
    "indexes": ["size"],
}


@pytest.fixture
async def app(services: Services) -> AppRow:
    """The app on a site, with an entity."""
    await state_service.load(
        services.platform, services.app.cloud_app_key, StateLoad(site=SITE, entries=[])
    )
    return declaring(services.app, TASK)


def declaring(app: AppRow, *entities: object) -> AppRow:
    manifest = {**(app.manifest or {}), "app": {"storage": {"entities": list(entities)}}}
    return replace(app, site=SITE, manifest=manifest)


async def keep(services: Services, app: AppRow, **sizes: object) -> None:
    for key, size in sizes.items():
        value = json.dumps({"size": size, "title": f"t{size}"}).encode()
        write = Write(entity="task", key=key, value=value)
        await key_value_service.put(services.platform, app, write, secret=False)


async def found(services: Services, app: AppRow, index: str = "size") -> list[str]:
    search = EntitySearch(entity="task", index=index)
    rows, _ = await entity_service.page(services.platform, app, search)
    return [row.key for row in rows]


async def test_a_new_index_has_the_values_there_are(
    services: Services, app: AppRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entity_places, "_VALUES", 2)
    await keep(services, app, a=2, b=1, c=10)
    assert await found(services, app) == ["b", "a", "c"]
    other = declaring(app, {**TASK, "indexes": ["title"]})
    assert await found(services, other, "title") == ["b", "c", "a"]
    with pytest.raises(Invalid, match="kvs_invalid_entity_index"):
        await found(services, other)
    await keep(services, other, d=0)
    assert await found(services, app) == ["d", "b", "a", "c"]
    kept = await services.fetch("SELECT DISTINCT index_name FROM app_value_place")
    assert [row["index_name"] for row in kept] == ["size"]


async def test_values_of_another_type_wait_outside_an_index(
    services: Services, app: AppRow
) -> None:
    """And those of an entity that is declared no more, until it is again."""
    await keep(services, app, a=2)
    texts = {"size": {"type": "string"}, "title": {"type": "string"}}
    await keep(services, declaring(app, {**TASK, "attributes": texts}), b="x")
    assert await found(services, app) == ["a", "b"]
    other = declaring(app, {**TASK, "name": "other"})
    with pytest.raises(Invalid, match="kvs_invalid_entity_name"):
        await found(services, other)
    await key_value_service.put(
        services.platform, other, Write(entity="other", key="o", value=b"{}"), secret=False
    )
    assert await found(services, app) == ["a", "b"]


async def test_writers_of_two_versions_leave_the_indexes_whole(
    services: Services, app: AppRow
) -> None:
    """While an app is registered again, calls of both versions may run."""
    other = declaring(app, {**TASK, "indexes": ["title"]})

    async def write(version: AppRow, letter: str) -> None:
        for number in range(5):
            await keep(services, version, **{f"{letter}{number}": number})

    await asyncio.gather(*(write(app, "a"), write(other, "b"), write(app, "c"), write(other, "d")))
    keys = sorted(f"{letter}{number}" for letter in "abcd" for number in range(5))
    search = EntitySearch(entity="task", index="size", limit=100)
    rows, _ = await entity_service.page(services.platform, app, search)
    assert sorted(row.key for row in rows) == keys


async def test_deletions_wait_for_values_that_are_placed_again(
    services: Services, app: AppRow
) -> None:
    """Each would wait for the other: one for the places, the other for the values."""
    platform, entity = services.platform, key_value_service.entities_of(app).get("task")
    await keep(services, app, a=1, b=2)
    over = Write(entity="task", key="over", value=b"{}", lifetime=timedelta(minutes=1))
    await key_value_service.put(platform, app, over, secret=False)
    await services.advance(timedelta(minutes=2))

    async def expire() -> int:
        async with platform.database.transaction() as tx:
            return await state_store.remove_expired(tx, 10)

    async def waits() -> bool:
        return bool(await services.fetch("SELECT FROM pg_locks WHERE NOT granted"))

    async with platform.database.transaction() as tx:
        site = await entity_store.hold_all(tx, key_value_service.site_of(app))
        assert site is not None
        await entity_store.clear(tx, site.app_site_id)
        values = await entity_store.values_to_place(tx, site.app_site_id, after=("", ""), size=9)
        deletion = asyncio.create_task(key_value_group.delete(platform, app, [("task", "a")], 10))
        await until(waits)
        assert await expire() == 0
        placed = [(name, entity_rules.places(entity, json.loads(value))) for name, value in values]
        await entity_store.add(tx, site.app_site_id, placed)
    await deletion
    assert await found(services, app) == ["b"]
    assert await expire() == 1


async def test_what_is_deleted_leaves_no_place(services: Services, app: AppRow) -> None:
    await keep(services, app, a=1, b=2)
    await key_value_group.delete(services.platform, app, [("task", "a")], 10)
    assert len(await services.fetch("SELECT FROM app_value_place")) == 1
    await purge.delete_state(services.platform, app.app_id)
    assert await services.fetch("SELECT FROM app_value_place") == []


async def test_a_page_reads_no_more_than_it_has(services: Services, app: AppRow) -> None:
    """Whether the planner knows of the values or not."""
    writes = [
        Write(entity="task", key=f"k{n}", value=json.dumps({"size": n // 3}).encode())
        for n in range(2_000)
    ]
    checked = [key_value_service.checked(app, write) for write in writes]
    await key_value_service.put_all(services.platform, app, checked, secret=False, override=True)
    [row] = await services.fetch("SELECT app_site_id FROM app_site")
    entity = key_value_service.entities_of(app).get("task")
    # In the middle, so that a walk from either end would read ten blocks more.
    where = AttributeCondition("", Comparison.BETWEEN, (320, 330))
    span = query_rules.span(entity, entity.index("size"), (), where)
    given = {
        "app_site_id": row["app_site_id"],
        "app_id": app.app_id,
        "site": SITE,
        "entity": "task",
        "index_name": "size",
        "partition": span.partition,
        "first": span.first,
        "behind": span.behind,
        "size": 3,
        "bytes": 1 << 20,
        "now": await services.platform.database.now(),
    }
    for analysed in (False, True):
        if analysed:
            await services.fetch("ANALYZE app_value, app_value_place")
        for name, after in (
            *(("page_of_index", (span.first, "")), ("page_of_index_back", (span.behind, ""))),
            *(("page_of_values", (b"", "")), ("page_of_values_back", (b"", "\x7f"))),
        ):
            statement = STATEMENTS[name]
            all_values = {**given, "after_place": after[0], "after": after[1], "after_key": ""}
            if name.startswith("page_of_values"):
                all_values |= {"first": "", "behind": "\x7f"}
            values = statement.ordered({each: all_values[each] for each in statement.parameters})
            assert await blocks_read(services, statement.sql, values) <= 16, (name, analysed)


async def blocks_read(services: Services, sql: str, values: list[Any]) -> int:
    """Count the blocks of tables and indexes that a statement reads."""
    async with services.platform.database.transaction() as tx:
        if "spot" in sql:
            await SQL.walk_indexes(tx.connection)
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"
        [row] = await tx.connection.fetch(explain, *values)
    plan = json.loads(row[0])[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def test_what_is_loaded_is_found_and_shown(services: Services, app: AppRow) -> None:
    name = app.cloud_app_key
    await services.fetch(
        "UPDATE app SET manifest = $1 WHERE app_id = $2", json.dumps(app.manifest), app.app_id
    )
    entries = [
        NewStateEntry(key="a", value={"size": 1}, entity="task"),
        NewStateEntry(key="a", value=1),
        NewStateEntry(key="z", value="x", secret=True),
    ]
    load = StateLoad(site=SITE, entries=entries)
    assert (await state_service.load(services.platform, name, load)).stored == 3
    assert await found(services, app) == ["a"]
    shown: list[tuple[str | None, str]] = []
    cursor = None
    while not shown or cursor:
        page = await state_service.page(
            services.platform, name, state_service.StateQuery(), cursor=cursor, size=1
        )
        shown += [(each.entity, each.key) for each in page.items]
        cursor = page.next_cursor
    assert shown == [(None, "a"), ("task", "a"), (None, "z")]
    for entry, code in (
        (NewStateEntry(key="a", value={"size": "1"}, entity="task"), "kvs_invalid_entity_value"),
        (NewStateEntry(key="a", value={}, entity="none"), "kvs_invalid_entity_name"),
        (NewStateEntry(key="a", value={}, entity="task", secret=True), "kvs_invalid_request"),
    ):
        with pytest.raises(Invalid, match=code):
            await state_service.load(services.platform, name, StateLoad(site=SITE, entries=[entry]))
