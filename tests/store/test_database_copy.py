"""Databases of apps as lines, and made again of them, whatever apps leave behind (ADR 113)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest

from ferryman.domain import sql as rules
from ferryman.store.mariadb import client, database_copy
from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.client import StatementFailed, connect
from ferryman.store.mariadb.database_copy import Altered
from ferryman.store.mariadb.database_filling import MARK, Filling, Unreadable

pytestmark = pytest.mark.processes

_NUMBER = count()


@pytest.fixture(scope="module")
def server(mariadb_url: str) -> Address:
    return Address.parse(mariadb_url)


def made(server: Address, *statements: str) -> Address:
    """Make a database by an app's statements."""
    name = f"app{next(_NUMBER)}"
    with connect(server) as session, session.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} COMMENT '{MARK}'")
    app = replace(server, database=name)
    for each in statements:
        execute(app, each)
    return app


def execute(app: Address, query: str) -> list[bytes]:
    return client.run(app, rules.checked(query), [], greatest=1 << 24).rows or []


def lines(app: Address) -> list[bytes]:
    return list(database_copy.lines(app, app.database or ""))


def filled(app: Address, found: Sequence[bytes]) -> list[str]:
    filling = Filling(app)
    try:
        filling.add([line.rstrip(b"\n") for line in found])
        return filling.end()
    finally:
        filling.close()


LEFT_BEHIND = {
    "dates that are none": (
        "CREATE TABLE t (n INT PRIMARY KEY, d DATE, t DATETIME, s TIMESTAMP NULL, e ENUM('a'))",
        "INSERT IGNORE INTO t VALUES (1, 'never', '2026-02-31', 'never', 'z')",
    ),
    "values larger than a statement": (
        "CREATE TABLE t (n INT PRIMARY KEY, b LONGBLOB, c LONGTEXT)",
        "INSERT INTO t VALUES (1, REPEAT(x'00ff', 2500000), NULL), (2, 'b', '')",
        "UPDATE t SET c = REPEAT('\\\\\u2665', 1500000) WHERE n = 1",
    ),
    "a number that was updated": (
        "CREATE TABLE t (n INT AUTO_INCREMENT PRIMARY KEY)",
        "INSERT INTO t VALUES (NULL)",
        "UPDATE t SET n = 100",
    ),
    "names of ours": ("CREATE TABLE ferryman_restoring (n INT)",),
    "tables that refer to each other": (
        "CREATE TABLE b (n INT PRIMARY KEY)",
        "CREATE TABLE a (n INT, FOREIGN KEY (n) REFERENCES b (n))",
        "INSERT INTO a VALUES (7)",
    ),
}


@pytest.mark.parametrize("what", LEFT_BEHIND)
def test_what_an_app_may_leave_behind_comes_back(server: Address, what: str) -> None:
    copied = lines(made(server, *LEFT_BEHIND[what]))
    again = made(server)
    assert filled(again, copied) == []
    assert lines(again) == copied
    assert database_copy.comment(server, again.database or "") == ""


def test_a_view_that_reads_what_is_gone_is_named(server: Address) -> None:
    source = made(
        server,
        "CREATE TABLE t (n INT, m INT)",
        "CREATE VIEW a AS SELECT n FROM t",
        "CREATE VIEW b AS SELECT n FROM a",
        "CREATE VIEW c AS SELECT m FROM t",
        "ALTER TABLE t DROP COLUMN n",
    )
    again = made(server)
    assert filled(again, lines(source)) == ["a", "b"]
    assert execute(again, "SELECT m FROM c") == []


def test_a_line_of_no_copy_is_refused(server: Address) -> None:
    for line in (b"{}", b'{"view": 1}', b"[1", b"7", b'[{"base65": ""}]', b'[{"base64": "a"}]'):
        with pytest.raises(Unreadable):
            filled(made(server), [line])
    head = b'{"view":false,"table":"t","definition":"GRANT","columns":[]}'
    with pytest.raises(StatementFailed):
        filled(made(server), [head])


def test_a_table_can_be_altered_once_it_is_read(server: Address) -> None:
    """One that is altered before cannot always be read as it was any more."""
    one = "CREATE TABLE {} (n INT)", "INSERT INTO {} VALUES (1)"
    app = made(server, *(each.format(table) for table in "ab" for each in one))
    found = database_copy.lines(app, app.database or "")
    assert [next(found) for _ in range(3)][1] == b"[1]\n"
    for alter in ("ALTER TABLE a ADD COLUMN m INT", "DROP TABLE a"):
        execute(app, alter)
    found.close()
    execute(app, one[0].format("a"))
    for change in ("ALTER TABLE b MODIFY n BIGINT", "TRUNCATE TABLE b", "DROP TABLE b"):
        found = database_copy.lines(app, app.database or "")
        next(found)
        execute(app, change)
        with pytest.raises(Altered):
            database_copy.some(found)


def test_rows_fit_the_definition_before_them(server: Address) -> None:
    """Also where a column was added after the copy began."""
    app = made(
        server, "CREATE TABLE a (n INT)", "CREATE TABLE b (n INT)", "INSERT INTO b VALUES (1)"
    )
    found = database_copy.lines(app, app.database or "")
    copied = [next(found)]
    execute(app, "ALTER TABLE b ADD COLUMN m INT NOT NULL DEFAULT 7")
    copied += found
    again = made(server)
    filled(again, copied)
    assert execute(again, "SELECT * FROM b") == [b'{"n":1,"m":7}']


def test_lines_are_held_by_their_bytes(server: Address) -> None:
    app = made(
        server,
        "CREATE TABLE t (n INT PRIMARY KEY, c LONGTEXT)",
        "INSERT INTO t SELECT seq, REPEAT('c', 700000) FROM seq_1_to_5",
    )
    found = database_copy.lines(app, app.database or "")
    assert [len(database_copy.some(found)) for _ in range(4)] == [3, 2, 1, 0]
