"""Forge's SQL over HTTP: what is kept, for whom, and the limits in Forge's words."""

import json
from pathlib import Path

import psutil
import pytest

from ferryman.domain.limits import SQL_DEFINITIONS_PER_MINUTE
from ferryman.store.mariadb.server import EmbeddedMariaDB
from tests.kit.app_objects import MODULE as OBJECT_MODULE
from tests.kit.app_objects import sha256_of
from tests.kit.command import command
from tests.kit.platform import PlatformProcess, Reply, wait_until
from tests.kit.sql import PATH, SqlApp


@pytest.fixture(scope="module")
def app(running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory) -> SqlApp:
    """An app; each test has tables of its own."""
    return SqlApp.begin(running_platform, tmp_path_factory.mktemp("app") / "app")


@pytest.fixture(scope="module")
def other(running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory) -> SqlApp:
    """Another app on the same site."""
    return SqlApp.begin(running_platform, tmp_path_factory.mktemp("other") / "app")


def test_rows_are_kept_and_come_back(app: SqlApp) -> None:
    made = app.rows("CREATE TABLE notes (id BIGINT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(99))")
    assert made["affectedRows"] == 0
    assert app.rows("INSERT INTO notes (text) VALUES (?)", "it's ♥;")["insertId"] == 1
    assert app.rows("SELECT * FROM notes WHERE id IN (?)", 1) == [{"id": "1", "text": "it's ♥;"}]
    assert app.rows("SELECT text FROM notes WHERE text = ?", "x") == []


def test_nothing_is_seen_of_another_app(app: SqlApp, other: SqlApp) -> None:
    app.rows("CREATE TABLE shared (n INT)")
    app.rows("INSERT INTO shared VALUES (1)")
    assert other.refused("SELECT * FROM shared") == (400, "SQL_EXECUTION_ERROR")
    [mine] = app.rows("SELECT DATABASE() AS d")
    for query in ("SELECT * FROM {d}.shared", "DROP TABLE {d}.shared", "DROP VIEW {d}.shared"):
        assert other.refused(query.format(**mine)) == (403, "SQL_POLICY_VIOLATION")
    tables = "SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_name = ?"
    assert other.rows(tables, "shared") == [{"n": "0"}]
    other.rows("CREATE TABLE shared (n INT)")
    assert app.rows("SELECT COUNT(*) AS n FROM shared") == [{"n": "1"}]


def test_an_error_has_the_words_of_the_database(app: SqlApp) -> None:
    reply = app.call("SELECT * FROM nowhere")
    assert reply.status == 400
    assert reply.json["code"] == "SQL_EXECUTION_ERROR"
    debug = reply.json["debug"]
    assert (debug["code"], debug["errno"], debug["sqlState"]) == ("ER_NO_SUCH_TABLE", 1146, "42S02")
    assert reply.json["message"] == debug["sqlMessage"]


def test_an_error_names_what_mariadb_lacks(app: SqlApp) -> None:
    reply = app.call("SELECT '{}' -> '$.a' AS a")
    assert reply.json["code"] == "SQL_EXECUTION_ERROR"
    assert "MariaDB, which lacks the operator ->;" in reply.json["suggestion"]
    assert "JSON_EXTRACT" in reply.json["suggestion"]


REFUSED = (
    ("", (), (400, "SQL_EXECUTION_ERROR")),
    ("SELECT 1; SELECT 2", (), (400, "INVALID_SQL_QUERY")),
    ("SELECT ?", (), (400, "INVALID_SQL_QUERY")),
    ("SELECT ?", (1, 2), (400, "INVALID_SQL_QUERY")),
    ("SELECT ?", ("a\ud800",), (400, "INVALID_SQL_QUERY")),
    ("SELECT '\udc00'", (), (400, "INVALID_SQL_QUERY")),
    ("USE mysql", (), (403, "SQL_POLICY_VIOLATION")),
    ("SELECT * FROM mysql.user", (), (403, "SQL_POLICY_VIOLATION")),
    ("SELECT ?", ("x" * (1 << 20),), (400, "QUERY_TOO_LARGE")),
    ("SELECT REPEAT('x', 1 << 20) AS a FROM seq_1_to_9", (), (400, "ANSWER_TOO_LARGE")),
)


@pytest.mark.parametrize(("query", "values", "expected"), REFUSED, ids=range(len(REFUSED)))
def test_what_forge_refuses_is_refused_by_its_code(
    app: SqlApp, query: str, values: tuple[object, ...], expected: tuple[int, str]
) -> None:
    assert app.refused(query, *values) == expected


def test_a_body_that_the_package_would_not_send_is_refused(app: SqlApp) -> None:
    for body in (b"", b"[]", b"{}", b'{"query": 1}', b"\xff"):
        reply = app.caller.call("POST", f"{PATH}/execute", raw=body)
        assert (reply.status, reply.json["code"]) == (400, "INVALID_REQUEST"), body


def test_only_a_token_of_an_event_opens_it(app: SqlApp) -> None:
    caller = app.migration.platform.caller(app.migration.tokens["cloudToken"])
    body = json.dumps({"query": "SELECT 1", "params": []}).encode()
    reply = caller.call("POST", f"{PATH}/execute", raw=body)
    assert reply.status == 403
    assert "token that came with an event" in reply.json["message"]


