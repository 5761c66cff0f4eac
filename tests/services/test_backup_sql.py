"""The SQL databases of apps in backups: copied as of one moment, and proven (ADR 113)."""

import asyncio
import gzip
import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from ferryman.errors import ConfigError, OutsideError
from ferryman.server.backup import manifest as manifests
from ferryman.server.backup.app_databases import AppCopies, _unaltered
from ferryman.server.backup.manifest import NAME, DatabaseCopy
from ferryman.server.backup.place import Folder
from ferryman.services import sql as sql_service
from ferryman.store.app import AppRow
from ferryman.store.mariadb import database_copy, programs
from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.client import connect
from ferryman.store.mariadb.database_copy import Altered
from ferryman.store.mariadb.server import EmbeddedMariaDB
from tests.kit.backup import Copies, tables_of
from tests.kit.services import Services
from tests.kit.sql import MODULE

pytestmark = pytest.mark.processes

HARBOUR = "https://harbour.example"


@pytest.fixture
def copies(copies: Copies, mariadb_url: str) -> Copies:
    """Those of the other tests, of a platform with a MariaDB."""
    copies.services.platform.app_databases._url = mariadb_url
    return replace(copies, source=copies.source.model_copy(update={"mariadb_url": mariadb_url}))


async def execute(services: Services, app: AppRow, query: str) -> list[bytes]:
    answer = await sql_service.execute(services.platform, app, query, [], len(query))
    return answer.rows or []


async def filled(services: Services) -> AppRow:
    """An app with tables, rows of more than one batch, and a view of a view."""
    app = await services.plan(HARBOUR, modules={"sql": MODULE})
    for query in (
        "CREATE TABLE notes (id BIGINT AUTO_INCREMENT PRIMARY KEY, text TEXT, raw VARBINARY(9), "
        "twice BIGINT AS (id * 2) VIRTUAL, half VARCHAR(1) DEFAULT x'eda080')",
        "INSERT INTO notes (text, raw) SELECT CONCAT('♥ \\n', seq), x'00ff' FROM seq_1_to_2500",
        "UPDATE notes SET id = 0 WHERE id = 1",
        # Half of a surrogate pair, which the server takes, as in the default.
        "UPDATE notes SET text = CONVERT(_ucs2 x'D800' USING utf8mb4) WHERE id = 2",
        "CREATE TABLE bare (f FLOAT)",
        "INSERT INTO bare VALUES (16777.216), (16777.216), (NULL)",
        "CREATE VIEW z AS SELECT id FROM notes WHERE twice > 2",
        "CREATE VIEW a AS SELECT COUNT(*) AS n FROM z",
    ):
        await execute(services, app, query)
    return app


async def test_databases_are_restored_and_proven(copies: Copies, mariadb_url: str) -> None:
    """Into the server of the new data folder, which is stopped then."""
    await filled(copies.services)
    done = await copies.back_up()
    assert (done.databases, done.left_out_databases) == (1, 0)
    assert json.loads((copies.place / NAME).read_bytes().split(b"\n")[0])["format"] == 2
    report = await copies.restore()
    assert report.verified is not None
    assert (report.databases, report.verified.databases) == (1, 1)
    assert report.verified.problems == []
    embedded = EmbeddedMariaDB(copies.target.data_dir)
    assert not embedded.runs()
    [name] = await _names(copies)
    with connect(await asyncio.to_thread(embedded.start)) as session, session.cursor() as cursor:
        try:
            cursor.execute(f"USE {name}")
            cursor.execute("SELECT n, (SELECT COUNT(*) FROM bare) FROM a")
            assert cursor.fetchall() == (("2499", "3"),)
            cursor.execute("UPDATE notes SET text = 'changed' WHERE id = 7")
            verifying = AppCopies(copies.target)
            [problem] = await verifying.verify(await _listed(copies))
            assert problem.key == f"SQL database of {HARBOUR}"
        finally:
            await asyncio.to_thread(embedded.stop)


async def test_a_server_that_has_them_keeps_its_contents(copies: Copies, mariadb_url: str) -> None:
    """Also equal ones, which the platform that was backed up may use; begun ones are made again."""
    app = await filled(copies.services)
    await copies.back_up()
    target = copies.target.model_copy(update={"mariadb_url": mariadb_url})
    own = replace(copies, target=target)
    assert await own.refused() == "restore_sql_not_empty"
    await execute(copies.services, app, "UPDATE notes SET text = 'new' WHERE id = 7")
    assert await own.refused() == "restore_sql_not_empty"
    assert await execute(copies.services, app, "SELECT text FROM notes WHERE id = 7") == [
        b'{"text":"new"}'
    ]
    [name] = await _names(copies)
    with connect(Address.parse(mariadb_url)) as session, session.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE `{name}` COMMENT 'ferryman_restoring'")
    report = await own.restore()
    assert report.verified is not None
    assert report.verified.problems == []
    assert len(await execute(copies.services, app, "SHOW TABLES")) == 4


