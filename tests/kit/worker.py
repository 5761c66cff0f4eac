"""A real worker within the test's own process, over the services of the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from ferryman.delivery import worker as delivery_worker
from ferryman.services.key_ring import KeyRing
from ferryman.tokens import SigningKey
from tests.kit.services import Services

SECONDS = 120


@asynccontextmanager
async def running_worker(
    services: Services, database: str, listening: str | None = None
) -> AsyncIterator[None]:
    """Run a worker; ``listening`` is another address by which it hears of messages."""
    stop = asyncio.Event()
    key = KeyRing(SigningKey.generate())
    task = asyncio.create_task(
        delivery_worker.run(services.platform, key, listening or database, stop)
    )
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(SECONDS):
            await task


async def until(probe: Callable[[], Awaitable[bool]]) -> None:
    """Wait until ``probe`` is true."""
    async with asyncio.timeout(SECONDS):
        while not await probe():  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.05)
