"""Loading, finding and paging mappings over a real database; how long they live; what is told."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.domain.mapping import Rows
from ferryman.domain.mapping_lines import Batch, plain_lines
from ferryman.errors import Invalid, LimitExceeded
from ferryman.services import mapping as mapping_service
from ferryman.services import mapping_load, mapping_report
from ferryman.store.database import Transaction
from ferryman.wire.migration import MappingCounts
from tests.kit.services import Services, open_services

Row = tuple[str, str, str]


async def batches(*groups: Iterable[Row]) -> AsyncIterator[Batch]:
    """Yield a batch for each group, as lines if they are plain."""
    for group in groups:
        rows = Rows([], [], [])
        for namespace, server_key, cloud_key in group:
            rows.add([namespace], [server_key], [cloud_key])
        columns = zip(rows.namespaces, rows.server_keys, rows.cloud_keys, strict=True)
        text = "".join(f"{','.join(row)}\n" for row in columns)
        lines = plain_lines(text.encode(errors="replace"))
        yield rows if lines is None or lines.rows() != rows else lines


async def migration_of(services: Services, transfer_id: str) -> str:
    query = "SELECT migration_id FROM transfer WHERE transfer_id = $1"
    return str((await services.fetch(query, UUID(transfer_id)))[0]["migration_id"])


async def load(services: Services, transfer_id: str, *groups: Iterable[Row]) -> MappingCounts:
    migration_id = await migration_of(services, transfer_id)
    return await mapping_load.load(services.platform, migration_id, batches(*groups))


async def find(services: Services, transfer_id: str, namespace: str, *keys: str) -> dict[str, str]:
    return await mapping_service.find(
        services.platform, services.app, transfer_id, namespace, list(keys)
    )


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes_of(part)


async def all_pages(
    services: Services, transfer_id: str, namespace: str, size: int
) -> dict[str, str]:
    found: dict[str, str] = {}
    cursor = None
    while True:
        page = await mapping_service.page(
            services.platform, services.app, transfer_id, namespace, cursor=cursor, size=size
        )
        assert list(page.items) == sorted(page.items)
        assert not found.keys() & page.items.keys()
        found |= page.items
        cursor = page.meta.last_entity
        if not page.meta.has_next:
            return found


ROWS = st.tuples(
    st.sampled_from(["a:b", "jira/classic:project", "ü:船", "x/y/z:e"]),
    st.text("ab9/ü🚢'\\\t", min_size=1, max_size=3),
    st.text("xy\\\n", min_size=1, max_size=2),
)
LOADS = st.lists(st.lists(st.lists(ROWS, min_size=1, max_size=12), max_size=4), max_size=4)


def test_what_was_written_last_is_read(database: str, tmp_path: Path) -> None:
    """Any loads, in any batches: a dictionary knows what is found, paged and counted."""

    async def scene(services: Services, loads: list[list[list[Row]]], size: int) -> None:
        transfer_id = await services.create_transfer()
        await services.fetch("TRUNCATE mapping, mapping_earlier")
        known: dict[tuple[str, str], str] = {}
        for groups in loads:
            counts = await load(services, transfer_id, *groups)
            written = {row[:2]: row[2] for group in groups for row in group}
            known |= written
            assert counts.rows == sum(map(len, groups))
            assert counts.stored == len(written)
        for namespace in {"a:b", *(name for name, _ in known)}:
            expected = {key: cloud for (name, key), cloud in known.items() if name == namespace}
            assert await all_pages(services, transfer_id, namespace, size) == expected
            keys = [*expected, "never"][:100]
            found = await find(services, transfer_id, namespace, *keys)
            assert found == {key: expected[key] for key in keys if key in expected}

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        services = runner.run(stack.enter_async_context(open_services(database, tmp_path)))

        @settings(max_examples=40, deadline=None)
        @given(LOADS, st.integers(1, 5))
        def examples(loads: list[list[list[Row]]], size: int) -> None:
            runner.run(scene(services, loads, size))

        try:
            examples()
        finally:
            runner.run(stack.aclose())


async def test_a_load_with_a_wrong_row_writes_nothing(services: Services) -> None:
    """Neither what came with it nor the batches before it; the row is named by its number."""
    transfer_id = await services.create_transfer()
    good = [("a:b", "1", "x"), ("a:b", "2", "y")]
    for wrong, error in (
        (("nothing", "1", "x"), Invalid),
        (("a:b", "", "x"), Invalid),
        (("a:b", "1", ""), Invalid),
        (("a:b", "\0", "x"), Invalid),
        (("a:b", "\ud800", "x"), Invalid),
        (("a:b", "1", "x" * 2049), LimitExceeded),
        (("a:b", "ü" * 1025, "x"), LimitExceeded),
        (("a:" + "x" * 254, "1", "x"), LimitExceeded),
    ):
        with pytest.raises(error) as refused:
            await load(services, transfer_id, good, [*good, wrong])
        if "too_long" not in refused.value.code or len(wrong[2]) < 2049:
            assert "row 5" in refused.value.found or "surrogate" in refused.value.found
        assert await find(services, transfer_id, "a:b", "1", "2") == {}


async def test_too_many_namespaces(services: Services) -> None:
    transfer_id = await services.create_transfer()
    with pytest.raises(LimitExceeded, match="too_many_namespaces"):
        await load(services, transfer_id, [(f"a:{n}", "1", "x") for n in range(10_001)])


async def test_two_loads_at_once_come_one_after_another(services: Services) -> None:
    """Their values are never mixed, and neither is refused."""
    transfer_id = await services.create_transfer()
    keys = [str(number) for number in range(300)]

    def groups(value: str) -> list[list[Row]]:
        return [[("a:b", key, value) for key in keys[at : at + 50]] for at in range(0, 300, 50)]

    loads = [load(services, transfer_id, *groups(value)) for value in "xyz"]
    counts = await asyncio.gather(*loads)
    assert [count.stored for count in counts] == [300] * 3
    assert len(set((await all_pages(services, transfer_id, "a:b", 500)).values())) == 1


async def test_a_look_up_beside_a_load_waits_for_nothing(services: Services) -> None:
    """It sees all old values until the load ends, and then all new ones."""
    transfer_id = await services.create_transfer()
    keys = [f"{number:03}" for number in range(200)]
    old, new = ([("a:b", key, value) for key in keys] for value in "xy")
    await load(services, transfer_id, old)
    seen: list[dict[str, str]] = []

    async def look() -> None:
        seen.append(await find(services, transfer_id, "a:b", *keys[:99], "more"))
        seen.append(await all_pages(services, transfer_id, "a:b", 150))

    async def halting() -> AsyncIterator[Batch]:
        async for batch in batches(new, [("a:b", "more", "y")], new):
            yield batch
            await look()  # were it to wait for the load, both would wait forever

    await mapping_load.load(services.platform, await migration_of(services, transfer_id), halting())
    await look()
    before, after = dict.fromkeys(keys, "x"), dict.fromkeys(keys, "y")
    head = dict.fromkeys(keys[:99], "x")
    assert seen[:6] == [head, before] * 3
    assert seen[6:] == [dict.fromkeys([*keys[:99], "more"], "y"), after | {"more": "y"}]


async def test_identity_lives_two_weeks_and_products_two_years(services: Services) -> None:
    """Expired ones are in no look-up and no page; writing them again makes them young."""
    user = ("identity:user", "email/ann@x.example", "a1")
    group = ("identity:group", "identity:group:name/crew", "g1")
    await load(services, await services.create_transfer(), [user, group, ("jira:issue", "1", "10")])
    await services.advance(timedelta(days=10))
    await load(services, await services.create_transfer(), [group])
    await services.advance(timedelta(days=4, seconds=1))
    transfer_id = await services.create_transfer()
    assert await find(services, transfer_id, "identity:user", user[1]) == {}
    assert await all_pages(services, transfer_id, "identity:user", 10) == {}
    assert await find(services, transfer_id, "identity:group", group[1]) == {group[1]: "g1"}
    await load(services, transfer_id, [user])
    assert await find(services, transfer_id, "identity:user", user[1]) == {user[1]: "a1"}
    await services.advance(timedelta(days=730 - 15))
    transfer_id = await services.create_transfer()
    assert await find(services, transfer_id, "jira:issue", "1") == {"1": "10"}
    await services.advance(timedelta(days=1))
    transfer_id = await services.create_transfer()
    assert await all_pages(services, transfer_id, "jira:issue", 10) == {}


@pytest.mark.parametrize("analyzed", [False, True])
async def test_pages_walk_the_index(services: Services, analyzed: bool) -> None:
    """No page sorts, and none reads more than itself: deep ones cost what the first costs."""
    transfer_id = await services.create_transfer()
    rows = [("a:b", f"{number:05}", "x") for number in range(20_000)]
    await load(services, transfer_id, rows, [("c:d", key, "x") for _, key, _ in rows])
    scope = (await services.fetch("SELECT migration_scope_id FROM migration_scope"))[0][0]
    if analyzed:
        await services.fetch("ANALYZE mapping")
    for after in ("", "00500", "19000"):
        query = ("c:d", after, datetime(2020, 1, 1, tzinfo=UTC), 1_201)
        async with services.platform.database.transaction() as tx:
            statement, pinned = await function(tx, "mappings_after_key")
            for setting in pinned:
                await tx.connection.execute(f"SET LOCAL {setting}")
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {statement}"
            plan = [await tx.connection.fetchval(explain, scope, *query)]
        nodes = list(nodes_of(msgspec.json.decode(plan[0])[0]["Plan"]))
        scans = [node for node in nodes if node.get("Relation Name") == "mapping"]
        assert [node["Node Type"] for node in scans] == ["Index Scan"]
        assert "server_key >" in scans[0]["Index Cond"]
        assert scans[0]["Actual Rows"] <= 1_201
        assert not [node for node in nodes if "Sort" in node["Node Type"]]


async def function(tx: Transaction, name: str) -> tuple[str, list[str]]:
    """Return the query of a function, by numbered parameters, and the settings it runs with."""
    query = "SELECT prosrc, proconfig FROM pg_proc WHERE proname = $1"
    row = await tx.connection.fetchrow(query, name)
    body = row["prosrc"].partition("BEGIN")[2].partition(";")[0]
    body = body.replace("INTO server_keys, cloud_keys", "")
    for number, parameter in enumerate(("scope", "wanted", "behind", "since", "size"), 1):
        body = re.sub(rf"\b{parameter}\b", f"${number}", body)
    return body, row["proconfig"]


async def test_keys_not_found_are_counted_once(services: Services) -> None:
    """By namespace and form, with samples; what was found is not among them."""
    transfer_id = await services.create_transfer()
    await load(services, transfer_id, [("jira:issue", "1", "10")])
    for _ in range(2):
        await find(services, transfer_id, "jira:issue", "1", "2", "3")
        await find(services, transfer_id, "identity:user", "jsmith", "jira.userkey/ann")
    await find(services, transfer_id, "jira_issue", "1")
    page = await mapping_report.missing_page(services.platform, transfer_id, cursor=None, size=None)
    said = {(each.namespace, each.wrong_form): each for each in page.items}
    assert set(said) == {
        ("identity:user", False),
        ("identity:user", True),
        ("jira:issue", False),
        ("jira_issue", True),
    }
    issues = said["jira:issue", False]
    assert (issues.count, issues.exact, sorted(issues.sample)) == (2, True, ["2", "3"])
    wrong = said["identity:user", True]
    assert (wrong.sample, wrong.nearest) == (["jsmith"], "jira.username/<name>")
    assert "confluence.userkey/<key>" in (wrong.expected or "")
    assert said["jira_issue", True].nearest == "jira:issue"
    first = await mapping_report.missing_page(services.platform, transfer_id, cursor=None, size=3)
    rest = await mapping_report.missing_page(
        services.platform, transfer_id, cursor=first.next_cursor, size=3
    )
    assert [*first.items, *rest.items] == page.items


async def test_what_is_kept_of_missing_keys_is_bounded(services: Services) -> None:
    """However many are asked for: their number is told roughly, and asking again writes nothing."""
    transfer_id = await services.create_transfer()
    asked = [[str(n) for n in range(at, at + 100)] for at in range(0, 6_000, 100)]
    await asyncio.gather(*(find(services, transfer_id, "jira:issue", *keys) for keys in asked[:9]))
    for keys in asked:
        await find(services, transfer_id, "jira:issue", *keys)
    query = "SELECT xmin::text, keys FROM mapping_missing"
    [before] = await services.fetch(query)
    assert len(before["keys"]) == 100
    for keys in asked[:20]:
        await find(services, transfer_id, "jira:issue", *keys)
    assert await services.fetch(query) == [before]
    page = await mapping_report.missing_page(services.platform, transfer_id, cursor=None, size=None)
    assert not page.items[0].exact
    assert 4_200 < page.items[0].count < 7_800
    for number in range(300):
        await find(services, transfer_id, f"x:{number}", "1")
    await find(services, transfer_id, "x:" + "y" * 2_000, "1")
    assert len(await services.fetch("SELECT FROM mapping_missing")) == 200


CONFLUENCE = "confluence.userkey/<key>"
NO_SLASH = [("identity:user", f"a{n}", "x") for n in range(30)]


@pytest.mark.parametrize(
    ("rows", "namespace", "nearest"),
    [
        ([], "identity:user", "jira.username/<name>"),
        ([("identity:user", "confluence.userkey/a", "1")], "identity:user", CONFLUENCE),
        ([*NO_SLASH, ("identity:user", "confluence.userkey/a", "1")], "identity:user", CONFLUENCE),
        ([("identity:user", "trac.username/a", "1")], "identity:user", "trac.username/<name>"),
        ([("identity:user", "trac.username/a", "1")], "identity_user", "identity:user"),
        ([("jira/classic:project", "1", "1")], "jira_project", "jira/classic:project"),
    ],
)
async def test_the_nearest_form_is_one_that_is_loaded(
    services: Services, rows: list[tuple[str, str, str]], namespace: str, nearest: str
) -> None:
    """A Confluence migration has no key of Jira's forms: a key of one would not be found."""
    transfer_id = await services.create_transfer()
    if rows:
        await load(services, transfer_id, rows)
    await find(services, transfer_id, namespace, "jsmith")
    page = await mapping_report.missing_page(services.platform, transfer_id, cursor=None, size=None)
    assert [each.nearest for each in page.items] == [nearest]


