"""What a database can be like when the platform starts: usable, refused at once, or waited for."""

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from ferryman.errors import ConfigError, OutsideError
from ferryman.store import availability as availability_store
from ferryman.store import servers as servers_store
from ferryman.store.availability import is_transient, wait_until_available
from ferryman.store.database import Database
from ferryman.store.embedded import EmbeddedPostgres
from tests.kit.database import execute
from tests.kit.pgbouncer import needs_pgbouncer, pooling
from tests.kit.platform import free_port
from tests.kit.postgres import PostgresServer, needs_postgresql


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of these tests alone, where the role ``locked`` has a password."""
    folder = tmp_path_factory.mktemp("reached")
    postgres = EmbeddedPostgres(folder)
    url = postgres.start()
    try:
        rules = folder / "postgres" / "pg_hba.conf"
        rules.write_text("local all locked scram-sha-256\n" + rules.read_text())
        asyncio.run(
            execute(
                url,
                "CREATE ROLE locked LOGIN PASSWORD 'right'",
                "CREATE ROLE stranger LOGIN",
                "SELECT pg_reload_conf()",
                "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
                "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0",
                "CREATE DATABASE closed",
                "REVOKE CONNECT ON DATABASE closed FROM public",
            )
        )
        yield url
    finally:
        postgres.stop()


def at(server: str, *, user: str = "postgres:", database: str = "postgres", more: str = "") -> str:
    """The address of another user or database there."""
    parts = urlsplit(server)
    return urlunsplit(
        parts._replace(netloc=f"{user}@", path=f"/{database}", query=parts.query + more)
    )


async def shown(url: str, *statements: str) -> list[Any]:
    """What each statement gives, by a pool as the platform has it."""
    pool = await wait_until_available(url, size=1)
    try:
        return [await pool.fetchval(each) for each in statements]
    finally:
        pool.terminate()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test where something is waited for that cannot pass."""

    async def never(_seconds: float) -> None:
        pytest.fail("it was waited")

    monkeypatch.setattr(asyncio, "sleep", never)
    # Else a slow machine takes the server for one that is not there yet.
    monkeypatch.setattr(servers_store, "_SECONDS", 90.0)


async def refusal(url: str) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        await wait_until_available(url, size=1)
    return refused.value


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("part", "code", "found"),
    [
        ({"database": "missing"}, "database_refused", 'database "missing" does not exist (3D000)'),
        ({"user": "nobody:"}, "database_refused", 'role "nobody" does not exist (28000)'),
        ({"user": "locked:wrong"}, "database_refused", "(28P01)"),
        ({"user": "stranger:", "database": "closed"}, "database_refused", "(42501)"),
        ({"more": "&options=-c%20nonsense=1"}, "database_refused", "(42704)"),
        ({"more": "&connect_timeout=5"}, "database_url_invalid", "connect_timeout"),
        ({"database": "latin"}, "database_encoding", "LATIN1"),
        ({"database": "ascii"}, "database_encoding", "SQL_ASCII"),
    ],
)
async def test_what_stays_as_it_is_is_refused_at_once(
    server: str, part: dict[str, str], code: str, found: str
) -> None:
    """In the server's words, where it said something; the password is told to nobody."""
    problem = await refusal(at(server, **part))
    assert problem.code == code
    assert found in problem.found
    assert "wrong" not in str(problem)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://me:secret@127.0.0.1/db",
        "mysql://me:secret@127.0.0.1/db",
        "host=127.0.0.1 password=secret",
        "postgresql://me:se/cret@127.0.0.1/db",
        "postgresql://me:se#cret@127.0.0.1/db",
        "postgresql://me:secret@127.0.0.1:port/db",
        "postgresql://me:secret@127.0.0.1/db?port=none",
        "postgresql://me:secret@127.0.0.1/db?sslmode",
        "postgresql://me:secret@127.0.0.1/db?connect_timeout=5",
    ],
)
async def test_an_address_that_leads_nowhere_is_refused_at_once(url: str) -> None:
    """Before anything is sent, and without what may be a password."""
    problem = await refusal(url)
    assert problem.code == "database_url_invalid"
    assert "cret" not in str(problem)


