"""Pages that are only asked for again take a share of the time."""

import asyncio
from contextlib import ExitStack
from socket import create_connection
from urllib.parse import urlsplit

import pytest

from ferryman.console.pace import Pace
from tests.console.people import Console
from tests.kit.platform import PlatformProcess


async def test_one_page_at_a_time() -> None:
    """Who waits and leaves takes no turn from the others."""
    pace, made = Pace(), []
    entered = asyncio.Event()
    leave = asyncio.Event()

    async def first() -> None:
        async with pace:
            entered.set()
            await leave.wait()
            made.append("first")

    async def another(name: str) -> None:
        async with pace:
            made.append(name)

    begun = asyncio.create_task(first())
    await entered.wait()
    gone = asyncio.create_task(another("gone"))
    stays = asyncio.create_task(another("stays"))
    await asyncio.sleep(0)
    gone.cancel()
    leave.set()
    await asyncio.gather(begun, stays)
    assert made == ["first", "stays"]


async def test_a_page_that_fails_gives_its_turn_back() -> None:
    pace = Pace()
    for _ in range(2):
        with pytest.raises(KeyError):
            async with pace:
                raise KeyError


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