async def test_a_load_is_warned_of_with_the_nearest_form_that_is_loaded(services: Services) -> None:
    """By this load or an earlier one."""
    transfer_id = await services.create_transfer()
    bare = ("identity:user", "ann", "a")
    [alone] = (await load(services, transfer_id, [bare])).warnings
    assert alone.nearest == "jira.username/<name>"
    keyed = ("identity:user", "confluence.userkey/ann", "a")
    [same] = (await load(services, transfer_id, [bare, keyed])).warnings
    [later] = (await load(services, transfer_id, [bare])).warnings
    assert same.nearest == later.nearest == CONFLUENCE


async def test_wrong_forms_are_told_at_the_load(services: Services) -> None:
    transfer_id = await services.create_transfer()
    rows = [("jira:issue", "1", "10"), *(("jira:issue", f"HB-{n}", "1") for n in range(30))]
    rows += [("identity:user", "confluence.username/ann", "a"), ("jira:unlisted", "any", "x")]
    counts = await load(services, transfer_id, rows)
    users, issues = counts.warnings
    assert (users.count, users.nearest) == (1, "confluence.userkey/<key>")
    assert (issues.count, len(issues.sample)) == (30, 20)
    assert (await load(services, transfer_id, [("jira:issue", "1", "10")])).warnings == []


