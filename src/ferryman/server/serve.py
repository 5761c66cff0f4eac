"""``ferryman serve``: run the API, and supervise its workers and the embedded database.

Any part may be killed at any time. A dead worker or embedded PostgreSQL is restarted. If this
process dies, its workers exit by themselves and the next start finds the database.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import structlog

from ferryman import refusals
from ferryman.config import Settings
from ferryman.errors import PlatformError
from ferryman.server import collector
from ferryman.server.debugging import check_debugging
from ferryman.server.forked import ForkServer
from ferryman.server.operator_token import operator_token
from ferryman.server.parent_watchdog import exit_with_parent
from ferryman.server.port import port_of, taken
from ferryman.server.restore_mark import check_restored
from ferryman.server.startup import stop_on_signals, unless_stopped
from ferryman.server.supervisor import keep_postgres, keep_worker
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.store.mariadb.server import EmbeddedMariaDB

log = structlog.get_logger("ferryman.serve")

_END_SECONDS = 90.0
"""Time for requests, workers and the database to end, one after the other."""


async def serve(
    settings: Settings, *, workers: int, api_processes: int = 1, forks: ForkServer | None = None
) -> None:
    """Run until SIGTERM or SIGINT. Prints one line when the platform is ready.

    Its processes are forked by ``forks`` if there is one, and else started.
    """
    _check_seed(settings)
    check_debugging(settings)
    check_restored(settings.data_dir)
    _check_certificate(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    stop = asyncio.Event()
    stop_on_signals(stop)
    exit_with_parent(stop, _END_SECONDS)
    async with AsyncExitStack() as stack:
        # First, since the one before may be about to end.
        settings = await _on_its_port(settings, stack)
        if settings.database_url is None:
            # Before anything is done that another platform in this folder would notice.
            stack.enter_context(sole_owner(settings.data_dir))
        token = operator_token(settings.data_dir, settings.operator_token)
        if settings.mariadb_url is None:
            # Whichever process started it; entered first, so stopped last.
            mariadb = EmbeddedMariaDB(settings.data_dir)
            stack.push_async_callback(asyncio.to_thread, mariadb.stop)
        start = (
            _start(settings, token, stop, stack)
            if api_processes == 1
            else _start_several(settings, token, api_processes, stop, stack, forks)
        )
        started = await unless_stopped(stop, start)
        if started is None:
            return
        url, serving = started
        # Entered last, so stopped first: running functions still need the API.
        for number in range(0 if settings.no_delivery else workers):
            await stack.enter_async_context(keep_worker(settings, url, number, forks))
        if settings.no_delivery:
            log.warning("delivery.off", reason="--no-delivery: no app is called, no timer fires")
        print(f"Ferryman ready on {settings.base_url}", flush=True)
        collector.freeze()
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)


async def _on_its_port(settings: Settings, stack: AsyncExitStack) -> Settings:
    """Reserve the port until ``stack`` ends; return the settings, with the port that 0 became."""
    holder = stack.enter_context(await taken(settings.host, settings.port))
    if settings.port:
        return settings
    return settings.model_copy(update={"port": port_of(holder, settings.host)})


async def _start(
    settings: Settings, token: str, stop: asyncio.Event, stack: AsyncExitStack
) -> tuple[str, "asyncio.Task[None]"]:
    """Start database and API; return the database URL and the API's task. ``stack`` ends both."""
    starting = asyncio.create_task(start_database(settings, stack))
    try:
        await asyncio.sleep(0)
        # Imported while the database starts, since the import takes about half a second.
        from ferryman.server.run_api import serving_api

        url = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _ended(starting)
        raise
    return url, await stack.enter_async_context(serving_api(settings, url, token, stop))


async def _start_several(
    settings: Settings,
    token: str,
    number: int,
    stop: asyncio.Event,
    stack: AsyncExitStack,
    forks: ForkServer | None,
) -> tuple[str, "asyncio.Task[None]"]:
    """Start the database and several API processes, like :func:`_start`."""
    from ferryman.server.api_processes import api_processes

    processes, first = await stack.enter_async_context(
        api_processes(settings, token, number, forks)
    )
    starting = asyncio.create_task(start_database(settings, stack))
    try:
        url = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _ended(starting)
        raise
    await stack.enter_async_context(processes.serving(first, url))

    async def announce_end() -> None:
        await stop.wait()
        processes.announce_end()

    return url, asyncio.create_task(announce_end())


async def _ended(starting: "asyncio.Task[str]") -> None:
    """Wait for an embedded server that is starting, since it must not be abandoned."""
    with suppress(PlatformError):
        await starting


async def start_database(settings: Settings, stack: AsyncExitStack) -> str:
    """Return the given URL, or start the embedded server of our folder for as long as we run."""
    if settings.database_url is not None:
        return settings.database_url
    postgres = EmbeddedPostgres(settings.data_dir)
    url = await asyncio.to_thread(postgres.start)
    stack.push_async_callback(asyncio.to_thread, postgres.stop)
    await stack.enter_async_context(keep_postgres(postgres))
    return url


def _check_seed(settings: Settings) -> None:
    if settings.seed is not None and settings.clock != "virtual":
        raise refusals.database.SEED_ON_REAL_CLOCK()


def _check_certificate(settings: Settings) -> None:
    """Refuse a certificate before anything is started, which the API would do only later."""
    if settings.tls_cert is not None or settings.tls_key is not None:
        # Imported only if needed: the library takes a tenth of a second.
        from ferryman.server.certificate import key_pair

        key_pair(settings)


@contextmanager
def sole_owner(data_dir: Path) -> Iterator[None]:
    """Lock the data folder, since two platforms must not share an embedded server.

    The first to exit would stop it for the other. The lock ends with the process, so a killed
    platform leaves none behind.
    """
    with (data_dir / "serve.lock").open("w") as file:
        # Whoever can open a lock could hold it, and keep the platform from starting.
        os.fchmod(file.fileno(), 0o600)
        for path in data_dir.glob("postgres.*"):
            path.chmod(0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise refusals.database.DATA_DIR_IN_USE(folder=data_dir) from None
        yield
