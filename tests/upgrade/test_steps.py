"""Schema steps: what they do, what they leave to processes of the version before, who waits."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from ferryman.errors import OutsideError
from ferryman.store import history as history_store
from ferryman.store import schema_migration
from ferryman.store.database import SQL
from ferryman.store.schema_migration import migrate, steps
from ferryman.store.schema_step import TableEffect, schema_step
from tests.docs.pages import ROOT
from tests.kit.version import RELEASED as VERSIONS
from tests.store.catalog import Catalog, catalog
from tests.store.test_schema_migration import RELEASED
from tools.schema_steps import FILE, effects, formatted

MIGRATIONS = list(history_store.MIGRATIONS)

UNRELEASED = ROOT / "docs" / "releases" / "unreleased.md"


def names_of(found: Catalog, kinds: str) -> set[str]:
    """Return the names of tables (r) and views (v)."""
    return {row[0] for row in found["relations"] if row[1] in kinds}


def taken_away(before: Catalog, after: Catalog, tables: set[str]) -> set[str]:
    """Return what a step takes from statements on these tables that were right before it."""
    old = {(row[0], row[1]): row for row in before["columns"] if row[0] in tables}
    new = {(row[0], row[1]): row for row in after["columns"] if row[0] in tables}
    found = {f"- column {table}.{name}" for table, name in old.keys() - new.keys()}
    for (table, name), row in new.items():
        was = old.get((table, name))
        given = row[3] and row[4] is None and row[5] == ""
        could_be_left_out = was is None or not (was[3] and was[4] is None and was[5] == "")
        if given and could_be_left_out:
            found.add(f"+ column {table}.{name} must be given")
        if was is not None and was[2] != row[2]:
            found.add(f"* column {table}.{name} was {was[2]}")
    was_there, is_there = (
        {(row[0], row[1], row[2]) for row in each["constraints"] if row[0] in tables}
        for each in (before, after)
    )
    found |= {f"- constraint {table} {name}" for table, name, _ in was_there - is_there}
    found |= {f"+ constraint {table} {name}" for table, name, _ in is_there - was_there}
    found |= {f"- table {name}" for name in tables - names_of(after, "r")}
    found |= {f"- view {name}" for name in names_of(before, "v") - names_of(after, "v")}
    for kind in ("functions", "triggers"):
        names = [{str(row[0]) for row in each[kind]} for each in (before, after)]
        found |= {f"- {kind[:-1]} {name}" for name in names[0] - names[1]}
    return found


@pytest.fixture
async def empty(empty_database: str) -> AsyncIterator[Any]:
    connection: Any = await asyncpg.connect(empty_database)
    try:
        yield connection
    finally:
        await connection.close()


async def apply(connection: Any, name: str) -> None:
    """Apply one step as it would be, without waiting for anybody."""
    async with connection.transaction():
        await SQL.create_schema_history(connection)
        await connection.execute(history_store.MIGRATIONS[name].read_text())
        await SQL.note_migration(connection, name=name)


async def test_what_the_steps_do_is_what_the_file_says(empty: Any) -> None:
    """``python -m tools.schema_steps`` writes it again."""
    assert formatted(await effects(empty)) == FILE.read_text()


async def test_a_step_takes_nothing_away_unless_its_name_says_so(empty: Any) -> None:
    """A step called ``NNNN_contract_…`` comes a release after the last use of it (ADR 95)."""
    for name in RELEASED:
        await apply(empty, name)
    before = await catalog(empty)
    # Tables that came later are used by no released version.
    tables = names_of(before, "r")
    for name in MIGRATIONS[len(RELEASED) :]:
        await apply(empty, name)
        after = await catalog(empty)
        if not re.match(r"\d{4}_contract_", name):
            assert taken_away(before, after, tables) == set(), name
        before = after


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("ALTER TABLE worker DROP COLUMN error", "- column worker.error"),
        ("ALTER TABLE worker ALTER seen_at TYPE text", "* column worker.seen_at was"),
        ("ALTER TABLE worker ADD x int NOT NULL", "+ column worker.x must be given"),
        ("ALTER TABLE worker ADD CHECK (true)", "+ constraint worker worker_check"),
        ("DROP TABLE worker CASCADE", "- table worker"),
    ],
)
async def test_what_is_taken_away_is_found(empty: Any, change: str, found: str) -> None:
    await migrate(empty)
    before = await catalog(empty)
    await empty.execute(change)
    gone = taken_away(before, await catalog(empty), names_of(before, "r"))
    assert any(each.startswith(found) for each in gone)


async def test_a_step_that_waits_holds_up_nobody(empty: Any, empty_database: str) -> None:
    """Without a limit, all who come after it would wait for the transaction that it waits for."""
    await apply(empty, MIGRATIONS[0])
    reader: Any = await asyncpg.connect(empty_database)
    other: Any = await asyncpg.connect(empty_database)
    try:
        reading = reader.transaction()
        await reading.start()
        await reader.execute("SELECT FROM app_data")
        upgrade = asyncio.create_task(migrate(empty, patience=100))
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))"
        while not await other.fetchval(waiting, reader.get_server_pid()):
            assert not upgrade.done()
            await asyncio.sleep(0.02)
        await other.execute("SELECT FROM app_data")
        assert not upgrade.done()
        await reading.rollback()
        assert await upgrade == MIGRATIONS[1:]
    finally:
        await reader.close()
        await other.close()


async def test_who_keeps_the_table_is_named(empty: Any, empty_database: str) -> None:
    await apply(empty, MIGRATIONS[0])
    reader: Any = await asyncpg.connect(
        empty_database, server_settings={"application_name": "report"}
    )
    try:
        async with reader.transaction():
            await reader.execute("SELECT FROM app_data")
            with pytest.raises(OutsideError) as refused:
                await migrate(empty, patience=0)
            pid = await reader.fetchval("SELECT pg_backend_pid()")
        assert refused.value.code == "schema_step_blocked"
        for fact in ("app_data", MIGRATIONS[1], str(pid), "'report'"):
            assert fact in str(refused.value)
        assert await migrate(empty, patience=0) == MIGRATIONS[1:]
    finally:
        await reader.close()


async def test_a_statement_that_takes_too_long_leaves_nothing(
    empty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow:
        """A step whose statement does not end."""

        def read_text(self) -> str:
            return "-- Slow\nCREATE TABLE half (); SELECT pg_sleep(600)"

    await migrate(empty)
    monkeypatch.setitem(history_store.MIGRATIONS, "9999_slow.sql", Slow())
    with pytest.raises(OutsideError) as refused:
        [name async for name in steps(empty, statement_seconds=0.05)]
    assert refused.value.code == "schema_step_cut_off"
    assert "9999_slow.sql" in refused.value.expected
    assert await empty.fetchval("SELECT to_regclass('half')") is None
    assert (await history_store.read(empty)).missing == ["9999_slow.sql"]


@pytest.mark.parametrize("number", range(1, len(MIGRATIONS)))
async def test_a_session_that_ends_within_a_step_leaves_nothing_of_it(
    empty: Any, empty_database: str, number: int
) -> None:
    """Its work is done and not committed; the next run applies that step and all that follow."""
    for name in MIGRATIONS[:number]:
        await apply(empty, name)
    before = await catalog(empty)
    killed: Any = await asyncpg.connect(empty_database)
    async with empty.transaction():
        # Each step ends in an insert into this table.
        await empty.execute("LOCK TABLE schema_history IN SHARE MODE")
        upgrade = asyncio.create_task(migrate(killed, patience=schema_migration.PATIENCE_SECONDS))
        pid = killed.get_server_pid()
        waits = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $1"
        while await empty.fetchval(waits, pid) != "Lock":
            assert not upgrade.done()
            await asyncio.sleep(0.01)
        assert await empty.fetchval("SELECT pg_terminate_backend($1, 60000)", pid)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await upgrade
    assert await catalog(empty) == before
    assert await migrate(empty, patience=0) == MIGRATIONS[number:]


def unannounced(number: int, effects_of_it: list[TableEffect], page: str) -> list[str]:
    """Return the tables over whose rows a step passes while calls wait, if a page is silent."""
    said = [line for line in page.splitlines() if re.search(rf"\b[Ss]tep {number}\b", line)]
    return [
        effect.table
        for effect in effects_of_it
        if (effect.reads or effect.writes) and effect.stops != "nobody waits"
        if not any(f"`{effect.table}`" in line for line in said)
    ]


def test_who_waits_longer_for_a_larger_table_is_told_so() -> None:
    page = UNRELEASED.read_text()
    for name in MIGRATIONS[len(RELEASED) :]:
        assert unannounced(int(name[:4]), schema_step(name).effects, page) == [], name


def test_a_page_that_does_not_tell_is_found() -> None:
    index = TableEffect("message", "SHARE", reads=True)
    column = TableEffect("transfer", "ACCESS EXCLUSIVE")
    filled = TableEffect("app", "ACCESS EXCLUSIVE", writes=True)
    rows = TableEffect("worker", "ROW EXCLUSIVE", writes=True)
    page = "Step 31 builds an index on `message`.\nStep 3 writes `app`."
    assert unannounced(31, [index, column, filled, rows], page) == ["app"]
    assert unannounced(3, [index, column, filled, rows], page) == ["message"]


def test_the_table_of_releases_names_the_last_step_of_each() -> None:
    table = (ROOT / "docs" / "releases" / "README.md").read_text()
    last = dict(re.findall(r"^\| \[([\w.]+)\]\S* \| (\d+) \|", table, re.MULTILINE))
    assert list(last) == ["unreleased", *reversed(VERSIONS)]
    assert int(last["unreleased"]) == int(MIGRATIONS[-1][:4])
    assert int(last["0.1.0"]) == int(list(RELEASED)[-1][:4])


def test_the_changelog_has_each_version_and_says_nothing_twice() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Unreleased", *reversed(VERSIONS)]
    lines = re.findall(r"^- .+$", text, re.MULTILINE)
    assert sorted(lines) == sorted(set(lines))
