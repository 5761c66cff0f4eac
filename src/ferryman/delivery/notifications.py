"""Listen for PostgreSQL's notifications, and repeat the agents' steps that they wake."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from ferryman.errors import OutsideError
from ferryman.services.platform import wait_for_event
from ferryman.store.database import CONNECTION_LOST, connect
from ferryman.store.delivery import CHANNEL

log = structlog.get_logger("ferryman.delivery")

_PAUSE_SECONDS = 0.5


async def repeat(
    logger: Any,
    name: str,
    step: Callable[[], Awaitable[float]],
    *,
    stop: asyncio.Event,
    woken: asyncio.Event,
    away_seconds: float,
    retry_seconds: float,
) -> None:
    """Repeat an agent's step until ``stop``, each time after the pause it returns or once woken.

    The pause is ``away_seconds`` while the database or the object store does not answer, and
    ``retry_seconds`` after an unexpected error. Entries of ``logger`` are called
    ``NAME.waits`` and ``NAME.failed``.
    """
    while not stop.is_set():
        woken.clear()
        try:
            pause = await step()
        except OutsideError as exc:
            logger.warning(f"{name}.waits", code=exc.code)
            pause = away_seconds
        except Exception:
            logger.exception(f"{name}.failed")
            pause = retry_seconds
        await wait_for_event(woken, pause)


class Notifications:
    """Passes on the payload of every notification.

    An empty payload means that anything may be due. It is also passed on after each connect, since
    notifications may have been lost before. While disconnected nothing is passed on, so the agents
    must look for work now and then anyway.
    """

    def __init__(self, database_url: str, notify: Callable[[str], None]) -> None:
        self._url = database_url
        self._notify = notify

    async def run(self) -> None:
        """Listen until cancelled, reconnecting whenever the connection is lost."""
        while True:
            try:
                connection = await connect(self._url)
                try:
                    await self._listen_until_lost(connection)
                finally:
                    connection.terminate()
            except CONNECTION_LOST as exc:
                log.warning("notifications.lost", error=type(exc).__name__)
            except Exception:
                log.exception("notifications.failed")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _listen_until_lost(self, connection: Any) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, lambda *heard: self._notify(str(heard[3])))
        self._notify("")
        await lost.wait()
