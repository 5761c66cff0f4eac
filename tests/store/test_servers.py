"""Of the servers that an address names, the one that can be used is found."""

import socket
from contextlib import closing

import pytest

from ferryman.store import servers as servers_store
from ferryman.store.servers import Servers, urls_of
from tests.kit.platform import free_port
from tests.kit.postgres import PostgresServer, needs_postgresql

OPTIONS = "db?target_session_attrs=read-write"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (
            f"postgresql://me:pw@a:1,b:2/{OPTIONS}",
            [f"postgresql://me:pw@a:1/{OPTIONS}", f"postgresql://me:pw@b:2/{OPTIONS}"],
        ),
        ("postgresql://[::1]:1,[::2]/db", ["postgresql://[::1]:1/db", "postgresql://[::2]/db"]),
        ("postgresql://me@h/db?host=/run/a", ["postgresql://me@h/db?host=/run/a"]),
        ("postgres:///db", ["postgres:///db"]),
    ],
)
def test_each_server_of_an_address_has_one_of_its_own(url: str, found: list[str]) -> None:
    assert urls_of(url) == found


async def connect_twice(*urls: str) -> list[str]:
    """The order of the servers after two connections."""
    found = Servers("postgresql://a,b/db")
    found.urls[:] = urls
    for _ in range(2):
        connection = await found.connect()
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
    return found.urls


async def test_a_server_that_is_gone_costs_no_more_than_its_own_time(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        gone, closed = (
            f"postgresql://me@127.0.0.1:{port}/db",
            f"postgresql://127.0.0.1:{free_port()}",
        )
        for seconds in (1.0, 10.0, 60.0):
            monkeypatch.setattr(servers_store, "_SECONDS", seconds)
            try:
                order = await connect_twice(gone, closed, database)
            except OSError:
                continue  # a slow machine needs longer for the good one too
            break
        assert order == [database, gone, closed]


async def test_a_server_of_another_kind_is_passed_over(database: str) -> None:
    mark = "&" if "?" in database else "?"
    standby = f"{database}{mark}target_session_attrs=standby"
    assert await connect_twice(standby, database) == [database, standby]


@pytest.mark.parametrize("suffix", ["", "/db?target_session_attrs=standby"])
async def test_without_any_the_last_error_says_why(suffix: str) -> None:
    url = f"postgresql://127.0.0.1:{free_port()},127.0.0.1:{free_port()}{suffix}"
    with pytest.raises(OSError, match="Connect"):
        await Servers(url).connect()


@needs_postgresql
async def test_a_connection_that_is_silent_for_long_is_ended_by_the_kernel() -> None:
    server = PostgresServer("silent")
    try:
        server.create()
        server.start("fsync=off")

        async def run() -> None:
            connection = await Servers(server.url).connect()
            own = connection._transport.get_extra_info("socket")
            assert own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 25_000
            await connection.close()

        await run()
    finally:
        server.close()
