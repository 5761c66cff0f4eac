"""Which statements apps may send, and what the database of Forge has that ours lacks."""

import pytest

from ferryman.domain.limits import SQL_QUERY_BYTES
from ferryman.domain.sql import Kind, checked, enabled
from ferryman.domain.sql_gaps import GAPS, gap_in
from ferryman.errors import Invalid, LimitExceeded, NotAllowed

KINDS = (
    ("SELECT 1", Kind.READ),
    ("  -- first\n/* then */ select ';' ; ", Kind.READ),
    ("(SELECT 1) UNION (SELECT 2)", Kind.READ),
    ("WITH a AS (SELECT 1) SELECT * FROM a", Kind.READ),
    ("SHOW TABLES", Kind.READ),
    ("show full columns from `a`", Kind.READ),
    ("SHOW INDEXES FROM a", Kind.READ),
    ("SHOW KEYS FROM a", Kind.READ),
    ("DESCRIBE a", Kind.READ),
    ("", Kind.READ),
    ("INSERT INTO a VALUES ('a;b', \"it's\", 'x''y', 'x\\'y')", Kind.WRITE),
    ("DELETE FROM a # all of it; really", Kind.WRITE),
    ("TRUNCATE a", Kind.WRITE),
    ("CREATE TABLE IF NOT EXISTS a (n INT)", Kind.DEFINE),
    ("CREATE UNIQUE INDEX i ON a (n)", Kind.DEFINE),
    ("CREATE OR REPLACE VIEW v AS SELECT 1", Kind.DEFINE),
    ("ALTER TABLE a ADD COLUMN b INT", Kind.DEFINE),
    ("DROP TABLE a", Kind.DEFINE),
    ("SET @a = 1, @b := (SELECT MAX(n), 1)", Kind.SESSION),
    ("START TRANSACTION", Kind.SESSION),
    ("ANALYZE TABLE a", Kind.SESSION),
    ("SELEC 1", Kind.WRITE),
)
"""The last one is for the server to refuse, which knows where it is wrong."""


@pytest.mark.parametrize(("query", "kind"), KINDS)
def test_a_statement_of_the_app_passes(query: str, kind: Kind) -> None:
    statement = checked(query)
    assert statement.kind is kind
    assert statement.query == query
    assert statement.seconds == (5 if kind is Kind.READ else 10)


DENIED = (
    "USE mysql",
    "SET NAMES utf8",
    "SET @@global.max_connections = 1",
    "SET @a = 1, GLOBAL sql_mode = ''",
    "SET @a = 1,",
    "SET sql_mode = ''",
    "SHOW DATABASES",
    "SHOW CREATE TABLE a",
    "SHOW GRANTS",
    "PREPARE p FROM 'SELECT 1'",
    "EXECUTE IMMEDIATE 'SELECT 1'",
    "DEALLOCATE PREPARE p",
    "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a = 1",
    "CREATE PROCEDURE p() SELECT 1",
    "CREATE DATABASE other",
    "CREATE USER me",
    "DROP DATABASE mine",
    "CALL p()",
    "GRANT ALL ON *.* TO me",
    "KILL 1",
    "FLUSH TABLES",
    "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE a",
    "LOCK TABLES a WRITE",
    "CREATE TABLE b AS SELECT * FROM a",
    "CREATE TABLE b SELECT * FROM a",
    "CREATE TABLE b (t TEXT, FULLTEXT (t))",
    "ALTER TABLE b ADD FULLTEXT INDEX i (t)",
    "SELECT * FROM b WHERE MATCH (t) AGAINST ('x')",
    "SELECT * FROM a FOR UPDATE SKIP LOCKED",
    "CREATE TABLE a (n INT) WITH SYSTEM VERSIONING",
    "ALTER TABLE a ADD SYSTEM VERSIONING",
    "INSERT INTO a VALUES (1) RETURNING n",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "SELECT LOAD_FILE('/etc/passwd')",
    "SELECT GET_LOCK('shared', 1)",
    "CREATE TABLE a (n INT) DATA DIRECTORY = '/tmp'",
    "ALTER TABLE a IMPORT TABLESPACE",
    "SELECT /*!50000 1 */",
    "/*M!100000 USE mysql */",
    "SELECT `get_lock`('shared', 1)",
    "ANALYZE INSERT INTO a SELECT * FROM a",
    "ANALYZE FORMAT=JSON UPDATE a SET n = 1",
    # What only Unicode takes for blanks, and control characters, which the server takes for them.
    "SELECT n --\u00a0, GET_LOCK('shared', 1) FROM a",
    "SELECT 1 --\x01'\n, GET_LOCK('shared', 1) -- '",
)