async def test_a_restore_that_goes_on_leaves_alone_what_it_finished(
    copies: Copies, mariadb_url: str
) -> None:
    app = await filled(copies.services)
    await copies.back_up()
    target = copies.target.model_copy(update={"mariadb_url": mariadb_url})
    [copied] = await _listed(copies)
    going = AppCopies(target)
    try:
        await going.check_empty([copied], resumed=True)
        await execute(copies.services, app, "DELETE FROM bare")
        with pytest.raises(ConfigError, match="restore_sql_not_empty"):
            await going.check_empty([copied], resumed=True)
    finally:
        going.close()


async def test_a_changed_copy_leaves_no_database(copies: Copies, mariadb_url: str) -> None:
    """One whose digests were made to fit is refused where it is wrong."""
    await filled(copies.services)
    await copies.back_up()
    own = replace(copies, target=copies.target.model_copy(update={"mariadb_url": mariadb_url}))
    [copied] = await _listed(copies)
    manifest = copies.place / NAME
    with connect(Address.parse(mariadb_url)) as session, session.cursor() as cursor:
        cursor.execute(f"DROP DATABASE `{copied.name}`")
    for wrong in (gzip.compress(b'["a"'), gzip.compress(b'{"view": 1}\n'), b"none"):
        (copies.place / copied.kept.name).write_bytes(wrong)
        document = json.loads(manifest.read_bytes().split(b"\n")[0])
        kept = document["databases"][0]["kept"]
        kept |= {"size": len(wrong), "sha256": sha256(wrong).hexdigest()}
        _write(manifest, json.dumps(document).encode())
        with pytest.raises(ConfigError, match="backup_damaged"):
            await own.restore()
        with connect(Address.parse(mariadb_url)) as session, session.cursor() as cursor:
            cursor.execute(f"SHOW DATABASES LIKE '{copied.name}'")
            assert cursor.fetchall() == ()


async def test_a_copy_is_of_one_moment(copies: Copies, mariadb_url: str) -> None:
    """What is written after its first line is in none of them."""
    app = await filled(copies.services)
    [[row]] = [await execute(copies.services, app, "SELECT DATABASE() AS name")]
    found = database_copy.lines(Address.parse(mariadb_url), json.loads(row)["name"])
    first = next(found)
    for query in ("DELETE FROM notes", "INSERT INTO bare VALUES (1)"):
        await execute(copies.services, app, query)
    lines = [first, *found]
    heads = [json.loads(line)["table"] for line in lines if line.startswith(b"{")]
    assert heads == ["bare", "notes", "a", "z"]
    assert sum(line.startswith(b"[") for line in lines) == 3 + 2_500


async def test_a_database_that_is_altered_is_read_again() -> None:
    """From its beginning, and not for ever."""
    left = 2

    async def read() -> int:
        nonlocal left
        left -= 1
        if left >= 0:
            raise Altered
        return left

    assert await _unaltered(read) == -1
    left = 9
    with pytest.raises(OutsideError, match="sql_server_unavailable"):
        await _unaltered(read)


async def test_a_machine_without_mariadb_is_told_before_anything(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(copies.services)
    done = await copies.back_up(sql=False)
    assert (done.databases, done.left_out_databases) == (0, 1)
    nowhere = {"mariadb_url": "mariadb://u@localhost?socket=/nowhere"}
    away = replace(copies, source=copies.source.model_copy(update=nowhere))
    with pytest.raises(OutsideError, match="sql_server_unavailable"):
        await away.back_up()
    await copies.back_up()
    monkeypatch.setattr(programs, "installed", lambda: False)
    with pytest.raises(OutsideError, match="sql_server_missing"):
        await copies.restore()
    assert tables_of(copies.target) == []
    assert not copies.target.data_dir.exists()
    far = copies.target.model_copy(update={"object_store": "s3://bucket"})
    with pytest.raises(OutsideError, match="sql_server_unset"):
        await replace(copies, target=far).restore()


async def test_a_name_that_no_platform_makes_is_refused(copies: Copies) -> None:
    """Names become part of statements of the server's own account."""
    await filled(copies.services)
    await copies.back_up()
    manifest = copies.place / NAME
    text = manifest.read_bytes().split(b"\n")[0]
    document = json.loads(text)
    document["databases"][0]["name"] = "mysql`; --"
    _write(manifest, json.dumps(document).encode())
    with pytest.raises(ConfigError, match="backup_damaged"):
        await copies.restore()


def _write(manifest: Path, text: bytes) -> None:
    manifest.write_bytes(text + b"\n" + sha256(text).hexdigest().encode() + b"\n")


async def _listed(copies: Copies) -> list[DatabaseCopy]:
    return (await manifests.read(Folder(copies.place))).databases


async def _names(copies: Copies) -> list[str]:
    return [each.name for each in await _listed(copies)]
