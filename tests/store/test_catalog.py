"""A schema is compared with another by all that it consists of."""

import re
from importlib.resources import files
from typing import Any

import asyncpg
import pytest

from tests.store.catalog import catalog, differences

TABLE = """
CREATE TABLE thing (thing_id uuid PRIMARY KEY, number integer DEFAULT 1, name text NOT NULL,
    CHECK (number > 0));
CREATE INDEX thing_by_name ON thing (name) WHERE number IS NOT NULL;
CREATE VIEW named AS SELECT thing_id, name FROM thing;
CREATE FUNCTION one() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER first BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION one();
"""

IN_ANOTHER_ORDER = TABLE.replace("name text NOT NULL,", "").replace(
    "(thing_id uuid", "(name text NOT NULL, thing_id uuid"
)


@pytest.fixture
def found(empty_database: str) -> Any:
    """The differences between two schemas, made by statements."""

    async def of(statements: str) -> Any:
        connection: Any = await asyncpg.connect(empty_database)
        try:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(statements)
            made = await catalog(connection)
            await transaction.rollback()
            return made
        finally:
            await connection.close()

    async def both(one: str, other: str) -> list[str]:
        return differences(await of(one), await of(other))

    return both


async def test_columns_may_stand_in_any_order(found: Any) -> None:
    assert IN_ANOTHER_ORDER != TABLE
    assert await found(TABLE, IN_ANOTHER_ORDER) == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("CREATE TABLE other ()", "relations"),
        ("CREATE UNLOGGED TABLE other ()", "relations"),
        ("ALTER TABLE thing SET (fillfactor = 50)", "relations"),
        ("ALTER TABLE thing ADD COLUMN more text", "columns"),
        ("ALTER TABLE thing ALTER COLUMN number TYPE bigint", "columns"),
        ("ALTER TABLE thing ALTER COLUMN number SET DEFAULT 2", "columns"),
        ("ALTER TABLE thing ALTER COLUMN name DROP NOT NULL", "columns"),
        ("ALTER TABLE thing ADD CHECK (name <> '')", "constraints"),
        ("ALTER TABLE thing DROP CONSTRAINT thing_number_check", "constraints"),
        ("DROP INDEX thing_by_name", "indexes"),
        ("DROP INDEX thing_by_name; CREATE INDEX thing_by_name ON thing (name)", "indexes"),
        ("CREATE OR REPLACE VIEW named AS SELECT thing_id, name FROM thing LIMIT 1", "views"),
        ("CREATE SEQUENCE count START 5", "sequences"),
        ("ALTER TABLE thing DISABLE TRIGGER first", "triggers"),
        (
            "CREATE OR REPLACE FUNCTION one() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NULL; END'",
            "functions",
        ),
        ("CREATE TYPE state AS ENUM ('a')", "enums"),
        ("COMMENT ON COLUMN thing.name IS 'its name'", "comments"),
    ],
)
async def test_each_difference_is_found(found: Any, change: str, kind: str) -> None:
    told = await found(TABLE, f"{TABLE}; {change}")
    assert kind in {difference.split()[1].rstrip(":") for difference in told}


def test_statements_name_the_columns_that_they_insert() -> None:
    """So the order of columns means nothing."""
    texts = [file.read_text() for file in (files("ferryman.store") / "sql").iterdir()]
    inserts = [found for text in texts for found in re.findall(r"INSERT INTO [^\n]*", text)]
    assert len(inserts) > 20
    assert [found for found in inserts if not re.match(r"INSERT INTO \w+ \((\w|$)", found)] == []
