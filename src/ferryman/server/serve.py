"""``ferryman serve``: the API, with the database and the workers it keeps alive.

Each part may be killed at any instant. A dead worker or embedded PostgreSQL is started again;
if this process itself dies, its workers end by themselves and the next start finds the database.
"""

import asyncio
import fcntl
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

from ferryman.config import Settings
from ferryman.errors import ConfigError, PlatformError
from ferryman.server.children import keep_postgres, keep_worker
from ferryman.server.keeper import end_with_keeper
from ferryman.server.operator import operator_token
from ferryman.server.starting import unless_stopped
from ferryman.store.embedded import EmbeddedPostgres

_BIND_SECONDS = 10.0
_END_SECONDS = 90.0
"""For answers, workers and the database, one after the other."""


async def serve(settings: Settings, *, workers: int) -> None:
    """Run until SIGTERM or SIGINT. Prints one line when the platform can be used."""
    _check_seed(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    token = operator_token(settings.data_dir, settings.operator_token)
    await _wait_for_port(settings.host, settings.port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, stop.set)
    end_with_keeper(stop, _END_SECONDS)
    async with AsyncExitStack() as stack:
        started = await unless_stopped(stop, _start(settings, token, stop, stack))
        if started is None:
            return
        url, serving = started
        # Entered last, so ended first: functions that run still need the API to answer them.
        for number in range(workers):
            await stack.enter_async_context(keep_worker(settings, url, number))
        print(f"Ferryman ready on {settings.base_url}", flush=True)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)


async def _start(
    settings: Settings, token: str, stop: asyncio.Event, stack: AsyncExitStack
) -> tuple[str, "asyncio.Task[None]"]:
    """The address of the database, and the API, which ``stack`` ends."""
    starting = asyncio.create_task(_database(settings, stack))
    try:
        await asyncio.sleep(0)
        # Imported while the database starts: each takes about half a second.
        from ferryman.server.answer import answering

        url = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _ended(starting)
        raise
    return url, await stack.enter_async_context(answering(settings, url, token, stop))


async def _ended(starting: "asyncio.Task[str]") -> None:
    """An embedded server that is about to start cannot be left to itself."""
    with suppress(PlatformError):
        await starting


async def _database(settings: Settings, stack: AsyncExitStack) -> str:
    """The address given, or that of the embedded server, which then runs as long as we do."""
    if settings.database_url is not None:
        return settings.database_url
    stack.enter_context(_sole_owner(settings.data_dir))
    postgres = EmbeddedPostgres(settings.data_dir)
    url = await asyncio.to_thread(postgres.start)
    stack.push_async_callback(asyncio.to_thread, postgres.stop)
    await stack.enter_async_context(keep_postgres(postgres))
    return url


def _check_seed(settings: Settings) -> None:
    if settings.seed is not None and settings.clock != "virtual":
        raise ConfigError(
            "seed_on_real_clock",
            expected="a seed on the virtual clock only: it is for tests",
            found="a seed, and the real clock",
            fix="Add --clock virtual, or leave --seed out.",
        )


@contextmanager
def _sole_owner(data_dir: Path) -> Iterator[None]:
    """One platform runs an embedded server: the first to end would stop it for the other.

    The lock goes with the process, so a killed platform leaves none behind.
    """
    with (data_dir / "serve.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                "data_dir_in_use",
                expected=f"no other platform on {data_dir}",
                found="one that is running",
                fix="Use another --data-dir, or give both platforms one --database-url.",
            ) from None
        yield


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


def free_port(host: str) -> int:
    """A port that nobody has right now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
