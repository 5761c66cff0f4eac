"""Rows of apps' SQL databases: shown by the page, and loaded as they were shown (ADR 112)."""

import asyncio
import base64
import json
from typing import Any

import pytest

from ferryman.domain.access import Actor
from ferryman.errors import Invalid, LimitExceeded, NotAllowed
from ferryman.services import sql as sql_service
from ferryman.services import sql_rows, sql_tables
from ferryman.services.sql_rows import RowsQuery
from ferryman.store.app import AppRow
from ferryman.vocab import Role
from ferryman.wire.state import RowsLoad, StateTable
from tests.kit.services import Services
from tests.kit.sql import MODULE

pytestmark = pytest.mark.processes

HARBOUR, QUAY = "https://harbour.example", "https://quay.example"
ODD = "`it's a ``table`"
TYPES = """CREATE TABLE ODD (
  id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, `the ``f` FLOAT, d DOUBLE, m DECIMAL(30,10),
  b VARBINARY(9), l LONGBLOB, bits BIT(9), j JSON, t DATETIME(6), s TIMESTAMP(3) NULL,
  e ENUM('a','b'), z SET('x','y'), y YEAR, x TEXT, big BIGINT, twice INT AS (bits * 2) VIRTUAL
)"""
LATIN = "CHAR(9) CHARACTER SET latin1 COLLATE"
THREE = "INSERT INTO t VALUES (3), (1), (2)"
FILL = (
    "INSERT INTO ODD (id, `the ``f`, d, m, b, l, bits, j, t, s, e, z, y, x, big) VALUES "
    "(1, 16777.216, 0.1, '12345678901234567890.0123456789', x'00ff', x'27005c', 257, "
    "'{\"a\": [1, null]}', '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05.678', 'b', 'x,y', "
    "2026, 'it''s; \\\\ \\n♥', -9223372036854775808)"
)


@pytest.fixture
def own(services: Services, mariadb_url: str) -> Services:
    """The services with that MariaDB, and an app that may use SQL."""
    services.platform.app_databases._url = mariadb_url
    return services


@pytest.fixture
async def app(own: Services) -> AppRow:
    """The app on the site HARBOUR, registered with the module."""
    app = await own.plan(HARBOUR, modules={"sql": MODULE})
    manifest = json.dumps(app.manifest)
    await own.fetch("UPDATE app SET manifest = $1 WHERE app_id = $2", manifest, app.app_id)
    return app


async def execute(services: Services, app: AppRow, query: str) -> list[bytes] | None:
    query = query.replace("ODD", ODD)
    answer = await sql_service.execute(services.platform, app, query, [], len(query))
    return answer.rows


