"""A platform of its own for an app under test: API, door and worker in this one process."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from ferryman.config import Settings
from ferryman.delivery import worker
from ferryman.delivery.remote import RemoteSender, open_session
from ferryman.server.answer import answering
from ferryman.server.build import Built, build
from ferryman.server.operator import operator_token
from ferryman.server.serve import free_port
from ferryman.services.platform import Platform
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.weather.conductor import Conductor
from ferryman.weather.door import Door
from ferryman.weather.sending import Gate, WeatherPool, WeatherSender
from ferryman.weather.sky import Sky

_HOST = "127.0.0.1"
_END_SECONDS = 3.0
_PLACES = 16
"""Functions at once: half of them for one app, so many events can wait for each other."""


class OwnSettings(Settings):
    """Settings that no variable changes: a test must not reach a database that is in use."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in code."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Stage:
    """The running platform. Apps reach it at ``door_url``, everybody else at ``url``."""

    platform: Platform
    pool: WeatherPool
    sky: Sky
    conductor: Conductor
    url: str
    door_url: str
    environ: Mapping[str, str]


@asynccontextmanager
async def open_stage(
    folder: Path, *, database_url: str | None = None, function_seconds: float = 25.0
) -> AsyncIterator[Stage]:
    """A platform in ``folder``, on the virtual clock, for the length of a block."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True, mode=0o700)
    door_url = f"http://{_HOST}:{free_port(_HOST)}"
    settings = OwnSettings(
        data_dir=folder,
        host=_HOST,
        port=free_port(_HOST),
        public_url=door_url,
        clock="virtual",
        private_addresses="allow",
        function_seconds=function_seconds,
    )
    own_url = f"http://{_HOST}:{settings.port}"
    async with AsyncExitStack() as stack:
        url = database_url or await _database(folder, stack)
        token = operator_token(folder)
        await stack.enter_async_context(answering(settings, url, token, asyncio.Event()))
        built = await stack.enter_async_context(build(settings, url))
        yield await assemble(stack, built, url, own_url, Sky())


async def assemble(
    stack: AsyncExitStack, built: Built, database_url: str, url: str, sky: Sky
) -> Stage:
    """Door and worker for a platform that is there at ``url``, until the stack ends.

    The door is where the platform's settings say that apps reach it.
    """
    settings = built.platform.settings
    session = await stack.enter_async_context(open_session(private=True))
    pool = await stack.enter_async_context(
        WeatherPool(concurrency=_PLACES, memory_bytes=settings.function_memory_bytes)
    )
    environ, remotes = dict(os.environ), RemoteSender(session)
    sender = WeatherSender(
        built.platform, built.key, functions=pool, remotes=remotes, environ=environ
    )
    sender.gate = Gate()
    conductor = Conductor(built.platform, sky, sender)
    address = urlsplit(settings.base_url)
    door = Door(sky, url).listening(address.hostname or _HOST, address.port or 80)
    await stack.enter_async_context(door)
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(worker.work(built.platform, database_url, stop, sender, pool)),
        asyncio.create_task(conductor.run(stop)),
    ]
    stack.push_async_callback(_end, stop, tasks)
    return Stage(built.platform, pool, sky, conductor, url, settings.base_url, environ)


async def _end(stop: asyncio.Event, tasks: "list[asyncio.Task[None]]") -> None:
    """In order if that goes quickly, else at once."""
    stop.set()
    await asyncio.wait(tasks, timeout=_END_SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _database(folder: Path, stack: AsyncExitStack) -> str:
    """An embedded server that need not survive a power cut."""
    postgres = EmbeddedPostgres(folder)
    url = await asyncio.to_thread(postgres.start)
    stack.push_async_callback(asyncio.to_thread, postgres.stop)
    connection: Any = await asyncpg.connect(url)
    try:
        await connection.execute("ALTER SYSTEM SET fsync = off")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
    return url
