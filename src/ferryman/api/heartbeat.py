"""Signs of life on a stream that has nothing to say."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")

HEARTBEAT_SECONDS = 15.0
"""Proxies and load balancers cut a connection after 50 to 60 seconds of silence."""


async def with_heartbeat(
    items: AsyncIterator[T], seconds: float = HEARTBEAT_SECONDS
) -> AsyncIterator[T | None]:
    """Give ``items`` as they come, and None each time that none came for ``seconds``."""
    coming = asyncio.ensure_future(anext(items, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=seconds)
            if not done:
                yield None
                continue
            item = coming.result()
            if item is None:
                return
            yield item
            coming = asyncio.ensure_future(anext(items, None))
    finally:
        coming.cancel()
