"""``ferryman serve``: the API, with the database and the workers it keeps alive.

Each part may be killed at any instant. A dead worker or embedded PostgreSQL is started again;
if this process itself dies, its workers end by themselves and the next start finds the database.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from litestar import Litestar

from ferryman.api.app import create_app
from ferryman.api.auth import Credentials
from ferryman.config import Settings
from ferryman.errors import ConfigError
from ferryman.server.build import build, operator_token
from ferryman.server.children import keep_postgres, keep_worker
from ferryman.store.embedded import EmbeddedPostgres

log = structlog.get_logger("ferryman.serve")

_READ_BUFFER = 4 << 20
"""Bytes taken from a connection at once: large, since most of what arrives is file parts."""

_BIND_SECONDS = 10.0
_CLOSE_SECONDS = 10.0


async def serve(settings: Settings, *, workers: int) -> None:
    """Run until SIGTERM or SIGINT. Prints one line when the platform can be used."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    token = operator_token(settings.data_dir)
    await _wait_for_port(settings.host, settings.port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, stop.set)
    async with AsyncExitStack() as stack:
        url = settings.database_url
        if url is None:
            postgres = EmbeddedPostgres(settings.data_dir)
            url = await asyncio.to_thread(postgres.start)
            stack.push_async_callback(asyncio.to_thread, postgres.stop)
            await stack.enter_async_context(keep_postgres(postgres))
        built = await stack.enter_async_context(build(settings, url))
        app = create_app(built.platform, Credentials(token, built.key), stop)
        serving = await stack.enter_async_context(_listening(app, settings))
        # Entered last, so ended first: functions that run still need the API to answer them.
        for number in range(workers):
            await stack.enter_async_context(keep_worker(settings, url, number))
        print(f"Ferryman ready on {settings.base_url}", flush=True)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)


@asynccontextmanager
async def _listening(app: Litestar, settings: Settings) -> AsyncIterator["asyncio.Task[None]"]:
    """Answer requests; the task ends only if the server does."""
    server = Server(
        app,
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
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({serving}, timeout=_CLOSE_SECONDS)


async def _wait_for_port(host: str, port: int) -> None:
    """The process that was killed a moment ago may still hold the port."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _BIND_SECONDS
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as exc:
                if loop.time() > until:
                    raise ConfigError(
                        "port_taken",
                        expected=f"port {port} of {host} to be free",
                        found=exc.strerror or "an address that cannot be used",
                        fix="Stop the process that has it, or choose another with --port.",
                    ) from exc
            else:
                return
        await asyncio.sleep(0.1)


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


def free_port(host: str) -> int:
    """A port that nobody has right now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
