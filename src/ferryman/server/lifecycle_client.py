"""Post lifecycle events from the API, with a client that is opened when the first one is due.

Importing the client takes a tenth of the start, and most platforms have no Connect app.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from ferryman import refusals
from ferryman.domain.outcome import Outcome
from ferryman.services.lifecycle import Post

if TYPE_CHECKING:
    from ferryman.config import Settings


@asynccontextmanager
async def lifecycle_client(settings: "Settings") -> AsyncIterator[Post]:
    """Yield what posts one event; what it opened is closed at the end.

    Without deliveries it posts nothing, and raises ``OutsideError`` (``delivery_off``).
    """
    opening = asyncio.Lock()
    opened: list[Post] = []
    async with AsyncExitStack() as stack:

        async def post(
            url: str, payload: Mapping[str, object], headers: Mapping[str, str]
        ) -> Outcome:
            if settings.no_delivery:
                raise refusals.backup.NO_DELIVERY()
            async with opening:
                if not opened:
                    opened.append(await _open(settings, stack))
            return await opened[0](url, payload, headers)

        yield post


async def _open(settings: "Settings", stack: AsyncExitStack) -> Post:
    from ferryman.delivery.lifecycle import LifecycleSender
    from ferryman.delivery.remote import open_sender

    sender = await stack.enter_async_context(
        open_sender(private=settings.posts_to_private_addresses, proxies=settings.proxies)
    )
    return LifecycleSender(sender, settings.remote_seconds)
