"""Names whose servers keep silent hold up the app that they are of, and no other."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from ferryman.delivery.resolver import OWNER, BoundedResolver

APPS, HOSTS = 5, 40


async def test_an_app_whose_names_hang_keeps_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goes_on, really = threading.Event(), socket.getaddrinfo
    asked: list[str] = []

    def look(host: str, *rest: Any, **options: Any) -> Any:
        if host.endswith(".silent"):
            asked.append(host)
            goes_on.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "no server answered")
        return really(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look)

    names = BoundedResolver()

    async def resolve(app: str, host: str) -> list[Any]:
        OWNER.set(app)
        return list(await names.resolve(host, 80))

    hanging = [
        asyncio.create_task(resolve(f"app-{app}", f"{app}-{host}.silent"))
        for app in range(APPS)
        for host in range(HOSTS)
    ]
    try:
        async with asyncio.timeout(60):
            found = await resolve("other", "localhost")
            assert {(each["host"], each["port"]) for each in found} == {("127.0.0.1", 80)}
        # Whoever waited has given up; the threads are still at it.
        for each in hanging:
            each.cancel()
        await asyncio.wait(hanging)
        assert len(asked) <= APPS * 4
        second = asyncio.create_task(resolve("app-0", "localhost"))
        await asyncio.sleep(0)
        assert not second.done()
    finally:
        goes_on.set()
    async with asyncio.timeout(60):
        assert await second, "it goes on when its own look-ups have ended"
    await names.close()