async def rows(services: Services, site: str, *, size: int = 1_000, **which: str) -> list[Any]:
    """Return all rows of a site by pages: their tables, and their values."""
    found: list[Any] = []
    cursor = None
    while True:
        page = await sql_rows.page(
            services.platform,
            services.app.cloud_app_key,
            RowsQuery(site=site, **which),
            cursor=cursor,
            size=size,
        )
        assert len(page.items) <= size
        assert len(found) < 100, "it never ends"
        found += [(each.table, json.loads(bytes(each.row))) for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


async def tables(services: Services, site: str) -> list[StateTable]:
    name = services.app.cloud_app_key
    return (await sql_tables.page(services.platform, name, site, cursor=None, size=None)).items


async def load(services: Services, table: str, **more: Any) -> tuple[int, bool]:
    site = more.pop("site", QUAY)
    name = services.app.cloud_app_key
    request = RowsLoad(site=site, table=table, **more)
    done = await sql_rows.load(services.platform, name, request)
    return done.stored, done.made


async def test_rows_of_all_types_come_back_as_they_were(own: Services, app: AppRow) -> None:
    await execute(own, app, TYPES)
    await execute(own, app, FILL)
    await execute(own, app, "INSERT INTO ODD (id) VALUES (7)")
    await execute(own, app, "UPDATE ODD SET id = 0 WHERE id = 7")
    await execute(own, app, "CREATE VIEW v AS SELECT id FROM ODD WHERE id > 0")
    shown = await rows(own, HARBOUR)
    assert [row["id"] for _, row in shown] == ["0", "1"]
    assert shown[1][1]["b"] == {"base64": "AP8="}
    assert shown[1][1]["the `f"] == 16777.216796875, "all digits of it"
    listed = await tables(own, HARBOUR)
    assert [(each.table, each.view, each.rows) for each in listed] == [
        ("it's a `table", False, 2),
        ("v", True, None),
    ]
    for each in listed:
        assert await load(own, each.table, definition=each.definition) == (0, True)
    for table, row in shown:
        loaded = await load(own, table, columns=[*row], rows=[[*row.values()]])
        assert loaded == (1, False)
    assert await rows(own, QUAY) == shown
    assert [each.definition for each in await tables(own, QUAY)] == [
        each.definition for each in listed
    ]
    where = await own.plan(QUAY, modules={"sql": MODULE})
    same = "SELECT HEX(l) AS l, bits + 0 AS n, twice AS g FROM ODD WHERE id = 1"
    assert await execute(own, where, same) == await execute(own, app, same)
    assert await execute(own, where, "SELECT * FROM v") == [b'{"id":"1"}']


async def test_half_a_character_is_read_and_loaded(own: Services, app: AppRow) -> None:
    """The server takes it; an app reads what Forge's driver makes of it."""
    default = "c VARCHAR(9) DEFAULT x'eda080'"
    await execute(own, app, f"CREATE TABLE t ({default} PRIMARY KEY, n INT)")
    await execute(
        own, app, "INSERT INTO t VALUES (CONCAT('a', CONVERT(_ucs2 x'D800' USING utf8mb4)), 1)"
    )
    await execute(own, app, "INSERT INTO t VALUES ('b', 2)")
    assert await execute(own, app, "SELECT c FROM t WHERE n = 1") == [
        '{"c":"a\ufffd\ufffd\ufffd"}'.encode()
    ]
    shown = await rows(own, HARBOUR, size=1)
    half = {"base64": base64.b64encode(b"a\xed\xa0\x80").decode()}
    assert [row for _, row in shown] == [{"c": half, "n": 1}, {"c": "b", "n": 2}]
    [table] = await tables(own, HARBOUR)
    assert "DEFAULT '\ufffd'" in str(table.definition)
    await load(own, "t", definition=table.definition)
    for _, row in shown:
        await load(own, "t", columns=[*row], rows=[[*row.values()]])
    assert await rows(own, QUAY) == shown


async def test_rows_come_by_pages_and_tables(own: Services, app: AppRow) -> None:
    for table in ("b", "a"):
        await execute(own, app, f"CREATE TABLE {table} (n INT PRIMARY KEY)")
        await execute(own, app, THREE.replace("t", table))
    await execute(own, app, "CREATE TABLE c (n INT)")
    every = [(table, {"n": n}) for table in "ab" for n in (1, 2, 3)]
    for size in (1, 2, 3, 7):
        assert await rows(own, HARBOUR, size=size) == every
    assert await rows(own, HARBOUR, size=2, table="b") == every[3:]
    assert await rows(own, HARBOUR, table="nowhere") == []
    assert await rows(own, QUAY) == []


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("n INT PRIMARY KEY", ["(-2)", "(-1)", "(0)", "(5)", "(7)"]),
        (
            "n DECIMAL(30,10) PRIMARY KEY",
            [f"({n}.5)" for n in range(12345678901234567890, 12345678901234567895)],
        ),
        (
            "c VARCHAR(9), n BIGINT UNSIGNED, PRIMARY KEY (c, n)",
            [
                "('', 1)",
                "('a', 1)",
                "('a', 9007199254740992)",
                "('a', 9007199254740993)",
                "('it''s \\\\ \u2665', 0)",
            ],
        ),
        ("c CHAR(9) COLLATE latin1_swedish_ci PRIMARY KEY", [f"('{c}')" for c in "aB\u00e9xY"]),
    ],
    ids=["number", "decimal", "two", "collation"],
)
async def test_pages_go_on_after_a_key(
    own: Services, app: AppRow, columns: str, values: list[str]
) -> None:
    """So rows that are written before it move none."""
    await execute(own, app, f"CREATE TABLE t ({columns})".replace("CHAR(9) COLLATE", LATIN))
    await execute(own, app, THREE.replace("(3), (1), (2)", ", ".join(values)))
    every = await rows(own, HARBOUR)
    assert len(every) == 5
    assert await rows(own, HARBOUR, size=1) == every
    name, which = own.app.cloud_app_key, RowsQuery(site=HARBOUR)
    page = await sql_rows.page(own.platform, name, which, cursor=None, size=2)
    await execute(own, app, "DELETE FROM t LIMIT 1")
    rest = await sql_rows.page(own.platform, name, which, cursor=page.next_cursor, size=9)
    assert [json.loads(bytes(each.row)) for each in rest.items] == [row for _, row in every[2:]]


async def test_pages_of_other_keys_go_on_by_position(own: Services, app: AppRow) -> None:
    """Where a key is not compared as it is sorted, or is too long for a cursor."""
    long = ", ".join(f"(REPEAT('{c}', 600))" for c in "abc")
    for table, columns, values in (
        ("e", "v ENUM('z', 'a', 'm') PRIMARY KEY", "('m'), ('a'), ('z')"),
        ("f", "v FLOAT PRIMARY KEY", "(0.1), (0.2), (0.3)"),
        ("l", "v VARCHAR(600) PRIMARY KEY", long),
        ("p", "v VARCHAR(600), PRIMARY KEY (v(300))", long),
        # Two of them are shown as one and the same character.
        ("q", "v CHAR(9) CHARACTER SET cp932 PRIMARY KEY", "(x'81CA'), (x'EEF9'), ('z')"),
    ):
        await execute(own, app, f"CREATE TABLE {table} ({columns})")
        await execute(own, app, THREE.replace("t", table).replace("(3), (1), (2)", values))
    every = await rows(own, HARBOUR)
    assert [row["v"] for table, row in every if table == "e"] == ["z", "a", "m"]
    assert len(every) == 15
    assert await rows(own, HARBOUR, size=1) == every


