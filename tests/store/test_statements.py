"""Statements are found in their files, and their types are those of PostgreSQL."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ferryman.store.database import STATEMENTS
from ferryman.store.statements import load, parse
from tests.docs.pages import ROOT
from tools.statements import FILE, signatures

FOUR = """-- name: rows
SELECT n FROM generate_series(1, :last) AS n;

-- name: row^
SELECT n FROM generate_series(1, :last) AS n;

-- name: value$
SELECT n FROM generate_series(1, :last) AS n;

-- name: command!
SELECT set_config('ferryman.test', :text, false);
"""


async def test_the_written_types_are_current(database: str) -> None:
    """Otherwise run ``python -m tools.statements``."""
    assert await _on(database, signatures) == FILE.read_text()


def test_every_statement_is_used() -> None:
    used = "\n".join(file.read_text() for file in (ROOT / "src").rglob("*.py"))
    assert set(STATEMENTS) - set(re.findall(r"\bSQL\.(\w+)", used)) == set()


@pytest.mark.parametrize(
    ("text", "sql", "parameters"),
    [
        ("SELECT :a, :b, :a;", "SELECT $1, $2, $1", ("a", "b")),
        ("SELECT 'x:a', 'it''s :b', :c::text", "SELECT 'x:a', 'it''s :b', $1::text", ("c",)),
        ("-- About :a; it's one.\nSELECT 1 -- :b\n;", "SELECT 1", ()),
        ("SELECT ':a' -- it's :b\n, :c", "SELECT ':a'\n, $1", ("c",)),
    ],
)
def test_parameters_are_found_where_they_are_no_text(
    text: str, sql: str, parameters: tuple[str, ...]
) -> None:
    assert parse(text) == (sql, parameters)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-- name: rows\nSELECT 1;\n-- name: rows^\nSELECT 2;\n", "two statements rows"),
        ("-- name: rows\nSELECT 1;\n-- name: more#\nSELECT 2;\n", "malformed name after rows"),
        ("SELECT 1;\n-- name: rows\nSELECT 2;\n", "before the first name"),
        ("-- name: rows\nSELECT 1\n-- include: which\n;", r"not included, or not there.*which"),
        ("-- fragment: which\nWHERE 1\n-- name: rows\nSELECT 1;", r"not included, or not.*which"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.sql").write_text(text)
    with pytest.raises(ValueError, match=said):
        load(tmp_path)


def test_statements_of_a_file_share_a_fragment(tmp_path: Path) -> None:
    (tmp_path / "x.sql").write_text(
        "-- fragment: least\n-- Why.\nWHERE n >= :least\n\n"
        "-- name: rows\nSELECT n FROM t\n-- include: least\nLIMIT :size;\n\n"
        "-- name: total$\nSELECT count(*) FROM t\n-- include: least\n;\n"
    )
    shared = {
        name: (" ".join(each.sql.split()), each.parameters) for name, each in load(tmp_path).items()
    }
    assert shared == {
        "rows": ("SELECT n FROM t WHERE n >= $1 LIMIT $2", ("least", "size")),
        "total": ("SELECT count(*) FROM t WHERE n >= $1", ("least",)),
    }


async def test_the_sign_says_what_a_call_answers(tmp_path: Path, database: str) -> None:
    (tmp_path / "x.sql").write_text(FOUR)
    found: dict[str, Any] = {**load(tmp_path)}

    async def run(connection: Any) -> None:
        assert [row["n"] async for row in found["rows"](connection, last=3)] == [1, 2, 3]
        assert (await found["row"](connection, last=3))["n"] == 1
        assert await found["row"](connection, last=0) is None
        assert await found["value"](connection, last=3) == 1
        assert await found["value"](connection, last=0) is None
        assert await found["command"](connection, text="kept") is None
        assert await connection.fetchval("SHOW ferryman.test") == "kept"

    await _on(database, run)


@pytest.mark.parametrize("given", [{}, {"lats": 1}, {"last": 1, "more": 2}])
def test_just_the_parameters_of_a_statement_are_taken(
    tmp_path: Path, given: dict[str, int]
) -> None:
    (tmp_path / "x.sql").write_text(FOUR)
    with pytest.raises(TypeError, match="last"):
        load(tmp_path)["row"].ordered(given)


async def _on(url: str, use: Callable[[Any], Awaitable[Any]]) -> Any:
    connection: Any = await asyncpg.connect(url)
    try:
        return await use(connection)
    finally:
        await connection.close()
