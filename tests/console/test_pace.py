"""Pages that are only asked for again take a share of the time, and nobody waits for them.

A lock in the database holds one page back for as long as a test wants, so that others wait.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from socket import create_connection
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

from ferryman.console.pace import QUEUE, Pace, rest
from ferryman.store.socket_path import socket_folder
from tests.console.people import Console
from tests.kit.platform import PlatformProcess, wait_until

AGAIN = {"x_requested_with": "console"}


async def test_one_page_at_a_time() -> None:
    """Who waits and leaves takes no turn from the others."""
    pace, made = Pace(), []
    stays = asyncio.get_running_loop().create_future()
    leaves = asyncio.get_running_loop().create_future()
    entered, leave = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with pace.again(stays) as here:
            entered.set()
            await leave.wait()
            made.append(("first", here))

    async def another(name: str, gone: "asyncio.Future[Any]") -> None:
        async with pace.again(gone) as here:
            made.append((name, here))

    begun = asyncio.create_task(first())
    await entered.wait()
    ended = asyncio.create_task(another("ended", stays))
    left = asyncio.create_task(another("left", leaves))
    third = asyncio.create_task(another("third", stays))
    await asyncio.sleep(0)
    ended.cancel()
    leaves.set_result(None)
    await left
    assert made == [("left", False)]
    leave.set()
    await asyncio.gather(begun, third)
    assert made[1:] == [("first", True), ("third", True)]
    assert pace.waiting == 0


async def test_a_page_that_fails_gives_its_turn_back() -> None:
    pace = Pace()
    stays: Any = asyncio.get_running_loop().create_future()
    for _ in range(2):
        with pytest.raises(KeyError):
            async with pace.again(stays):
                raise KeyError


async def test_a_page_waits_for_one_that_somebody_opens() -> None:
    pace, made = Pace(), []
    stays: Any = asyncio.get_running_loop().create_future()

    async def again() -> None:
        async with pace.again(stays):
            made.append("again")

    with pace.opening():
        waits = asyncio.create_task(again())
        for _ in range(10):
            await asyncio.sleep(0)
        made.append("opened")
    await waits
    assert made == ["opened", "again"]


@contextmanager
def held(platform: PlatformProcess) -> Iterator[None]:
    """Hold back every page with a list of transfers."""
    address = platform.database_url
    if address is None:
        folder = quote(str(socket_folder((platform.data_dir / "postgres").resolve())), safe="/")
        address = f"postgresql://postgres@/postgres?host={folder}"
    with asyncio.Runner() as runner:
        connection: Any = runner.run(_locking(address))
        try:
            yield
        finally:
            runner.run(connection.close())


async def _locking(address: str) -> Any:
    connection: Any = await asyncpg.connect(address)
    await connection.execute("BEGIN")
    await connection.execute("LOCK TABLE migration_scope IN ACCESS EXCLUSIVE MODE")
    return connection


def ask_again(console: Console, page: str) -> socket.socket:
    """Ask for a page as an open one does; the answer isn't read."""
    to = urlsplit(console.url)
    assert to.hostname
    assert to.port
    cookie = "; ".join(f"{name}={value}" for name, value in console.cookies.items())
    client = socket.create_connection((to.hostname, to.port), timeout=60)
    client.sendall(
        f"GET {to.path}/{page} HTTP/1.1\r\nhost: {to.netloc}\r\ncookie: {cookie}\r\n"
        "x-requested-with: console\r\n\r\n".encode()
    )
    return client


def status_of(client: socket.socket) -> int:
    """Return the status of the answer once it comes."""
    with closing(client):
        return int(client.recv(100).split()[1])


def answered(client: socket.socket) -> bool:
    """Return whether an answer has begun."""
    client.setblocking(False)
    try:
        return bool(client.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        client.settimeout(60)


def test_clients_that_left_take_no_turn(
    platform_process: PlatformProcess, console: Console
) -> None:
    """The queue is bounded, and those who left make room in it while one page is still made."""
    with held(platform_process):
        first = ask_again(console, "migrations")
        crowd: list[socket.socket] = []

        def refused() -> list[socket.socket]:
            crowd.append(ask_again(console, "migrations"))
            return [each for each in crowd if answered(each)]

        wait_until(refused)
        assert len(crowd) > QUEUE
        assert all(status_of(each) == 503 for each in refused())
        # Whoever opens a page gets it nevertheless.
        assert console.get("migrations/new").status == 200
        for each in crowd:
            each.close()

        def waits() -> bool:
            crowd.append(ask_again(console, "migrations"))
            # A refusal comes before what is asked for later.
            return not any(opened() or answered(crowd[-1]) for _ in range(5))

        def opened() -> bool:
            return console.get("migrations/new").status != 200

        wait_until(waits)
        stays = crowd[-1]
        assert not answered(first)
    assert status_of(first) == 200
    assert status_of(stays) == 200
    for each in crowd:
        each.close()


def test_a_form_that_does_not_come_holds_up_no_page(platform_process: PlatformProcess) -> None:
    """Anybody may send one, and as slowly as they like."""
    address = urlsplit(platform_process.url)
    head = (
        "POST /console/sign-in HTTP/1.1\r\nHost: a\r\nX-Requested-With: console\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n"
    )
    nobody = Console(platform_process)
    with ExitStack() as slow:
        # So many that one after the other they would take longer than a page is waited for.
        for _ in range(4):
            sending = slow.enter_context(create_connection((address.hostname, address.port)))
            sending.sendall(head.encode())
        # Until they are being answered, pages may still come before them.
        for _ in range(20):
            assert nobody.get("sign-in", x_requested_with="console").status == 200


def test_a_stream_holds_up_no_page(console: Console) -> None:
    """A turn ends when the answer begins, whenever that ends."""
    address = urlsplit(console.url)
    cookies = "; ".join(f"{name}={value}" for name, value in console.cookies.items())
    head = f"GET {address.path}/stream HTTP/1.1\r\nHost: a\r\nX-Requested-With: console\r\n"
    with create_connection((address.hostname, address.port)) as stream:
        stream.sendall(f"{head}Cookie: {cookies}\r\n\r\n".encode())
        assert stream.recv(12) == b"HTTP/1.1 200"
        assert console.get(x_requested_with="console").status == 200


@pytest.mark.parametrize(
    ("took", "waiting", "seconds"),
    [
        (0.02, 0, 0.08),
        (0.2, 0, 0.2),
        (0.02, 1, 0.18),
        (0.02, 50, 0.02 * (1 / 0.03 - 1)),
        (0.2, 50, 1.0),
    ],
)
def test_the_more_wait_the_longer_is_the_rest(took: float, waiting: int, seconds: float) -> None:
    assert rest(took, waiting) == pytest.approx(seconds)
