"""A database that a test used is as good as a new one for the next, or is not used again."""

import asyncio

import pytest

from tests.kit.database import database_url, execute, fetch
from tests.kit.database_pool import DatabasePool

TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
ORDER BY relname"""


@pytest.fixture
def pool(postgres: str, template: str) -> DatabasePool:
    return DatabasePool(postgres, template)


def used(pool: DatabasePool, *statements: str) -> tuple[str, list[str], list[str]]:
    """Its name, and its rows before and after it was used and given back."""
    name = pool.take()
    url = database_url(pool.server, name)
    before = content(url)
    asyncio.run(execute(url, *statements))
    pool.give_back(name)
    return name, before, content(url) if pool.free else []


def content(url: str) -> list[str]:
    """All rows of all tables."""
    tables = [row["relname"] for row in fetch(url, TABLES)]
    query = " UNION ALL ".join(
        f"SELECT '{name} ' || each::text AS row FROM {name} each"  # noqa: S608
        for name in tables
    )
    return sorted(row["row"] for row in fetch(url, query))


def test_rows_and_sequences_are_those_of_a_new_one(pool: DatabasePool) -> None:
    change = "UPDATE clock SET time_offset = interval '1 day', starts = 7"
    row = "INSERT INTO expunge_receipt VALUES (gen_random_uuid(), 'harbour', now(), '{}')"
    name, before, after = used(pool, change, row, "SELECT nextval('timeline_seq_seq')")
    assert before == after
    url = database_url(pool.server, name)
    [number] = fetch(url, "SELECT nextval('timeline_seq_seq') AS seq")
    assert number["seq"] == 1
    assert pool.take() == name
    pool.drop(name)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (id int)",
        "ALTER TABLE message ADD more int",
        "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP INDEX migration_by_age",
        "ANALYZE clock",
    ],
)
def test_what_a_test_changed_for_good_is_dropped(pool: DatabasePool, change: str) -> None:
    name, _, _ = used(pool, change)
    assert pool.free == []
    assert fetch(pool.server, "SELECT FROM pg_database WHERE datname = $1", name) == []