def test_an_app_without_the_module_is_told(
    platform_process: PlatformProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    without = SqlApp.begin(
        platform_process, tmp_path_factory.mktemp("without") / "app", module=False
    )
    reply = without.call("SELECT 1")
    assert (reply.status, reply.json["code"]) == (403, "APP_NOT_ENABLED")
    assert "modules" in reply.json["suggestion"]


def test_definitions_have_a_rate(other: SqlApp) -> None:
    """As a bucket that fills while this waits, so it takes more calls on a slow machine."""

    def refused() -> Reply | None:
        reply = other.call("SELECT 1 AS n", path="execute/ddl")
        return None if reply.status == 200 else reply

    for _ in range(SQL_DEFINITIONS_PER_MINUTE - 1):
        assert refused() is None
    reply = wait_until(refused)
    assert (reply.status, reply.json["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert int(reply.headers["retry-after"]) > 0
    assert other.rows("SELECT 1 AS n") == [{"n": 1}]


def test_a_killed_database_is_started_again(app: SqlApp, platform_process: PlatformProcess) -> None:
    app.rows("CREATE TABLE survives (n INT)")
    app.rows("INSERT INTO survives VALUES (1)")
    process = EmbeddedMariaDB(platform_process.data_dir)._process()
    assert process is not None
    process.kill()
    psutil.wait_procs([process])
    assert app.rows("SELECT n FROM survives") == [{"n": 1}]


def test_a_reset_leaves_nothing(app: SqlApp, platform_process: PlatformProcess) -> None:
    app.rows("CREATE TABLE old (n INT)")
    name = app.migration.registration["cloudAppKey"]
    operator = platform_process.caller(platform_process.operator_token)
    operator.ok("POST", f"/admin/v1/apps/{name}/state/reset", {})
    assert app.refused("SELECT * FROM old") == (400, "SQL_EXECUTION_ERROR")
    assert app.rows("SHOW TABLES") == []


SEEDED = """\
{"key": "settings", "value": {"colour": "yellow"}}
{"key": "token", "value": "swordfish", "secret": true}
{"table": "later", "view": true, "definition": "CREATE VIEW later AS SELECT n FROM first"}
{"table": "first", "view": true, "definition": "CREATE VIEW first AS SELECT n FROM notes"}
{"table": "notes", "definition": "CREATE TABLE notes (n INT PRIMARY KEY, text TEXT, raw BLOB)"}
{"table": "notes", "row": {"n": 1, "text": "Mind the tide", "raw": {"base64": "AP8="}}}
{"table": "notes", "row": {"n": 2}}
{"key": "a/\u2665.png", "checksum": "%s", "contentType": "image/png", "file": "harbour.png"}
"""


def test_what_an_app_keeps_comes_back_from_a_folder(
    platform_process: PlatformProcess, tmp_path: Path
) -> None:
    """A list that is written by hand, then one that was exported."""
    own = SqlApp.begin(platform_process, tmp_path / "app", more={"objectStore": OBJECT_MODULE})
    name, site = own.migration.registration["cloudAppKey"], own.migration.plan["cloudUrl"]
    ferryman = command(platform_process.url, platform_process.data_dir)
    (tmp_path / "harbour.png").write_bytes(b"harbour")
    (tmp_path / "list").write_text(SEEDED % sha256_of(b"harbour"))
    loaded = ferryman.ok("state", "load", name, str(tmp_path / "list"), "--site", site)
    assert loaded == "2 values, 3 new tables, 2 rows, 1 object stored\n"
    assert own.rows("SELECT n FROM later") == [{"n": 1}, {"n": 2}]
    first = tmp_path / "first"
    assert "1 secret left out" in ferryman.ok("state", "export", name, str(first))
    assert "Mind the tide" in ferryman.ok("state", "rows", name, "--table", "notes")
    rows = json.dumps(ferryman.json("state", "rows", name))
    ferryman.ok("state", "reset", name, "--yes")
    # Rows alone need their table.
    assert "sql_table_unknown" in ferryman("state", "load", name, "-", stdin=rows).stderr
    told = ferryman.json("state", "load", name, str(first))
    assert told == {"stored": 1, "tables": 3, "rows": 2, "objects": 1}
    assert ferryman.json("state", "load", name, "-", stdin=rows)["rows"] == 2
    again = tmp_path / "again"
    assert ferryman.json("state", "export", name, str(again))["secrets"] == 0
    assert _untimed(again) == _untimed(first)
    assert (again / "objects" / "1").read_bytes() == b"harbour"
    for wrong in ({"checksum": "x", "key": "a"}, {"table": "t"}, {"table": "t", "row": {}}):
        text = json.dumps({"site": site, **wrong})
        assert "state_file_invalid" in ferryman("state", "load", name, "-", stdin=text).stderr
    (again / "objects" / "1").unlink()
    missing = ferryman("state", "load", name, str(again)).stderr
    assert "state_object_file_missing" in missing
    assert "state_folder_not_empty" in ferryman("state", "export", name, str(again)).stderr


def _untimed(folder: Path) -> list[dict[str, object]]:
    """Return what an export lists, without the times at which it was stored."""
    times = {"createdAt", "updatedAt"}
    listed = map(json.loads, (folder / "state.ndjson").read_text().splitlines())
    return [{name: each[name] for name in each.keys() - times} for each in listed]