async def test_a_server_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line says for what."""
    monkeypatch.setattr(availability_store, "_PATIENCE_SECONDS", 0.0)
    url = f"postgresql://me:secret@127.0.0.1:{free_port()}/db"
    with pytest.raises(OutsideError) as gone:
        await wait_until_available(url, size=1)
    assert gone.value.code == "database_unavailable"
    assert "127.0.0.1" in gone.value.expected
    assert "secret" not in str(gone.value)


@pytest.mark.parametrize(
    ("problem", "passes"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (asyncpg.CannotConnectNowError("the database system is starting up"), True),
        (asyncpg.AdminShutdownError(""), True),
        (asyncpg.TooManyConnectionsError("sorry, too many clients already"), True),
        (asyncpg.ReadOnlySQLTransactionError(""), True),
        (asyncpg.exceptions.TargetServerAttributeNotMatched(), True),
        (asyncpg.InvalidPasswordError(""), False),
        (asyncpg.InvalidCatalogNameError(""), False),
        (asyncpg.InsufficientPrivilegeError(""), False),
        (asyncpg.UndefinedObjectError(""), False),
        (asyncpg.InterfaceError(""), False),
        (PermissionError(), False),
        (ssl.SSLCertVerificationError(), False),
    ],
)
def test_only_what_can_pass_is_waited_for(problem: Exception, passes: bool) -> None:
    assert is_transient(problem) is passes


ODD = {
    "default_transaction_isolation": "serializable",
    "statement_timeout": "1h",
    "lock_timeout": "1ms",
    "idle_session_timeout": "1s",
    "timezone": "Asia/Tokyo",
    "datestyle": "German",
    "intervalstyle": "sql_standard",
    "search_path": "nowhere",
}


async def test_defaults_of_a_role_change_nothing(server: str) -> None:
    """Neither on a session that is new, nor on one that was cleared for the next user."""
    role, name = f"odd_{uuid4().hex[:8]}", f"odd_{uuid4().hex[:8]}"
    values = [f"ALTER ROLE {role} SET {key} = '{value}'" for key, value in ODD.items()]
    await execute(
        server, f"CREATE ROLE {role} LOGIN", f"CREATE DATABASE {name} OWNER {role}", *values
    )
    url = at(server, user=f"{role}:", database=name)
    wanted = ["read committed", "1min", "0", "0", "UTC", "ISO, MDY", "postgres", "public"]
    statements = [f"SHOW {key}" for key in ODD]
    assert await shown(url, *statements) == wanted

    async def cleared() -> list[Any]:
        pool = await wait_until_available(url, size=1)
        try:
            async with Database(pool, virtual=False).connection() as connection:
                await connection.execute("SET statement_timeout = 0; SET search_path = pg_catalog")
            return [await pool.fetchval(each) for each in statements]
        finally:
            pool.terminate()

    assert await cleared() == wanted


async def test_a_schema_that_was_chosen_is_kept(server: str) -> None:
    name = f"schema_{uuid4().hex[:8]}"
    await execute(server, f'CREATE SCHEMA "{name} x"', f"CREATE SCHEMA {name}")
    assert await shown(
        at(server, more=f"&options=-c%20search_path={name}"), "SELECT current_schema()"
    ) == [name]
    assert await shown(at(server, more="&search_path=public"), "SELECT current_schema()") == [
        "public"
    ]


@pytest.fixture(scope="module")
def pooled() -> Iterator[PostgresServer]:
    """A server to put a pooler before: one that listens on a port."""
    found = PostgresServer("pooled")
    try:
        found.create()
        found.start("fsync=off")
        yield found
    finally:
        found.close()


@needs_pgbouncer
@needs_postgresql
async def test_pgbouncer_in_session_mode_is_as_good_as_the_server(pooled: PostgresServer) -> None:
    with pooling(pooled, "session") as url:
        assert await shown(url, "SHOW statement_timeout") == ["1min"]


@needs_pgbouncer
@needs_postgresql
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_pgbouncer_in_another_mode_is_refused_by_name(
    pooled: PostgresServer, mode: str
) -> None:
    """Before a lock is taken, which would stay behind on a session of others."""
    with pooling(pooled, mode) as url:
        problem = await refusal(url)
    assert problem.code == "database_pooled"
    assert "pool_mode = session" in problem.fix


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ({"database": "missing"}, "3D000"),
        ({"user": "stranger:"}, "42501"),
        ({"more": "&connect_timeout=5"}, "connect_timeout"),
    ],
)
def test_serve_ends_with_one_line(
    server: str, tmp_path: Path, part: dict[str, str], found: str
) -> None:
    """No traceback: whoever starts it reads what is wrong and what to do."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
    done = subprocess.run(
        [sys.executable, "-m", "ferryman", "serve", "--data-dir", str(tmp_path), "--port", "0"],
        env={**own, "FERRYMAN_DATABASE_URL": at(server, **part)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2
    assert found in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
