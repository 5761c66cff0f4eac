"""A platform for an app under test: API, proxy and worker in this one process."""

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
from ferryman.delivery import worker as delivery_worker
from ferryman.delivery.remote import RemoteSender, open_session
from ferryman.delivery.scheduler import Quotas
from ferryman.devtools.faults.proxy import FaultProxy
from ferryman.devtools.faults.run import FaultRun
from ferryman.devtools.faults.scheduler import DeliveryScheduler
from ferryman.devtools.faults.sender import FaultPool, FaultSender, Gate
from ferryman.server.build import Built, build
from ferryman.server.operator_token import operator_token
from ferryman.server.port import port_of, taken
from ferryman.server.run_api import serving_api
from ferryman.services.platform import Platform
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.store.mariadb.server import EmbeddedMariaDB
from ferryman.vocab import FunctionMode

_HOST = "127.0.0.1"
_END_SECONDS = 3.0
_PLACES = 16
"""Functions at once; half of them are for one app, so that many events can overlap."""


class IsolatedSettings(Settings):
    """Settings that ignore the environment: a test must not reach a database in use."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is given in code."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Environment:
    """The running platform. Apps reach it at ``proxy_url``, everybody else at ``url``."""

    platform: Platform
    pool: FaultPool
    faults: FaultRun
    scheduler: DeliveryScheduler
    url: str
    proxy_url: str
    environ: Mapping[str, str]


@asynccontextmanager
async def open_environment(
    folder: Path, *, database_url: str | None = None, function_seconds: float = 25.0
) -> AsyncIterator[Environment]:
    """Run a platform in ``folder``, on the virtual clock, for the length of the block."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as stack:
        # Reserved, as the database takes seconds to start.
        held = [stack.enter_context(await taken(_HOST, 0)) for _ in range(2)]
        port, proxy_port = (port_of(each, _HOST) for each in held)
        settings = IsolatedSettings(
            data_dir=folder,
            host=_HOST,
            port=port,
            public_url=f"http://{_HOST}:{proxy_port}",
            clock="virtual",
            private_addresses="allow",
            function_seconds=function_seconds,
            functions=FunctionMode.TRUSTED,
        )
        own_url = f"http://{_HOST}:{settings.port}"
        url = database_url or await _database(folder, stack)
        token = operator_token(folder)
        # After both of those who may start it.
        stack.push_async_callback(asyncio.to_thread, EmbeddedMariaDB(folder).stop)
        await stack.enter_async_context(serving_api(settings, url, token, asyncio.Event()))
        built = await stack.enter_async_context(build(settings, url))
        yield await assemble(stack, built, url, own_url, FaultRun())


async def assemble(
    stack: AsyncExitStack, built: Built, database_url: str, url: str, faults: FaultRun
) -> Environment:
    """Run the proxy and a worker for the platform at ``url``, until the stack ends.

    The proxy listens at the public address in the platform's settings.
    """
    settings = built.platform.settings
    session = await stack.enter_async_context(open_session(private=True))
    pool = await stack.enter_async_context(
        FaultPool(concurrency=_PLACES, memory_bytes=settings.function_memory_bytes)
    )
    environ, remotes = dict(os.environ), RemoteSender(session)
    sender = FaultSender(
        built.platform, built.keys, functions=pool, remotes=remotes, environ=environ
    )
    sender.gate = Gate()
    scheduler = DeliveryScheduler(built.platform, faults, sender)
    address = urlsplit(settings.base_url)
    proxy = FaultProxy(faults, url).listening(address.hostname or _HOST, address.port or 80)
    await stack.enter_async_context(proxy)
    stop = asyncio.Event()
    share = _PLACES // 2
    quotas = Quotas(settings.delivery_concurrency, _PLACES, share, _PLACES, _PLACES, of_new=share)
    tasks = [
        asyncio.create_task(
            delivery_worker.work(built.platform, database_url, stop, sender, pool, quotas)
        ),
        asyncio.create_task(scheduler.run(stop)),
    ]
    stack.push_async_callback(_end, stop, tasks)
    return Environment(built.platform, pool, faults, scheduler, url, settings.base_url, environ)


async def _end(stop: asyncio.Event, tasks: "list[asyncio.Task[None]]") -> None:
    """Stop the tasks in order, or cancel them if that takes too long."""
    stop.set()
    await asyncio.wait(tasks, timeout=_END_SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _database(folder: Path, stack: AsyncExitStack) -> str:
    """Start an embedded server that need not survive a power cut."""
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
