"""Answering HTTP: the API over a platform, in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from ferryman.api.app import create_app
from ferryman.api.auth import Credentials
from ferryman.api.door import Door
from ferryman.config import Settings
from ferryman.delivery.lifecycle import LifecycleSender
from ferryman.delivery.remote import RemoteSender, open_session
from ferryman.server.build import build

log = structlog.get_logger("ferryman.serve")

_READ_BUFFER = 1 << 20
"""Bytes taken from a connection at once: large, since most of what arrives is file parts."""

_ANSWER_SECONDS = 30.0
"""For what has begun when we are told to end."""

_CLOSE_SECONDS = 5.0


@asynccontextmanager
async def answering(
    settings: Settings, database_url: str, operator_token: str, closing: asyncio.Event
) -> AsyncIterator["asyncio.Task[None]"]:
    """Answer requests from now on; the task that is given ends only if the server does.

    At the end what has begun is answered, within a bound, and what comes then is refused.
    """
    async with (
        build(settings, database_url, check_store=True) as built,
        open_session(private=settings.posts_to_private_addresses) as session,
    ):
        credentials = Credentials(operator_token, built.key)
        send = LifecycleSender(RemoteSender(session), settings.remote_seconds)
        door = Door(create_app(built.platform, credentials, closing, send))
        server = Server(
            door,
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            backlog=1024,
            log_enabled=False,
            http1_settings=HTTP1Settings(max_buffer_size=_READ_BUFFER),
            websockets=False,
        )
        serving = asyncio.create_task(server.serve())
        await _until_listening(settings, serving)
        try:
            yield serving
        finally:
            closing.set()
            if not await door.shut(_ANSWER_SECONDS):
                log.warning("requests.cut_off", seconds=_ANSWER_SECONDS)
            server.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait({serving}, timeout=_CLOSE_SECONDS)


async def _until_listening(settings: Settings, serving: "asyncio.Task[None]") -> None:
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(settings.host, settings.port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    await serving
