"""Supervise the child processes of ``ferryman serve``."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from ferryman.config import Settings
from ferryman.errors import ConfigError
from ferryman.mail_config import MailSettings
from ferryman.server.forked import ForkedProcess, ForkServer
from ferryman.server.forked_program import Command
from ferryman.server.own_program import own_program
from ferryman.server.parent_watchdog import SUPERVISED
from ferryman.sign_in_config import SignInSettings
from ferryman.store.embedded import EmbeddedPostgres

log = structlog.get_logger("ferryman.serve")

_POLL_SECONDS = 0.5
_STOP_SECONDS = 35.0
"""A worker gets 30 seconds to finish running deliveries."""


@asynccontextmanager
async def keep_worker(
    settings: Settings, database_url: str, number: int, forks: ForkServer | None = None
) -> AsyncIterator[None]:
    """Run a worker, restart it whenever it exits, and stop it gracefully at the end."""
    task = asyncio.create_task(_keep_worker(settings, database_url, number, forks))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def keep_postgres(postgres: EmbeddedPostgres) -> AsyncIterator[None]:
    """Restart the embedded server whenever it was killed."""
    task = asyncio.create_task(_keep_postgres(postgres))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


_NOT_FOR_WORKERS = {
    *("operator_token", "tls_cert", "tls_key"),
    *SignInSettings.model_fields,
    *MailSettings.model_fields,
}
"""Settings of sign-in and mail, and their secrets, which only the API gets."""


def environment_of(settings: Settings, database_url: str) -> dict[str, str]:
    """Return the settings as environment variables: secrets must not be on a command line."""
    chosen = settings.model_dump(mode="json", exclude_none=True, exclude=_NOT_FOR_WORKERS)
    chosen["database_url"] = database_url
    chosen["data_dir"] = str(settings.data_dir)
    chosen["public_url"] = settings.base_url
    # Depends on the address the platform listens on, which a worker does not know.
    chosen["private_addresses"] = "allow" if settings.posts_to_private_addresses else "refuse"
    return {f"FERRYMAN_{name.upper()}": str(value) for name, value in chosen.items()}


async def _start_worker(
    variables: dict[str, str], forks: ForkServer | None
) -> asyncio.subprocess.Process | ForkedProcess:
    """Start a worker; fork it if it can be forked."""
    without = [f"FERRYMAN_{name.upper()}" for name in _NOT_FOR_WORKERS]
    if forks is not None:
        command = Command("worker", ["ferryman", "worker"], variables, without, [])
        if (forked := await forks.fork(command, [], answers=False)) is not None:
            return forked
    own = {name: value for name, value in os.environ.items() if name not in without}
    return await asyncio.create_subprocess_exec(
        *own_program("ferryman", "worker"),
        env=own | variables,
        stdin=asyncio.subprocess.PIPE,
    )


async def _keep_worker(
    settings: Settings, database_url: str, number: int, forks: ForkServer | None
) -> None:
    variables = environment_of(settings, database_url) | {SUPERVISED: "1"}
    pause = 0.1
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            worker = await _start_worker(variables, forks)
        except OSError as error:  # this machine has no process or descriptor left for it
            log.error("worker.not_started", number=number, found=str(error))
        else:
            try:
                code = await worker.wait()
            finally:
                # The worker is still alive here only if this task was cancelled.
                await _stop(worker)
            log.warning("worker.ended", number=number, code=code)
        pause = 0.1 if loop.time() - began > 10 else min(pause * 2, 5.0)
        await asyncio.sleep(pause)


async def _stop(worker: asyncio.subprocess.Process | ForkedProcess) -> None:
    if worker.returncode is not None:
        return
    with suppress(ProcessLookupError):
        worker.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await worker.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()


async def _keep_postgres(postgres: EmbeddedPostgres) -> None:
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        try:
            if not await asyncio.to_thread(postgres.running):
                log.warning("postgres.ended")
                await asyncio.to_thread(postgres.start)
        except ConfigError as exc:
            log.error("postgres.not_started", found=exc.found)
        except OSError as exc:  # this machine has no process or descriptor left
            log.error("postgres.not_started", found=str(exc))
