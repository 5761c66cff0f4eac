"""A function that connects, or asks for names, without end holds up no other of its worker."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ferryman.functions.sandbox import listeners as listening
from ferryman.functions.sandbox.access import access
from ferryman.functions.sandbox.listeners import ForwardedListeners
from tests.sandbox.test_names import query

MOST, TRIED = 5, 12
FOREVER = 1e9


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    monkeypatch.setattr(listening, "_MOST_IN_A_WINDOW", MOST)
    monkeypatch.setattr(listening, "_WINDOW_SECONDS", FOREVER)
    with ExitStack() as stack:
        yield stack


def served(stack: ExitStack) -> tuple[ForwardedListeners, tuple[str, int], tuple[str, int]]:
    """The listeners of a sandbox, whose network is our own here, and the two addresses."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    names = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    names.bind(("127.0.0.1", 0))
    found = listener.getsockname(), names.getsockname()
    reach = access(["http://here.test"])
    listeners = ForwardedListeners([listener, names], reach, private=False)
    stack.callback(listeners.close)
    return listeners, *found


async def until_it_rests(listeners: ForwardedListeners) -> None:
    async with asyncio.timeout(60):
        while not listeners._resting:  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0.01)


async def test_questions_for_names_wait(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    listeners, _, address = served(stack)
    asking = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    asking.setblocking(False)
    for _ in range(TRIED):
        asking.sendto(query("here.test"), address)
    await until_it_rests(listeners)
    async with asyncio.timeout(60):
        for _ in range(MOST):
            await asyncio.get_running_loop().sock_recv(asking, 512)
    with pytest.raises(BlockingIOError):
        asking.recv(512)
    monkeypatch.setattr(listening, "_WINDOW_SECONDS", 0.0)
    listeners._rested()
    async with asyncio.timeout(60):
        for _ in range(TRIED - MOST):
            await asyncio.get_running_loop().sock_recv(asking, 512)


async def test_connections_wait(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    listeners, address, _ = served(stack)
    calls = [stack.enter_context(socket.create_connection(address)) for _ in range(TRIED)]
    for each in calls:
        each.setblocking(False)
    await until_it_rests(listeners)
    async with asyncio.timeout(60):
        for each in calls[:MOST]:
            with pytest.raises(ConnectionResetError):  # nothing is granted
                await asyncio.get_running_loop().sock_recv(each, 1)
    for each in calls[MOST:]:
        with pytest.raises(BlockingIOError):
            each.recv(1)
    monkeypatch.setattr(listening, "_WINDOW_SECONDS", 0.0)
    listeners._rested()
    async with asyncio.timeout(60):
        for each in calls[MOST:]:
            with pytest.raises(ConnectionResetError):
                await asyncio.get_running_loop().sock_recv(each, 1)
