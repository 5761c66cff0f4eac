"""Look for troubles and tell sinks of them, beside the API."""

import asyncio
from contextlib import AsyncExitStack

from ferryman.delivery.teller import NoticeTeller, Send
from ferryman.services.platform import Platform
from ferryman.store.notice_sink import Telling


async def tell_notices(platform: Platform, stop: asyncio.Event) -> None:
    """Run until ``stop`` is set, with a client that is opened when there is something to tell.

    A drill tells nobody: what it restored is no trouble of the real platform.
    """
    settings, opening = platform.settings, asyncio.Lock()
    if settings.no_delivery:
        return
    opened: list[Send] = []
    async with AsyncExitStack() as stack:

        async def send(telling: Telling) -> str | None:
            async with opening:
                if not opened:
                    # Importing the client takes a tenth of the start.
                    from ferryman.delivery.notice_sender import NoticeSender
                    from ferryman.delivery.remote import open_sender

                    remotes = await stack.enter_async_context(
                        open_sender(
                            private=settings.posts_to_private_addresses, proxies=settings.proxies
                        )
                    )
                    opened.append(NoticeSender(remotes, settings))
            return await opened[0](telling)

        await NoticeTeller(platform, send, stop).run()