@pytest.mark.parametrize("query", DENIED)
def test_what_forge_does_not_let_apps_send_is_refused(query: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        checked(query)
    assert refused.value.code == "sql_policy_violation"


@pytest.mark.parametrize(
    "query", ["SELECT 1; SELECT 2", "SELECT 1 ;-- a\n; SELECT 2", "SELECT '\0'", "SELECT '\ud800'"]
)
def test_anything_but_one_statement_of_text_is_refused(query: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked(query)
    assert refused.value.code == "sql_invalid_query"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 'USE a; SHOW GRANTS'",
        "SELECT `;`, `USE` FROM a",
        "SELECT 1 -- ; USE a",
        "SELECT 1 --\x01; USE a",
        "SELECT get_lock, `get_lock` FROM a",
        "SELECT /*;*/ 1",
    ],
)
def test_texts_names_and_comments_are_no_statements(query: str) -> None:
    assert checked(query).kind is Kind.READ


def test_a_statement_has_a_greatest_size() -> None:
    begin, end = "SELECT '", "'"
    fits = begin + "x" * (SQL_QUERY_BYTES - len(begin) - len(end)) + end
    assert checked(fits).kind is Kind.READ
    with pytest.raises(LimitExceeded) as refused:
        checked(f"{fits} ")
    assert refused.value.code == "sql_query_too_large"


def test_what_may_need_room_is_known() -> None:
    assert [checked(query).grows for query in ("INSERT INTO a VALUES (1)", "DELETE FROM a")] == [
        True,
        False,
    ]
    assert checked("create temporary table a (n int)").makes_table
    assert checked("CREATE OR REPLACE VIEW v AS SELECT 1").makes_table
    assert not checked("CREATE INDEX i ON a (n)").makes_table


@pytest.mark.parametrize(
    ("manifest", "has"),
    [
        (None, False),
        ({}, False),
        ({"modules": {"sql": []}}, False),
        ({"modules": {"sql": "mysql"}}, False),
        ({"modules": []}, False),
        ({"modules": {"sql": [{"key": "main", "engine": "mysql"}]}}, True),
    ],
)
def test_an_app_says_that_it_uses_sql(manifest: dict[str, object] | None, has: bool) -> None:
    assert enabled(manifest) is has


IN_GAPS = (
    ("SELECT data->>'$.a' FROM t", "the operator ->>"),
    ("SELECT data->'$.a' FROM t", "the operator ->"),
    ("INSERT INTO t VALUES (1) AS new ON DUPLICATE KEY UPDATE n = new.n", "a name for the new row"),
    ("SELECT CAST('[]' AS JSON)", "CAST(… AS JSON)"),
    ("SELECT 1 MEMBER OF ('[1]')", "MEMBER OF"),
    ("SELECT ANY_VALUE(n) FROM t", "ANY_VALUE"),
    ("SELECT REGEXP_LIKE('a', 'a')", "REGEXP_LIKE"),
    ("SELECT UUID_TO_BIN(UUID())", "UUID_TO_BIN"),
    ("SELECT BIN_TO_UUID(id) FROM t", "BIN_TO_UUID"),
    ("CREATE TABLE t (a TEXT COLLATE utf8mb4_0900_ai_ci)", "a collation utf8mb4_0900_…"),
    ("CREATE TABLE t (id BIGINT AUTO_RANDOM PRIMARY KEY)", "AUTO_RANDOM"),
    ("CREATE TABLE t (v VECTOR(3))", "the type VECTOR"),
    ("CREATE TABLE t (id INT, PRIMARY KEY (id) CLUSTERED)", "CLUSTERED"),
    ("CREATE INDEX i ON t ((LOWER(a)))", "an index on an expression"),
    ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN ANALYZE"),
    ("SELECT TIDB_VERSION()", "functions and hints TIDB_…"),
)


@pytest.mark.parametrize(("query", "name"), IN_GAPS)
def test_what_mariadb_lacks_is_named(query: str, name: str) -> None:
    gap = gap_in(checked(query).outline)
    assert gap is not None
    assert gap.name == name


def test_every_gap_has_an_example() -> None:
    assert {name for _, name in IN_GAPS} == {gap.name for gap in GAPS}
    assert gap_in(checked("SELECT a - b, '->' FROM t WHERE a > 1").outline) is None
