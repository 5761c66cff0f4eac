"""The real ``@forge/sql`` from npm, unchanged, keeps its rows in the platform's MariaDB."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ferryman.functions.call import FunctionCall
from ferryman.functions.pool import FunctionPool
from tests.docs.pages import ROOT, Reader, blocks
from tests.functions.calling import SECONDS
from tests.functions.packages import installed
from tests.kit.mariadb import need_mariadb
from tests.kit.platform import PlatformProcess
from tests.kit.sql import SqlApp

DEPLOYED = """\
import { migrationRunner, sql } from '@forge/sql';

const NOTES = 'CREATE TABLE IF NOT EXISTS notes (id BIGINT PRIMARY KEY, text VARCHAR(99))';
const done = (value) => value ?? null;
const said = (e) => [e.name, e.code, e.responseDetails?.status, e.context?.debug?.code];
const migration = (e) => [e.constructor.name, e.migrationName, e.cause?.code];

export const run = async () => {
  const all = [];
  const tell = async (name, call, failed = said) => all.push([name, await call.then(done, failed)]);
  const listed = () => migrationRunner.list().then((of) => of.map((each) => each.name));
  const rows = (call) => call.then((answer) => answer.rows);
  migrationRunner.enqueue('v1', NOTES).enqueue('v2', 'ALTER TABLE notes ADD colour TYPE');
  await tell('migrated', migrationRunner.run(), migration);
  await tell('listed', listed());
  const [{ migratedAt }] = await migrationRunner.list();
  await tell('at', Promise.resolve(migratedAt instanceof Date && !Number.isNaN(+migratedAt)));
  const insert = sql.prepare('INSERT INTO notes (id, text) VALUES (?, ?)');
  const added = insert.bindParams('9007199254740993', 'first').execute();
  await tell('inserted', rows(added).then((of) => of.affectedRows));
  await tell('read', rows(sql.prepare('SELECT * FROM notes').execute()));
  await tell('raw', rows(sql.executeRaw('SELECT COUNT(*) AS n FROM notes')));
  await tell('parse', sql.executeRaw('SELEC 1'));
  await tell('policy', sql.executeRaw('USE mysql'));
  await tell('count', sql.prepare('SELECT ?').bindParams(1, 2).execute());
  await tell('defined', rows(sql.executeDDL('TRUNCATE notes')).then((of) => of.affectedRows));
  console.log(JSON.stringify(all));
};
"""
SAID: dict[str, Any] = {
    "at": True,
    "inserted": 1,
    "raw": [{"n": "1"}],
    "parse": ["ForgeSQLError", "SQL_EXECUTION_ERROR", 400, "ER_PARSE_ERROR"],
    "policy": ["ForgeSQLError", "SQL_POLICY_VIOLATION", 403, None],
    "count": ["ForgeSQLError", "INVALID_SQL_QUERY", 400, "ER_WRONG_ARGUMENTS"],
    "defined": 0,
}
ROW = {"id": "9007199254740993", "text": "first"}
WRONG = {
    **SAID,
    "migrated": ["MigrationExecutionError", "v2", "SQL_EXECUTION_ERROR"],
    "listed": ["v1"],
    "read": [ROW],
}
REPAIRED = {
    **SAID,
    "migrated": ["v2"],
    "listed": ["v1", "v2"],
    "read": [{**ROW, "colour": None}],
}


@pytest.fixture(scope="session")
def forge_sql(javascript: None) -> Path:
    """A folder with the package and what it needs."""
    return installed("@forge/sql@4.0.8")


def test_the_package_from_npm_works_unchanged(
    forge_sql: Path, platform_process: PlatformProcess, tmp_path: Path
) -> None:
    own = SqlApp.begin(platform_process, tmp_path / "python")
    own.rows("SELECT 1")  # the server's first start takes no time from the function then
    app = tmp_path / "app"
    app.mkdir()
    # The same app before and after its developer corrects a migration that failed.
    (app / "wrong.js").write_text(DEPLOYED.replace("TYPE", "NOTHING"))
    (app / "repaired.js").write_text(DEPLOYED.replace("TYPE", "VARCHAR(9)"))
    (app / "node_modules").symlink_to(forge_sql / "node_modules")
    variables = {"FERRYMAN_URL": platform_process.url, "FERRYMAN_TOKEN": own.token}

    async def call(handler: str) -> dict[str, Any]:
        outcome = await pool.invoke(
            FunctionCall(
                source=app,
                handler=handler,
                event={},
                context={},
                environment=variables,
                timeout=SECONDS,
            )
        )
        assert outcome.ok, outcome.error
        return dict(json.loads(outcome.output))

    async def both() -> list[dict[str, Any]]:
        async with pool:
            return [await call("wrong.run"), await call("repaired.run")]

    pool = FunctionPool(concurrency=1)
    assert asyncio.run(both()) == [WRONG, REPAIRED]


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_a_reader_can_follow_the_page(forge_sql: Path, tmp_path: Path) -> None:
    """An app as vendors write them, in the sandbox, with what npm would install for it."""
    need_mariadb()
    page = ROOT / "docs" / "how-to" / "use-forges-sql.md"
    shutil.copytree(forge_sql / "node_modules", tmp_path / "notes" / "node_modules")
    if os.geteuid() == 0:
        # Functions of `dev` may write to the app's folder, so none of them runs as root.
        os.chown(tmp_path / "notes", 65534, 65534)
    with Reader(tmp_path, env={"FERRYMAN_FUNCTIONS": "sandboxed"}) as reader:
        for block in blocks(page):
            reader.follow(block)
        assert "trusted" not in reader.said
