"""The MariaDB of apps: started, recovered and stopped; statements and their answers."""

import json
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from ferryman.domain.sql import SqlStatement, checked
from ferryman.errors import LimitExceeded, OutsideError
from ferryman.store.mariadb import programs
from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.client import (
    StatementFailed,
    answers,
    connect,
    is_denied,
    is_timeout,
    is_wrong_count,
    run,
)
from ferryman.store.mariadb.server import EmbeddedMariaDB
from tests.kit.mariadb import need_mariadb
from tests.kit.platform import wait_until

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMariaDB]:
    """A server in a folder whose path needs care: long, with blanks and a comma."""
    need_mariadb()
    folder = tmp_path_factory.mktemp("sql") / ("it's, " + "long " * 20)
    folder.mkdir()
    embedded = EmbeddedMariaDB(folder)
    try:
        yield embedded
    finally:
        embedded.stop()


@pytest.fixture
def address(embedded: EmbeddedMariaDB, database: Address) -> Address:
    """The database of these tests, of a server that runs, whatever a test before did to it."""
    embedded.start()
    return database


@pytest.fixture(scope="module")
def database(embedded: EmbeddedMariaDB) -> Address:
    """A database for these tests, as its own user."""
    root = embedded.start()
    with connect(root) as session, session.cursor() as cursor:
        cursor.execute("CREATE DATABASE one CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        cursor.execute("CREATE USER 'one'@'%' IDENTIFIED BY 'secret'")
        cursor.execute("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON one.* TO 'one'@'%'")
    return root.of_app("one", "secret")


def changed(address: Address, query: str, *values: Any) -> dict[str, Any]:
    """Return what a write did."""
    answer = run(address, checked(query), values, greatest=1 << 20)
    assert answer.rows is None
    assert answer.changed is not None
    return answer.changed


def rows(address: Address, query: str, *values: Any, **options: Any) -> list[dict[str, Any]]:
    """Return the rows of a read."""
    answer = run(address, checked(query), values, **{"greatest": 1 << 20, **options})
    assert answer.rows is not None
    return [json.loads(row) for row in answer.rows]


def failed(address: Address, query: str, *values: Any) -> StatementFailed:
    """Return the error of a statement."""
    with pytest.raises(StatementFailed) as error:
        run(address, checked(query), values, greatest=1 << 20)
    return error.value


def test_values_come_back_with_the_types_of_forge(address: Address) -> None:
    changed(
        address,
        "CREATE TABLE kinds (t TINYINT, b BOOLEAN, n INT, f DOUBLE, y YEAR, bits BIT(12), "
        "big BIGINT, d DECIMAL(30, 2), j JSON, day DATE, at DATETIME(3), s VARCHAR(9), x BLOB)",
    )
    changed(
        address,
        "INSERT INTO kinds VALUES (?, ?, ?, ?, ?, b'101', ?, ?, ?, ?, ?, ?, ?)",
        *(1, True, -5, 1.5, 2026, 9007199254740993, "12345678901234567890.50", '{"a": [1]}'),
        *("2026-01-02", "2026-01-02 03:04:05.678", "a'\\♥", "bytes"),
    )
    [row] = rows(address, "SELECT * FROM kinds")
    assert row == {
        "t": 1,
        "b": 1,
        "n": -5,
        "f": 1.5,
        "y": 2026,
        "bits": 5,
        "big": "9007199254740993",
        "d": "12345678901234567890.50",
        "j": '{"a": [1]}',
        "day": "2026-01-02",
        "at": "2026-01-02 03:04:05.678",
        "s": "a'\\♥",
        "x": "bytes",
    }
    assert rows(address, "SELECT COUNT(*) AS n, SUM(n) AS s, NULL AS z FROM kinds") == [
        {"n": "1", "s": "-5", "z": None}
    ]
    assert rows(address, "SELECT * FROM kinds WHERE n > 0") == []


def test_a_write_says_what_it_did(address: Address) -> None:
    changed(address, "CREATE TABLE did (id INT AUTO_INCREMENT PRIMARY KEY, n INT)")
    first = changed(address, "INSERT INTO did (n) VALUES (?), (?)", 1, 2)
    assert set(first) == {
        *("fieldCount", "affectedRows", "insertId", "info", "serverStatus", "warningStatus")
    }
    assert (first["affectedRows"], first["insertId"]) == (2, 1)
    assert first["info"] == "Records: 2  Duplicates: 0  Warnings: 0"
    # Rows that were found count, changed or not.
    assert changed(address, "UPDATE did SET n = 1")["affectedRows"] == 2
    assert changed(address, "INSERT INTO did (n) VALUES (7)")["insertId"] == 3


def test_values_are_never_part_of_the_statement(address: Address) -> None:
    text = "'; DROP TABLE one; -- \\' \" ` \n"
    [row] = rows(address, "SELECT ? AS a, ? AS b, ? AS c, ? AS d", text, None, [1, "x"], {"k": 1})
    assert row == {"a": text, "b": None, "c": '[1,"x"]', "d": '{"k":1}'}
    assert is_wrong_count(failed(address, "SELECT ?, ?", 1))
    assert is_wrong_count(failed(address, "SELECT ?", 1, 2))
    assert rows(address, "SELECT '?' AS a") == [{"a": "?"}]


def test_the_settings_are_those_of_forge(address: Address) -> None:
    changed(address, "CREATE TABLE Cased (s VARCHAR(9), UNIQUE (s))")
    changed(address, "INSERT INTO cASED VALUES ('a'), ('A')")
    changed(address, "CREATE TABLE parts (n INT, FOREIGN KEY (n) REFERENCES nothing (n))")
    assert changed(address, "INSERT INTO parts VALUES (1)")["affectedRows"] == 1
    assert failed(address, "INSERT INTO parts VALUES ('x')").number == 1366
    assert (
        failed(address, "SELECT s, COUNT(*) FROM cased").name == "ER_MIX_OF_GROUP_FUNC_AND_FIELDS"
    )
    assert rows(address, "SELECT @@time_zone AS z") == [{"z": "+00:00"}]
    [row] = rows(address, "SELECT NOW() AS now", now=1_767_225_600.0)
    assert row == {"now": "2026-01-01 00:00:00"}


def test_a_statement_has_a_session_of_its_own(address: Address) -> None:
    changed(address, "SET @kept = 1")
    assert rows(address, "SELECT @kept AS k") == [{"k": None}]
    changed(address, "START TRANSACTION")
    assert answers(address)


def test_errors_say_what_the_database_says(address: Address) -> None:
    error = failed(address, "SELEC 1")
    assert (error.name, error.number, error.state) == ("ER_PARSE_ERROR", 1064, "42000")
    assert "near 'SELEC 1'" in error.message
    assert failed(address, "").name == "ER_EMPTY_QUERY"
    assert failed(address, "SELECT * FROM nowhere").state == "42S02"
    assert is_denied(failed(address, "SELECT * FROM mysql.user"))


def test_nothing_is_seen_of_others(embedded: EmbeddedMariaDB, address: Address) -> None:
    seen = rows(address, "SELECT schema_name AS s FROM information_schema.schemata")
    assert {row["s"] for row in seen} == {"information_schema", "one"}
    with connect(embedded.start()):
        # Sessions of its own may not have ended yet.
        listed = rows(address, "SELECT user AS u FROM information_schema.processlist")
    assert {row["u"] for row in listed} == {"one"}
    assert is_denied(failed(address, "CREATE TABLE mysql.mine (n INT)"))


def test_a_statement_may_not_take_for_ever(address: Address) -> None:
    class Short(SqlStatement):
        seconds = 0.05

    statement = checked("SELECT SLEEP(600)")
    with pytest.raises(StatementFailed) as error:
        run(
            address,
            Short(statement.query, statement.kind, statement.outline),
            [],
            greatest=1 << 20,
        )
    assert is_timeout(error.value)


def test_rows_have_a_greatest_size(address: Address) -> None:
    many = checked("SELECT REPEAT('x', 1000) AS a FROM seq_1_to_1000000")
    with pytest.raises(LimitExceeded) as refused:
        run(address, many, [], greatest=10_000)
    assert refused.value.code == "sql_answer_too_large"
    fits = run(address, checked("SELECT REPEAT('x', 90) AS a"), [], greatest=100)
    assert fits.rows is not None


def test_a_killed_server_starts_again_with_what_it_kept(
    embedded: EmbeddedMariaDB, address: Address
) -> None:
    changed(address, "CREATE TABLE kept (n INT)")
    changed(address, "INSERT INTO kept VALUES (42)")
    process = embedded._process()
    assert process is not None
    process.kill()
    process.wait()
    assert not answers(address)
    embedded.start()
    assert rows(address, "SELECT n FROM kept") == [{"n": 42}]
    another = EmbeddedMariaDB(embedded._folder.parent)
    another.start()
    assert another._process() == embedded._process()


def test_a_server_that_stopped_is_gone(embedded: EmbeddedMariaDB, address: Address) -> None:
    embedded.start()
    process = embedded._process()
    assert process is not None
    embedded.stop()
    embedded.stop()
    # The thread that reaps it may not have done so yet.
    _, alive = psutil.wait_procs([process], timeout=60)
    assert alive == []
    assert not answers(address)
    embedded.start()
    assert answers(address)


def test_a_start_that_was_killed_leaves_no_server_that_is_not_found(
    embedded: EmbeddedMariaDB, address: Address
) -> None:
    """It has no file with its number yet."""
    program = programs.path_of("mariadbd")
    assert program is not None

    def begin() -> psutil.Process:
        embedded.stop()
        with (embedded._folder / "said").open("wb") as said:
            begun = embedded._begin(program, said)
        threading.Thread(target=begun.wait, daemon=True).start()
        process = psutil.Process(begun.pid)
        # Linux shows no arguments yet while the new program is loaded.
        wait_until(process.cmdline)
        return process

    stopped = begin()
    embedded.stop()
    _, alive = psutil.wait_procs([stopped], timeout=60)
    assert alive == []
    found = begin()
    embedded.start()
    assert embedded._process() == found
    assert answers(address)


def test_the_server_is_not_root(embedded: EmbeddedMariaDB) -> None:
    embedded.start()
    process = embedded._process()
    assert process is not None
    assert process.uids().real != 0
    assert embedded._folder.stat().st_mode & 0o077 == 0


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """Of a folder from which its tables are gone."""
    need_mariadb()
    folder = tmp_path / "mariadb"
    for each in (folder, folder / "data", folder / "tmp"):
        each.mkdir()
        if os.geteuid() == 0:
            shutil.chown(each, "mysql")
    (folder / "made").touch()
    with pytest.raises(OutsideError) as refused:
        EmbeddedMariaDB(tmp_path).start()
    assert refused.value.code == "sql_server_not_started"
    assert "mysql." in refused.value.found


def test_threads_that_need_it_at_once_make_it_once(tmp_path: Path) -> None:
    """A second folder under the first server would lose what that has stored."""
    need_mariadb()
    servers = [EmbeddedMariaDB(tmp_path) for _ in range(3)]
    try:
        with ThreadPoolExecutor(len(servers)) as threads:
            [*_] = threads.map(EmbeddedMariaDB.start, servers)
        ours = f"--datadir={servers[0]._data}"
        running = [
            each
            for each in psutil.process_iter(["cmdline"])
            if ours in (each.info["cmdline"] or [])
        ]
        assert running == [servers[0]._process()]
    finally:
        servers[0].stop()


def test_a_platform_that_stopped_meanwhile_starts_none(tmp_path: Path) -> None:
    need_mariadb()
    with pytest.raises(OutsideError) as refused:
        EmbeddedMariaDB(tmp_path).start(unless=lambda: True)
    assert refused.value.code == "sql_server_unavailable"
    assert not (tmp_path / "mariadb").exists()


def test_a_machine_without_mariadb_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "ADMIN_FOLDERS", "")
    monkeypatch.setenv("PATH", "")
    assert not programs.installed()
    with pytest.raises(OutsideError) as refused:
        EmbeddedMariaDB(tmp_path).start()
    assert refused.value.code == "sql_server_missing"
    assert "apt-get install mariadb-server" in refused.value.fix


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@h",
        "mariadb://h",
        "mariadb://u@h:x",
        "mariadb://u@h/database",
        "mariadb://u@h?ssl=1",
        "mariadb://u:secret@[h",
    ],
)
def test_an_address_that_is_wrong_is_not_repeated(url: str) -> None:
    with pytest.raises(OutsideError) as refused:
        Address.parse(url)
    assert refused.value.code == "sql_url_invalid"
    assert "secret" not in str(refused.value)


def test_an_address_names_a_host_or_a_socket() -> None:
    host = Address.parse("mariadb://u:p%40ss@db.example:3307")
    assert (host.host, host.port, host.user, host.password) == ("db.example", 3307, "u", "p@ss")
    assert "p@ss" not in repr(host)
    assert Address.parse("mysql://u@localhost?socket=%2Frun%2Fs").socket_path == "/run/s"