async def test_differences_of_two_migrations(services: Services) -> None:
    """Also where a third one wrote in between, and in pages that look at few keys each."""
    old, between, new = [await services.create_transfer() for _ in range(3)]
    await load(services, old, [("a:b", key, "1") for key in "cdgs"], [("x:y", "only", "1")])
    await load(services, between, [("a:b", key, "2") for key in "bcdg"])
    await load(services, new, [("a:b", "a", "3"), ("a:b", "c", "3"), ("a:b", "d", "1")])
    await load(services, new, [("a:b", "s", "1")])
    ids = [await migration_of(services, each) for each in (new, old)]

    async def told(new_id: str, old_id: str, size: int | None) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        cursor = None
        while True:
            page = await mapping_report.differences(
                services.platform, new_id, old_id, cursor=cursor, size=size
            )
            found += [
                (d.kind.value, d.namespace, d.server_key, d.old_cloud_key, d.new_cloud_key)
                for d in page.items
            ]
            cursor = page.next_cursor
            if cursor is None:
                return found

    expected = [
        ("ADDED", "a:b", "a", None, "3"),
        ("CHANGED", "a:b", "c", "1", "3"),
        ("MISSING", "a:b", "g", "1", None),
        ("MISSING", "x:y", "only", "1", None),
    ]
    for size in (None, 1, 2, 3):
        assert await told(ids[0], ids[1], size) == expected
    assert [row[0] for row in await told(ids[1], ids[0], None)] == [
        "MISSING",
        "CHANGED",
        "ADDED",
        "ADDED",
    ]
    assert await told(ids[0], ids[0], None) == []
    await load(services, old, [("a:b", "c", "3")])
    assert await told(ids[0], ids[1], None) == [expected[0], *expected[2:]]
