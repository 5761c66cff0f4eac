"""Run the notice dispatcher beside the API."""

import asyncio
from contextlib import AsyncExitStack

from ferryman.delivery.notice_dispatcher import NoticeDispatcher, Send
from ferryman.services.platform import Platform
from ferryman.store.notice_sink import Telling


async def dispatch_notices(platform: Platform, stop: asyncio.Event) -> None:
    """Look for troubles and send notices until ``stop`` is set.

    The HTTP client is opened for the first notice. A restored platform that delivers nothing sends
    no notices either: what it finds is no trouble of the real platform.
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

        await NoticeDispatcher(platform, send, stop).run()
