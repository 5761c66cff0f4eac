"""SQL databases of apps: made at the first call, bounded, and dropped with app and customer."""

import asyncio
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ferryman.config import Settings
from ferryman.domain import sql as sql_rules
from ferryman.domain.access import Actor
from ferryman.errors import LimitExceeded, NotAllowed, OutsideError, PlatformError
from ferryman.services import app as app_service
from ferryman.services import app_removal, expunge, signing_key, sql_tables
from ferryman.services import customer as customer_service
from ferryman.services import sql as sql_service
from ferryman.services import state as state_service
from ferryman.services.key_ring import KeyRing
from ferryman.services.quota import SqlBytes
from ferryman.store.app import AppRow
from ferryman.store.mariadb import databases as mariadb_databases
from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.client import SqlAnswer, connect
from ferryman.store.mariadb.databases import AppDatabases
from ferryman.store.mariadb.server import EmbeddedMariaDB
from ferryman.vocab import AppKind, Role
from ferryman.wire.app import AppRegistration
from ferryman.wire.customer import CustomerRequest
from ferryman.wire.state import StateReset
from tests.kit.manifests import function_manifest
from tests.kit.services import Services
from tests.kit.sql import MODULE

pytestmark = pytest.mark.processes

MODULES = {"sql": MODULE}
ANN = Actor(name="ann", role=Role.ADMIN)
HARBOUR, QUAY = "https://harbour.example", "https://quay.example"


@pytest.fixture
def own(services: Services, mariadb_url: str) -> Services:
    """The services with that MariaDB, and an app that may use SQL on two sites."""
    services.platform.app_databases._url = mariadb_url
    return services


async def execute(services: Services, app: AppRow, query: str, *values: Any) -> list[bytes] | None:
    answer = await sql_service.execute(services.platform, app, query, values, len(query))
    return answer.rows


def databases(mariadb_url: str) -> set[str]:
    """Return what is there of all apps."""
    with connect(Address.parse(mariadb_url)) as session, session.cursor() as cursor:
        cursor.execute("SHOW DATABASES LIKE 'ferryman%'")
        made = {name for [name] in cursor.fetchall()}
        cursor.execute("SELECT User FROM mysql.user WHERE User LIKE 'ferryman%'")
        assert {name for [name] in cursor.fetchall()} == made
        return made


async def test_a_reset_and_a_removal_drop_the_databases(own: Services, mariadb_url: str) -> None:
    before = databases(mariadb_url)
    harbour, quay = await own.plan(HARBOUR, modules=MODULES), await own.plan(QUAY, modules=MODULES)
    for app in (harbour, quay):
        await execute(own, app, "CREATE TABLE t (n INT)")
    assert len(databases(mariadb_url) - before) == 2
    name = own.app.cloud_app_key
    await state_service.reset(own.platform, name, StateReset(site=HARBOUR))
    assert len(databases(mariadb_url) - before) == 1
    assert await execute(own, harbour, "SHOW TABLES") == []
    assert len(await execute(own, quay, "SHOW TABLES") or []) == 1
    await own.fetch("UPDATE transfer SET status = 'CANCELLED', settled_at = now()")
    await app_removal.remove(own.platform, name)
    assert databases(mariadb_url) == before
    # A function of it that still runs.
    with pytest.raises(NotAllowed, match="kvs_installation_gone"):
        await execute(own, quay, "SELECT 1")
    assert databases(mariadb_url) == before


async def test_a_customer_takes_along_the_databases_of_own_sites(
    own: Services, mariadb_url: str
) -> None:
    before = databases(mariadb_url)
    stays = await own.plan(HARBOUR, modules=MODULES)
    await customer_service.create(own.platform, CustomerRequest(customer="acme"), ANN)
    goes = await own.plan("https://acme.example", "acme", modules=MODULES)
    for app in (stays, goes):
        await execute(own, app, "CREATE TABLE t (n INT)")
    await own.fetch("UPDATE transfer SET status = 'CANCELLED', settled_at = now()")
    ring = KeyRing(*await signing_key.read(own.platform))
    await expunge.expunge(own.platform, ring, "acme", ANN)
    assert len(databases(mariadb_url) - before) == 1
    assert len(await execute(own, stays, "SHOW TABLES") or []) == 1


async def test_a_database_that_was_lost_is_made_again(own: Services, mariadb_url: str) -> None:
    """By its first call, as after a crash between two steps of making it."""
    app = await own.plan(HARBOUR, modules=MODULES)
    before = databases(mariadb_url)
    await execute(own, app, "CREATE TABLE t (n INT)")
    [name] = databases(mariadb_url) - before
    with connect(Address.parse(mariadb_url)) as session, session.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name}")
    assert await execute(own, app, "SHOW TABLES") == []
    with connect(Address.parse(mariadb_url)) as session, session.cursor() as cursor:
        cursor.execute(f"DROP USER '{name}'@'%'")
    assert await execute(own, app, "SHOW TABLES") == []