async def test_a_load_replaces_the_rows_of_its_keys_or_none(own: Services, app: AppRow) -> None:
    definition = "CREATE TABLE t (n INT PRIMARY KEY, c VARCHAR(3) NOT NULL DEFAULT 'd')"
    assert await load(own, "t", site=HARBOUR, definition=definition) == (0, True)
    assert await load(own, "t", site=HARBOUR, definition=definition) == (0, False)
    load_t = {"site": HARBOUR, "columns": ["N", "c"]}
    await load(own, "t", **load_t, rows=[[1, "a"], ["2", "b"]])
    with pytest.raises(Invalid, match="sql_rows_refused") as refused:
        await load(own, "t", **load_t, rows=[[3, "c"], [1, "secret"]])
    assert "ER_DATA_TOO_LONG" in str(refused.value)
    assert "secret" not in str(refused.value)
    await load(own, "t", **load_t, rows=[[1, "z"]])
    await load(own, "T", site=HARBOUR, columns=["n"], rows=[[4]])
    expected = [{"n": 1, "c": "z"}, {"n": 2, "c": "b"}, {"n": 4, "c": "d"}]
    assert [row for _, row in await rows(own, HARBOUR)] == expected
    assert await execute(own, app, "SELECT COUNT(*) AS n FROM t") == [b'{"n":"3"}']


async def test_loads_at_once_do_not_refuse_each_other(own: Services, app: AppRow) -> None:
    """They make one table, and write the same rows in another order."""
    definition = "CREATE TABLE t (n INT PRIMARY KEY, c INT, UNIQUE (c))"
    rows = [[n, -n] for n in range(200)]
    orders = [rows, rows[::-1]] * 4
    done = await asyncio.gather(
        *(
            load(own, "t", site=HARBOUR, definition=definition, columns=["n", "c"], rows=order)
            for order in orders
        )
    )
    assert [stored for stored, _ in done] == [200] * 8
    assert sum(made for _, made in done) == 1
    assert await execute(own, app, "SELECT COUNT(*) AS n FROM t") == [b'{"n":"200"}']


async def test_a_value_may_be_larger_than_a_statement(own: Services, app: AppRow) -> None:
    await execute(own, app, "CREATE TABLE t (n INT PRIMARY KEY, b LONGBLOB, c LONGTEXT)")
    large = {"base64": base64.b64encode(b"\xff" * 5_000_000).decode()}
    row = [1, large, "\u2665" * 600_000]
    assert await load(own, "t", site=HARBOUR, columns=["n", "b", "c"], rows=[row]) == (1, False)
    sizes = "SELECT LENGTH(b) AS b, CHAR_LENGTH(c) AS c FROM t"
    assert await execute(own, app, sizes) == [b'{"b":5000000,"c":600000}']


async def test_a_table_is_audited_also_if_its_rows_are_refused(own: Services, app: AppRow) -> None:
    assert app.site == HARBOUR
    with pytest.raises(Invalid, match="sql_rows_refused"):
        await load(own, "t", definition="CREATE TABLE t (n INT)", columns=["n"], rows=[["x"]])
    query = "SELECT after FROM audit WHERE operation = 'load_rows'"
    [[after]] = await own.fetch(query)
    assert json.loads(after) == {"site": QUAY, "table": "t", "rows": 0}


async def test_what_cannot_be_loaded_is_named(own: Services, app: AppRow) -> None:
    assert app.site == HARBOUR
    row: dict[str, Any] = {"columns": ["n"], "rows": [[1]]}
    with pytest.raises(Invalid, match="sql_table_unknown"):
        await load(own, "t", **row)
    assert await tables(own, QUAY) == []
    for wrong in ("DROP TABLE t", "CREATE INDEX i ON t (n)"):
        with pytest.raises(Invalid, match="sql_definition_invalid"):
            await load(own, "t", definition=wrong)
    with pytest.raises(NotAllowed, match="sql_policy_violation"):
        await load(own, "t", definition="CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a=1")
    with pytest.raises(Invalid, match="sql_table_unknown"):
        await load(own, "t", definition="CREATE TABLE other (n INT)", **row)
    with pytest.raises(Invalid, match="sql_rows_invalid"):
        await load(own, "other", columns=["m"], rows=[[1]])
    with pytest.raises(LimitExceeded, match="sql_too_many_rows"):
        await load(own, "other", columns=["n"], rows=[[1]] * 1_001)
    await own.fetch("UPDATE app SET manifest = $1", json.dumps({"modules": {}}))
    with pytest.raises(NotAllowed, match="sql_app_not_enabled"):
        await load(own, "other", **row)


async def test_rows_go_to_no_table_of_the_server(own: Services, app: AppRow) -> None:
    """The account of the app opens its own database alone."""
    await execute(own, app, "CREATE TABLE t (n INT)")
    by = Actor(name="ann", role=Role.ADMIN)
    request = RowsLoad(site=HARBOUR, table="mysql`.`user", columns=["User"], rows=[["x"]])
    with pytest.raises(Invalid, match="sql_table_unknown"):
        await sql_rows.load(own.platform, own.app.cloud_app_key, request, by)