async def test_first_calls_at_once_are_all_answered(own: Services) -> None:
    """Each of them finds no database, and makes it."""
    app = await own.plan(HARBOUR, modules=MODULES)
    answers = await asyncio.gather(*(execute(own, app, "SELECT 1 AS n") for _ in range(24)))
    assert answers == [[b'{"n":1}']] * 24


async def test_the_operator_sees_tables_with_their_rows(own: Services) -> None:
    name = own.app.cloud_app_key
    for site, tables in ((QUAY, "ab"), (HARBOUR, ("C", "`"))):
        app = await own.plan(site, modules=MODULES)
        for table in tables:
            await execute(own, app, f"CREATE TABLE `{table.replace('`', '``')}` (n INT)")
        await execute(own, app, "CREATE VIEW v AS SELECT 1")
    await execute(own, app, "INSERT INTO c VALUES (1), (2)")
    found: list[tuple[str, str, int | None]] = []
    cursor = None
    while True:
        page = await sql_tables.page(own.platform, name, None, cursor=cursor, size=2)
        found += [(each.site, each.table, each.rows) for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [
        *((HARBOUR, "`", 0), (HARBOUR, "c", 2), (HARBOUR, "v", None)),
        *((QUAY, "a", 0), (QUAY, "b", 0), (QUAY, "v", None)),
    ]
    one = await sql_tables.page(own.platform, name, f"{QUAY}/", cursor=None, size=None)
    assert [each.table for each in one.items] == ["a", "b", "v"]
    done = await state_service.reset(own.platform, name, StateReset())
    assert (done.removed, done.databases) == (0, 2)
    assert (await sql_tables.page(own.platform, name, None, cursor=None, size=None)).items == []


async def test_an_app_has_a_greatest_number_of_tables(
    own: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_service, "SQL_TABLES", 2)
    app = await own.plan(HARBOUR, modules=MODULES)
    for name in "ab":
        await execute(own, app, f"CREATE TABLE {name} (n INT)")
    with pytest.raises(LimitExceeded, match="sql_too_many_tables"):
        await execute(own, app, "CREATE TABLE c (n INT)")
    await execute(own, app, "DROP TABLE b")
    await execute(own, app, "CREATE TABLE c (n INT)")


async def test_a_database_in_development_has_a_greatest_size(own: Services) -> None:
    """An empty table takes 64 KiB or more."""
    app = await own.plan(HARBOUR, modules=MODULES)
    object.__setattr__(own.platform, "sql_bytes", SqlBytes(1_000))
    await execute(own, app, "CREATE TABLE t (n INT)")
    object.__setattr__(own.platform, "sql_bytes", SqlBytes(1_000))
    with pytest.raises(LimitExceeded, match="sql_storage_exceeded"):
        await execute(own, app, "INSERT INTO t VALUES (1)")
    await execute(own, replace(app, environment="production"), "INSERT INTO t VALUES (1)")
    await execute(own, app, "DELETE FROM t")
    await execute(own, app, "DROP TABLE t")
    # It is looked at again at once.
    await execute(own, app, "CREATE TABLE t (n INT)")


async def test_a_statement_has_so_much_time(own: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that reads, and any other; the next one has as much again."""
    app = await own.plan(HARBOUR, modules=MODULES)
    await execute(own, app, "CREATE TABLE t (n INT)")
    monkeypatch.setattr(sql_rules, "SQL_READ_SECONDS", 0.1)
    monkeypatch.setattr(sql_rules, "SQL_WRITE_SECONDS", 0.1)
    for query in ("SELECT SLEEP(600)", "INSERT INTO t SELECT SLEEP(600)"):
        with pytest.raises(PlatformError, match="sql_query_timed_out"):
            await execute(own, app, query)
    monkeypatch.undo()
    assert await execute(own, app, "SELECT n FROM t") == []


async def test_the_size_is_not_asked_for_each_time() -> None:
    asked = []

    async def usage(database: str) -> tuple[int, int]:
        asked.append(database)
        return 1, 10

    sizes = SqlBytes(10)
    for _ in range(3):
        await sizes.admit("a", usage)
    await sizes.admit("b", usage)
    assert asked == ["a", "b"]


async def test_the_clock_of_the_platform_is_that_of_the_database(own: Services) -> None:
    app = await own.plan(HARBOUR, modules=MODULES)
    await own.advance(timedelta(days=30))
    before = await own.platform.database.now()
    [row] = await execute(own, app, "SELECT NOW() AS now") or []
    after = await own.platform.database.now()
    said = datetime.fromisoformat(json.loads(row)["now"]).replace(tzinfo=UTC)
    assert before.replace(microsecond=0) <= said <= after


async def test_the_server_starts_with_the_first_app_that_needs_it(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[EmbeddedMariaDB] = []

    def start(self: EmbeddedMariaDB, **_: object) -> None:
        started.append(self)

    monkeypatch.setattr(EmbeddedMariaDB, "start", start)
    platform = services.platform
    assert platform.app_databases._threads is None
    manifest = function_manifest()
    manifest["modules"]["sql"] = MODULE
    request = AppRegistration(
        kind=AppKind.FORGE,
        server_app_key="server-of-sql",
        cloud_app_key="cloud-of-sql",
        manifest=manifest,
        source=services.app.source,
    )
    await app_service.register(platform, request)
    platform.app_databases._executor().shutdown(wait=True)
    assert len(started) == 1


async def test_a_platform_that_stops_starts_no_server(services: Services) -> None:
    app = await services.plan(HARBOUR, modules=MODULES)
    services.platform.app_databases.close()
    with pytest.raises(OutsideError, match="a platform that stops"):
        await execute(services, app, "SELECT 1")


async def test_a_server_that_is_not_there_is_told(services: Services) -> None:
    app = await services.plan(HARBOUR, modules=MODULES)
    services.platform.app_databases._url = "mariadb://u@localhost?socket=/nowhere"
    with pytest.raises(OutsideError, match="sql_server_unavailable"):
        await execute(services, app, "SELECT 1")


async def test_what_no_server_could_make_is_not_to_be_dropped(services: Services) -> None:
    """Or an app could not be removed on a machine without MariaDB."""
    app = await services.plan(HARBOUR, modules=MODULES)
    services.platform.app_databases._url = "mariadb://u@localhost?socket=/nowhere"
    with pytest.raises(OutsideError, match="sql_server_unavailable"):
        await execute(services, app, "SELECT 1")
    await services.fetch("UPDATE transfer SET status = 'CANCELLED', settled_at = now()")
    await app_removal.remove(services.platform, services.app.cloud_app_key)


async def test_a_server_that_refuses_the_platform_is_told(own: Services, mariadb_url: str) -> None:
    app = await own.plan(HARBOUR, modules=MODULES)
    own.platform.app_databases._url = mariadb_url.replace("//root@", "//nobody:wrong@")
    for _ in range(2):
        with pytest.raises(OutsideError, match="sql_server_refused") as refused:
            await execute(own, app, "SELECT 1")
        assert "wrong" not in str(refused.value)


async def test_a_site_shows_nothing_of_one_that_had_its_id(own: Services) -> None:
    """As after a restore, which gives out again the ids of sites that were made since."""
    await execute(own, await own.plan(HARBOUR, modules=MODULES), "CREATE TABLE t (n INT)")
    await own.fetch("DELETE FROM app_site")
    await own.fetch("ALTER TABLE app_site ALTER COLUMN app_site_id RESTART")
    assert await execute(own, await own.plan(QUAY, modules=MODULES), "SHOW TABLES") == []


async def test_slow_statements_of_one_app_hold_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go, statement = threading.Event(), sql_rules.checked("SELECT 1")
    own = AppDatabases("mariadb://u@localhost", None)

    def run(address: Address, *_: object, **__: object) -> SqlAnswer:
        if address.database == "slow":
            go.wait()
        return SqlAnswer([])

    async def execute(database: str) -> SqlAnswer:
        return await own.run(database, b"", statement, [], now=None, greatest=1)

    monkeypatch.setattr(mariadb_databases, "run", run)
    slow = [asyncio.create_task(execute("slow")) for _ in range(100)]
    try:
        await asyncio.sleep(0)
        async with asyncio.timeout(60):
            await execute("quick")
        assert not any(each.done() for each in slow)
    finally:
        go.set()
    assert len(await asyncio.gather(*slow)) == 100
    own.close()


async def test_several_machines_need_an_address(services: Services, tmp_path: Path) -> None:
    app = await services.plan(HARBOUR, modules=MODULES)
    settings = Settings(object_store="s3://bucket")
    platform = replace(services.platform, settings=settings)
    with pytest.raises(OutsideError, match="sql_server_unset"):
        await sql_service.execute(platform, app, "SELECT 1", [], 8)
    assert isinstance(platform.app_databases, AppDatabases)
